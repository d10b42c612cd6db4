-- done: takes an entry out of the stream. Only removes, so it needs no mark and passes on a full Redis.
-- KEYS[1] the stream, KEYS[2] hash: item → its entry's id. ARGV: group, entry id, item.
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
if redis.call('HGET', KEYS[2], ARGV[3]) == ARGV[2] then redis.call('HDEL', KEYS[2], ARGV[3]) end
return 1
