-- enqueue: puts items into the stream that are not in it. Only in a verified epoch: what is written into another
-- namespace is nobody's.
-- KEYS[1] the mark, KEYS[2] the stream, KEYS[3] hash: item → its entry's id. ARGV: epoch, items...
-- Answers how many were put in, or -1 if the epoch is not open.
local mark = redis.call('HMGET', KEYS[1], 'epoch', 'open')
if mark[1] ~= ARGV[1] or mark[2] ~= '1' then return -1 end
local added = 0
for i = 2, #ARGV do
	local id = redis.call('HGET', KEYS[3], ARGV[i])
	if not id or #redis.call('XRANGE', KEYS[2], id, id) == 0 then
		id = redis.call('XADD', KEYS[2], '*', 'item', ARGV[i])
		redis.call('HSET', KEYS[3], ARGV[i], id)
		added = added + 1
	end
end
return added
