-- open: lets commits in, if the mark is still exactly what this recovery made of it, on the very server that it closed,
-- and everything that was sent has been built.
-- KEYS[1] the mark. ARGV: epoch, nonce, how much was built. Answers '' or why not.
local info = redis.pcall('INFO', 'replication')
local replid = type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or ''
local m = redis.call('HMGET', KEYS[1], 'epoch', 'open', 'replid', 'nonce', 'built')
if m[1] ~= ARGV[1] or m[2] ~= '0' or m[4] ~= ARGV[2] then return 'the mark is not ours any more' end
if m[3] ~= replid then return 'this is not the server that was closed' end
if m[5] ~= ARGV[3] then return 'built ' .. m[5] .. ' of ' .. ARGV[3] end
redis.call('HSET', KEYS[1], 'open', '1')
return ''
