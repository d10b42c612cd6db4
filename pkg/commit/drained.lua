-- drained: takes what is in the log out of the outboxes.
-- KEYS[1] the index of open outboxes, then one outbox list per record.
-- ARGV: per list the record's name and the revision up to which the log has it.
-- Only removes, so it passes on a full Redis, and in a namespace that is no longer anybody's.
for i = 2, #KEYS do
	local name, through = ARGV[2 * i - 3], tonumber(ARGV[2 * i - 2])
	local head = redis.call('LINDEX', KEYS[i], 0)
	while head and tonumber(string.match(head, '^(%d+)\n')) <= through do
		redis.call('LPOP', KEYS[i])
		head = redis.call('LINDEX', KEYS[i], 0)
	end
	if not head then redis.call('ZREM', KEYS[1], name) end
end
return { #KEYS - 1 }
