package contact

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// Heal is the change that makes a contact what it should be. stored is what was found; nil if nothing that can be read.
func Heal(stored, truth *routingv1.Contact, revision *commonv1.Revision, note string) *Change {
	return &Change{Before: stored, After: truth, Revision: revision, Kind: routingv1.ContactEvent_KIND_HEALED, Note: note}
}

// Agents whose workload a healed contact may touch: who has it, and who was found to have it.
func (c *Change) Agents() []string {
	agents := slices.DeleteFunc([]string{holder(c.After), holder(c.Before)}, func(a string) bool { return a == "" })
	slices.Sort(agents)
	return slices.Compact(agents)
}

// Rightful is a workload in which the contact's card is where it should be; nil if it is so already.
func Rightful(w *routingv1.Workload, agent string, c *routingv1.Contact, revision *commonv1.Revision, now time.Time) *routingv1.Workload {
	if w == nil {
		w = &routingv1.Workload{AgentId: agent}
	}
	w = proto.CloneOf(w)
	before := len(w.Cards)
	w.Cards = slices.DeleteFunc(w.Cards, func(card *routingv1.Card) bool { return card.ContactId == c.Id })
	switch {
	case holder(c) == agent:
		w.Cards = append(w.Cards, Card(c, revision))
	case len(w.Cards) == before:
		return nil
	}
	if at := w.At.AsTime(); w.At == nil || at.Before(now) {
		w.At = stamp(now)
	}
	return w
}
