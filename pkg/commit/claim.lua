-- claim: takes members of a sorted set of times that lie far enough back, and moves them on, so that other pods leave
-- them alone for a while. A claim only saves work: whoever acts on it commits with a check of revisions.
-- KEYS[1] the sorted set; KEYS[2], for deadlines, the sorted set that keeps when what is claimed was due in truth. A time with a
-- fraction is one that a claim has set: all others are whole milliseconds.
-- ARGV: least age ms, how many, lease ms. Answers now (ms), then members and their times.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - ARGV[1]), 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local leased = string.format('%.0f', now + ARGV[3]) .. (KEYS[2] and '.5' or '')
local answer = {now}
for i = 1, #due, 2 do
	local member, at = due[i], due[i + 1]
	local again = string.find(at, '.', 1, true)
	if KEYS[2] and again then at = redis.call('ZSCORE', KEYS[2], member) or at end
	redis.call('ZREM', KEYS[1], member) -- a full Redis lets a script pass whose first write frees memory
	redis.call('ZADD', KEYS[1], leased, member)
	if KEYS[2] and not again then redis.call('ZADD', KEYS[2], at, member) end
	answer[#answer + 1] = member
	answer[#answer + 1] = at
end
return answer
