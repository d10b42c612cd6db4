package check

import (
	"strings"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
)

const (
	// catchUp is how long Kafka may need after a fault until it has all that waited for it.
	catchUp = 20 * time.Second
	// retold is how long after both are back switches may still be telling what they connected meanwhile.
	retold = 30 * time.Second
)

// Together are the spans in which Redis was lost while Kafka was away, or had not caught up: what was decided then is
// not promised, and switches tell it again.
type Together []span

type span struct{ from, until time.Duration }

// LostTogether finds them among the faults of a history.
func LostTogether(h *history.History) (spans Together) {
	faults := faultsOf(h)
	for _, k := range faults {
		for _, r := range faults {
			redis := strings.HasPrefix(r.kind, "redis-") || r.kind == "split"
			if strings.HasPrefix(k.kind, "kafka-") && redis && r.ended >= k.begun && r.begun <= k.ended+catchUp {
				spans = append(spans, span{min(k.begun, r.begun), max(k.ended, r.ended) + retold})
			}
		}
	}
	return spans
}

// Cover says whether a moment lies in one of them.
func (t Together) Cover(at time.Duration) bool {
	for _, s := range t {
		if s.from <= at && at <= s.until {
			return true
		}
	}
	return false
}
