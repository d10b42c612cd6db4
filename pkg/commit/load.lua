-- load: everything a decision rests on, in one atomic read.
-- KEYS[1] the own mark, then marks of other services, then what is to be read.
-- ARGV: own epoch; number of foreign marks; their epochs; then per read a verb and its arguments:
--   r KEY             record   -> revision, operation, value
--   i KEY MIN SKIP N  index    -> n pairs of member and score
--   n KEY             index    -> number of members
--   c KEY FIELD       counter  -> value
--   s KEY MEMBER      index    -> its score, or ''
--   o KEY             outbox   -> its first 8 entries
-- Answers: why the state is not verified or '', seconds, microseconds, then one element per read.
local info = redis.pcall('INFO', 'replication')
local replid = type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or ''
local replica = type(info) == 'string' and string.find(info, 'role:slave', 1, true)

local function unverified(key, epoch)
	local m = redis.call('HMGET', key, 'epoch', 'open', 'replid')
	if not m[1] then return 'missing' end
	if m[1] ~= epoch then return 'epoch' end
	if m[2] ~= '1' then return 'closed' end
	if replica then return 'replica' end -- it has the primary's replid, and lags behind
	if m[3] ~= replid then return 'replid' end
	return ''
end

local why = unverified(KEYS[1], ARGV[1])
local foreign = tonumber(ARGV[2])
for i = 1, foreign do
	local w = unverified(KEYS[1 + i], ARGV[2 + i])
	if why == '' and w ~= '' then why = 'foreign ' .. i end
end

local time = redis.call('TIME')
local answer = {why, time[1], time[2]}
local a = 3 + foreign
while a <= #ARGV do
	local verb, key = ARGV[a], KEYS[tonumber(ARGV[a + 1])]
	a = a + 2
	if verb == 'r' then
		answer[#answer + 1] = redis.call('HMGET', key, 'r', 'o', 'v')
	elseif verb == 'i' then
		answer[#answer + 1] = redis.call('ZRANGEBYSCORE', key, ARGV[a], '+inf', 'WITHSCORES', 'LIMIT', ARGV[a + 1], ARGV[a + 2])
		a = a + 3
	elseif verb == 'o' then
		answer[#answer + 1] = redis.call('LRANGE', key, 0, 7)
	elseif verb == 's' then
		answer[#answer + 1] = redis.call('ZSCORE', key, ARGV[a]) or ''
		a = a + 1
	elseif verb == 'n' then
		answer[#answer + 1] = redis.call('ZCARD', key)
	else
		answer[#answer + 1] = redis.call('HGET', key, ARGV[a]) or '0'
		a = a + 1
	end
end
return answer
