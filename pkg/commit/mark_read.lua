-- mark: what is held of a tenant's state, and on which server, at one moment.
-- KEYS[1] the mark. Answers why it does not count as verified or '', epoch, open, nonce, the server's replid, its role
-- ('' from a server that tells neither), the last epoch that was open before this one, its sequence when it was closed.
local info = redis.pcall('INFO', 'replication')
if type(info) ~= 'string' then info = '' end
local replid = string.match(info, 'master_replid:(%x+)') or ''
local role = string.match(info, 'role:(%a+)') or ''
local m = redis.call('HMGET', KEYS[1], 'epoch', 'open', 'replid', 'nonce', 'prior', 'priorseq')
local why = ''
if not m[1] then why = 'missing'
elseif role == 'slave' then why = 'replica'
elseif m[2] ~= '1' then why = 'closed'
elseif m[3] ~= replid then why = 'replid' end
return {why, m[1] or '', m[2] or '', m[4] or '', replid, role, m[5] or '', m[6] or ''}
