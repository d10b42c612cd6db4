-- touch: says that an entry's worker is alive, if it is still that worker's.
-- KEYS[1] the stream. ARGV: group, consumer, entry id. Answers 1, or 0 if another has the entry or it is gone.
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
if not pending[1] or pending[1][2] ~= ARGV[2] then return 0 end
redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'JUSTID')
return 1
