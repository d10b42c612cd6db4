package commit

import (
	"github.com/busyhour/busyhour/pkg/refusal"
)

const (
	outboxFull = "OUTBOX_FULL"
	storeFull  = "STORE_FULL"
)

// noRoom refuses because events pile up before the log.
func noRoom(tenant, service string, limit int64) error {
	return refusal.New(refusal.Unavailable, outboxFull, "events of tenant %s in %s wait for the log, more than the %d bytes that may", tenant, service, limit).
		To("try again when the log answers; what lives already goes on")
}

// noMemory refuses because Redis has none left. What ends something, and the drain of outboxes, still pass: their first
// write is a removal.
func noMemory(tenant, service string) error {
	return refusal.New(refusal.Unavailable, storeFull, "Redis has no memory left for tenant %s in %s", tenant, service).
		To("try again after a while; what ends something goes on and frees memory")
}

// NoRoom reports whether a commit was refused for want of room, in Redis or before the log.
func NoRoom(err error) bool {
	r, ok := refusal.As(err)
	return ok && (r.Reason == outboxFull || r.Reason == storeFull)
}
