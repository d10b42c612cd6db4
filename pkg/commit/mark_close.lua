-- close: begins an epoch on this server. Refuses when the mark has this epoch or a later one.
-- KEYS[1] the mark. ARGV: epoch, nonce. Answers {'', epoch before or ''} or {'later', epoch}.
local info = redis.pcall('INFO', 'replication')
local replid = type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or ''
local before = redis.call('HGET', KEYS[1], 'epoch')
if before and tonumber(before) >= tonumber(ARGV[1]) then return {'later', before} end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'open', '0', 'replid', replid, 'nonce', ARGV[2], 'seq', '0', 'built', '0')
return {'', before or ''}
