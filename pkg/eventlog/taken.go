package eventlog

import (
	"slices"
	"time"
)

// takesKept is how many takes of a tenant are remembered.
const takesKept = 64

// Taken is one epoch of a tenant as the epoch topic has it.
type Taken struct {
	Epoch uint32
	// Nonce of whoever took it.
	Nonce string
	// Ends is the epoch of the open reign that it ended; 0 if the taker knew of none.
	Ends uint32
	// Hand says that a person asked for it.
	Hand bool
	// At is when it was taken, by the taker's clock, but not later than when it was read here.
	At time.Time
}

// Takes are the last epochs of a tenant that the tail has seen, oldest first. Compaction may have removed some that are
// older than ten minutes, never the newest.
func (e *EpochLog) Takes(tenant string) []Taken {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.takes[tenant])
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}
