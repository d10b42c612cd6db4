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
	moveOn(w, now)
	return w
}

// Holds reports whether the workload has exactly these cards, in whatever order. A card may be of an earlier revision than
// its contact: what is only noted changes no card.
func Holds(w *routingv1.Workload, cards []*routingv1.Card) bool {
	return len(w.GetCards()) == len(cards) && !slices.ContainsFunc(cards, func(card *routingv1.Card) bool {
		return !slices.ContainsFunc(w.Cards, func(has *routingv1.Card) bool { return shows(has, card) })
	})
}

func shows(has, card *routingv1.Card) bool {
	if number(has.Revision) > number(card.Revision) {
		return false
	}
	has = proto.CloneOf(has)
	has.Revision = card.Revision
	return proto.Equal(has, card)
}

func number(r *commonv1.Revision) uint64 { return uint64(r.GetEpoch())<<32 | uint64(r.GetN()) }

// Holding is a workload with exactly these cards, oldest state first. w is what was found; nil if nothing that can be read.
func Holding(w *routingv1.Workload, agent string, cards []*routingv1.Card, now time.Time) *routingv1.Workload {
	after := &routingv1.Workload{AgentId: agent, IdleSince: w.GetIdleSince(), At: w.GetAt(), Cards: slices.Clone(cards)}
	slices.SortFunc(after.Cards, func(a, b *routingv1.Card) int { return a.Since.AsTime().Compare(b.Since.AsTime()) })
	moveOn(after, now)
	return after
}

// moveOn never lets a workload's time go back.
func moveOn(w *routingv1.Workload, now time.Time) {
	if w.At == nil || w.At.AsTime().Before(now) {
		w.At = stamp(now)
	}
}
