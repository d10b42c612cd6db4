package directory

import (
	"fmt"
	"strings"

	"github.com/busyhour/busyhour/pkg/refusal"
)

// UnknownQueues are those that an agent is to serve and that do not exist. An agent of such a queue would wait for calls that
// never come, and nobody would see why.
func UnknownQueues(ids []string, exists func(id string) bool) []Problem {
	var p problems
	for _, id := range ids {
		if !exists(id) {
			p.add("queues", "queue %q does not exist", Short(id))
		}
	}
	return p
}

// RefuseServed keeps a queue that agents serve. Contacts that still wait in it are routing's: with no agent left to
// serve it, they overflow when the queue's max_wait has passed.
func RefuseServed(p Present, agents int64, some []string) error {
	if agents == 0 || !p.Live() {
		return nil
	}
	names := strings.Join(some, ", ")
	if more := agents - int64(len(some)); more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return refusal.New(refusal.Impossible, "QUEUE_IN_USE", "%d agents serve it: %s", agents, names).
		At(p.Record, p.Epoch, p.N).To("take it from their queues first")
}
