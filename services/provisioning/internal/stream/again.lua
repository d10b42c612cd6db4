-- again: puts an entry of the stream at its end. Only in a verified epoch, and only an entry that is still there.
-- KEYS[1] the mark, KEYS[2] the stream, KEYS[3] hash: item → its entry's id. ARGV: epoch, group, entry id, item.
local mark = redis.call('HMGET', KEYS[1], 'epoch', 'open')
if mark[1] ~= ARGV[1] or mark[2] ~= '1' then return -1 end
redis.call('XACK', KEYS[2], ARGV[2], ARGV[3])
if redis.call('XDEL', KEYS[2], ARGV[3]) == 0 then return 0 end
redis.call('HSET', KEYS[3], ARGV[4], redis.call('XADD', KEYS[2], '*', 'item', ARGV[4]))
return 1
