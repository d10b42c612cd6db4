-- The least that any design on Redis does for a transition: a record written, an index moved.
-- KEYS: record, index. ARGV: member, score, value.
redis.call('HSET', KEYS[1], 'value', ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
return redis.call('HINCRBY', KEYS[1], 'n', 1)
