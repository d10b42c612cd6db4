-- overdue: the oldest deadline that nobody has moved, whatever claims have made of it; and drops from the claimed what has
-- moved since. KEYS[1] the deadlines, KEYS[2] the claimed. Answers now and the oldest (ms), '' if there is none.
local oldest = ''
for i = 1, 1000 do
	local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
	if #first == 0 then break end
	local at = redis.call('ZSCORE', KEYS[1], first[1])
	if at and string.find(at, '.', 1, true) then
		oldest = first[2]
		break
	end
	redis.call('ZREM', KEYS[2], first[1])
end
local due = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if #due > 0 and not string.find(due[2], '.', 1, true) and (oldest == '' or tonumber(due[2]) < tonumber(oldest)) then
	oldest = due[2]
end
local time = redis.call('TIME')
return {string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)), oldest}
