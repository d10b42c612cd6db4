-- claim: takes members of a sorted set of times that lie far enough back, and moves them on, so that other pods leave
-- them alone for a while. A claim only saves work: whoever acts on it commits with a check of revisions.
-- KEYS[1] the sorted set. ARGV: least age ms, how many, lease ms. Answers now (ms), then members and their times.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - ARGV[1]), 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local answer = {now}
for i = 1, #due, 2 do
	redis.call('ZADD', KEYS[1], 'XX', string.format('%.0f', now + ARGV[3]), due[i])
	answer[#answer + 1] = due[i]
	answer[#answer + 1] = due[i + 1]
end
return answer
