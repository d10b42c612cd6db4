-- close: begins an epoch on this server. Refuses when the mark has this epoch or a later one.
-- The last epoch that was open is kept as `prior` until one opens: its outboxes are still to be drained, however many
-- recoveries end before that.
-- KEYS[1] the mark. ARGV: epoch, nonce. Answers {'', prior epoch or '', its sequence or ''} or {'later', epoch}.
local info = redis.pcall('INFO', 'replication')
local replid = type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or ''
local m = redis.call('HMGET', KEYS[1], 'epoch', 'open', 'seq', 'prior', 'priorseq')
if m[1] and tonumber(m[1]) >= tonumber(ARGV[1]) then return {'later', m[1]} end
local prior, seq = m[4] or '', m[5] or ''
if m[2] == '1' then prior, seq = m[1], m[3] or '' end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'open', '0', 'replid', replid, 'nonce', ARGV[2], 'seq', '0', 'built', '0',
	'outbox', '0', 'prior', prior, 'priorseq', seq)
return {'', prior, seq}
