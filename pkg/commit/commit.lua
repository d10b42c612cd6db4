-- commit: one or many commits of one tenant, service and epoch. Redis rolls nothing back, so everything is read and
-- checked, types included, before the first write.
-- KEYS[1] the own mark, KEYS[2] the index of open outboxes, then whatever the commits name.
-- ARGV: epoch; number of commits; bytes that the outboxes may hold for new work; the same for all; then per commit
--   op, '1' if it begins new work
--   marks:   count, {KEY epoch}          foreign marks that must be open in that epoch
--   records: count, {KEY expected new value}   the first is the primary; new '' deletes
--   guards:  count, {KEY expected}
--   removes: count, {KEY member}         sorted sets
--   adds:    count, {KEY member score}
--   counts:  count, {KEY field by}
--   events:  count, {KEY record entry}   KEY is the record's outbox list
-- Answers {why} if the state is not verified, else {'', seq, verdicts...}, a verdict being
--   {'committed', open entries older than these...} | {'duplicate', revision, open entries...}
--   {'conflict', KEY} | {'foreign', KEY} | {'full'}
local info = redis.pcall('INFO', 'replication')
local replid = type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or ''
local replica = type(info) == 'string' and string.find(info, 'role:slave', 1, true)
local mark = redis.call('HMGET', KEYS[1], 'epoch', 'open', 'replid', 'outbox')
if not mark[1] then return {'missing'} end
if mark[1] ~= ARGV[1] then return {'epoch'} end
if mark[2] ~= '1' then return {'closed'} end
if replica then return {'replica'} end
if mark[3] ~= replid then return {'replid'} end

local a = 4
local function arg()
	a = a + 1
	return ARGV[a]
end
local function key() return tonumber(arg()) end
local function list(width)
	local all, n = {}, tonumber(arg())
	for i = 1, n do
		local one = {key()}
		for j = 2, width do one[j] = arg() end
		all[i] = one
	end
	return all
end

local revision, operation, kind, foreign = {}, {}, {}, {}
local function load(k)
	if not revision[k] then
		local r = redis.call('HMGET', KEYS[k], 'r', 'o')
		-- What is no number, nobody of us wrote: to a load it does not exist either.
		revision[k], operation[k] = string.match(r[1] or '', '^%d+$') or '0', r[2] or ''
	end
end
local function must_be(k, want)
	if not kind[k] then
		local t = redis.call('TYPE', KEYS[k])
		kind[k] = type(t) == 'table' and t.ok or t
	end
	if kind[k] ~= 'none' and kind[k] ~= want then
		error('commit: ' .. KEYS[k] .. ' holds a ' .. kind[k] .. ', not a ' .. want)
	end
end
local function open_in(k, epoch)
	if foreign[k] == nil then
		local m = redis.call('HMGET', KEYS[k], 'epoch', 'open', 'replid')
		foreign[k] = m[1] and m[2] == '1' and m[3] == replid and m[1] or false
	end
	return foreign[k] == epoch
end
must_be(2, 'zset')

local older = {} -- outbox list -> entries that were open before this script
local function remember(k)
	if not older[k] then older[k] = redis.call('LRANGE', KEYS[k], 0, 7) end
end

local waiting = tonumber(mark[4]) or 0 -- bytes in all outboxes, with what this script adds
local added = 0
local function fits(c)
	local bytes = 0
	for _, e in ipairs(c.events) do bytes = bytes + #e[3] end
	if bytes > 0 and waiting + bytes > tonumber(c.grow == '1' and ARGV[3] or ARGV[4]) then return false end
	waiting, added = waiting + bytes, added + bytes
	return true
end

local function check(c)
	for _, m in ipairs(c.marks) do
		if not open_in(m[1], m[2]) then return {'foreign', m[1]} end
	end
	local primary = c.records[1]
	if primary and c.op ~= '' and operation[primary[1]] == c.op then
		local verdict = {'duplicate', revision[primary[1]]}
		for _, e in ipairs(c.events) do
			for _, entry in ipairs(older[e[1]]) do verdict[#verdict + 1] = entry end
		end
		return verdict
	end
	for _, r in ipairs(c.records) do
		if revision[r[1]] ~= r[2] then return {'conflict', r[1]} end
	end
	for _, g in ipairs(c.guards) do
		if revision[g[1]] ~= g[2] then return {'conflict', g[1]} end
	end
	if not fits(c) then return {'full'} end
	for _, r in ipairs(c.records) do
		revision[r[1]], operation[r[1]] = r[3] == '' and '0' or r[3], c.op
	end
	local verdict = {'committed'}
	for _, e in ipairs(c.events) do
		for _, entry in ipairs(older[e[1]]) do verdict[#verdict + 1] = entry end
	end
	return verdict
end

local commits, verdicts, accepted = {}, {}, 0
for i = 1, tonumber(ARGV[2]) do
	local c = {op = arg(), grow = arg(), marks = list(2), records = list(4), guards = list(2),
		removes = list(2), adds = list(3), counts = list(3), events = list(3)}
	for _, r in ipairs(c.records) do load(r[1]) end
	for _, g in ipairs(c.guards) do load(g[1]) end
	for _, x in ipairs(c.removes) do must_be(x[1], 'zset') end
	for _, x in ipairs(c.adds) do must_be(x[1], 'zset') end
	for _, x in ipairs(c.counts) do must_be(x[1], 'hash') end
	for _, e in ipairs(c.events) do must_be(e[1], 'list') remember(e[1]) end
	verdicts[i] = check(c)
	if verdicts[i][1] == 'committed' then
		accepted = accepted + 1
		commits[accepted] = c
	end
end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))

-- From here on only writes. Removals come first: a full Redis lets a script pass whose first write frees memory.
for i = 1, accepted do
	local c = commits[i]
	for _, x in ipairs(c.removes) do redis.call('ZREM', KEYS[x[1]], x[2]) end
	for _, r in ipairs(c.records) do
		if r[3] == '' then
			redis.call('DEL', KEYS[r[1]])
		else
			redis.call('HSET', KEYS[r[1]], 'r', r[3], 'o', c.op, 'v', r[4])
		end
	end
	for _, x in ipairs(c.adds) do redis.call('ZADD', KEYS[x[1]], x[3], x[2]) end
	for _, x in ipairs(c.counts) do redis.call('HINCRBY', KEYS[x[1]], x[2], x[3]) end
	for _, e in ipairs(c.events) do
		redis.call('RPUSH', KEYS[e[1]], e[3])
		redis.call('ZADD', KEYS[2], 'NX', now, e[2])
	end
end
local seq = redis.call('HGET', KEYS[1], 'seq') or '0'
if accepted > 0 then seq = redis.call('HINCRBY', KEYS[1], 'seq', accepted) end
if added > 0 then redis.call('HINCRBY', KEYS[1], 'outbox', added) end
local answer = {'', tostring(seq)}
for _, v in ipairs(verdicts) do answer[#answer + 1] = v end
return answer
