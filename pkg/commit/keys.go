package commit

import "strconv"

// Every key of a tenant carries the hash tag {tenant}, so that one script may touch them all in a Redis Cluster.

// Key is the Redis key of a record (hash: r revision, o operation, v value) or of an index (sorted set).
func Key(tenant, service string, epoch uint32, name string) string {
	return "{" + tenant + "}:" + service + ":" + strconv.FormatUint(uint64(epoch), 10) + ":" + name
}

// MarkKey is the Redis key (hash: epoch, open, replid, seq, built, nonce) that says whether a tenant's state is verified.
func MarkKey(tenant, service string) string {
	return "{" + tenant + "}:" + service + ":mark"
}

// Names of what the store itself keeps in each namespace.
const (
	deadlines = "deadlines" // sorted set: record name → due, ms; with a fraction while somebody has claimed it
	claimed   = "claimed"   // sorted set: record name → when it was due that somebody has claimed, ms
	outbox    = "outbox"    // sorted set: record name with open entries → since when, ms
	counters  = "counters"  // hash: counter → value
)

// outboxOf is the name of a record's outbox (list of entries, oldest first).
func outboxOf(record string) string { return "outbox:" + record }
