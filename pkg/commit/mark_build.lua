-- build: writes a part of a namespace that nobody uses yet, if the mark is still the one that this recovery closed.
-- KEYS[1] the mark, then records and indexes. ARGV: epoch, nonce; then per write a verb and its arguments:
--   r KEY revision op value     record
--   i KEY score member          index
-- Answers '' or why not.
local info = redis.pcall('INFO', 'replication')
local replid = type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or ''
local m = redis.call('HMGET', KEYS[1], 'epoch', 'open', 'replid', 'nonce')
if m[1] ~= ARGV[1] or m[2] ~= '0' or m[3] ~= replid or m[4] ~= ARGV[2] then return 'the mark is not ours any more' end
local a, built = 3, 0
while a <= #ARGV do
	local key = KEYS[tonumber(ARGV[a + 1])]
	if ARGV[a] == 'r' then
		redis.call('HSET', key, 'r', ARGV[a + 2], 'o', ARGV[a + 3], 'v', ARGV[a + 4])
		a = a + 5
	else
		redis.call('ZADD', key, ARGV[a + 2], ARGV[a + 3])
		a = a + 4
	end
	built = built + 1
end
redis.call('HINCRBY', KEYS[1], 'built', built)
return ''
