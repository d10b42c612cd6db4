-- group: makes the workers' group, and the stream if there is none. Only in a verified epoch.
-- KEYS[1] the mark, KEYS[2] the stream. ARGV: epoch, group. Answers 1, or -1 if the epoch is not open.
local mark = redis.call('HMGET', KEYS[1], 'epoch', 'open')
if mark[1] ~= ARGV[1] or mark[2] ~= '1' then return -1 end
redis.pcall('XGROUP', 'CREATE', KEYS[2], ARGV[2], '0', 'MKSTREAM') -- BUSYGROUP: somebody was first
return 1
