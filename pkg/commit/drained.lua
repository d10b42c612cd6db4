-- drained: takes what is in the log out of the outboxes.
-- KEYS[1] the mark, KEYS[2] the index of open outboxes, then one outbox list per record.
-- ARGV[1] the epoch of the outboxes; then per list the record's name and the revision up to which the log has it.
-- Its first write is a removal, so it passes on a full Redis; and it passes in a namespace that is no longer anybody's,
-- where nobody counts.
local freed = 0
for i = 3, #KEYS do
	local name, through = ARGV[2 * i - 4], tonumber(ARGV[2 * i - 3])
	local head = redis.call('LINDEX', KEYS[i], 0)
	while head and tonumber(string.match(head, '^(%d+)\n')) <= through do
		redis.call('LPOP', KEYS[i])
		freed = freed + #head
		head = redis.call('LINDEX', KEYS[i], 0)
	end
	if not head then redis.call('ZREM', KEYS[2], name) end
end
if freed > 0 and redis.call('HGET', KEYS[1], 'epoch') == ARGV[1] then
	redis.call('HINCRBY', KEYS[1], 'outbox', -freed)
end
return { #KEYS - 2 }
