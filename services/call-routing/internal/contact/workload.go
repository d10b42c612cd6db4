package contact

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// Workload is what the agent holds after a change of one of their contacts. w is what they held before, nil if nothing
// ever; it stays as it is.
func Workload(w *routingv1.Workload, c *Change, now time.Time) *routingv1.Workload {
	w = proto.CloneOf(w)
	if w == nil {
		w = &routingv1.Workload{AgentId: c.Agent()}
	}
	if at := w.At.AsTime(); w.At != nil && at.After(now) {
		now = at
	}
	w.At = stamp(now)
	i := slices.IndexFunc(w.Cards, func(card *routingv1.Card) bool { return card.ContactId == c.After.Id })
	switch {
	case holder(c.After) == "" && i >= 0:
		w.Cards = slices.Delete(w.Cards, i, i+1)
	case holder(c.After) == "":
	case i < 0:
		w.Cards = append(w.Cards, Card(c.After, c.Revision))
	default:
		w.Cards[i] = Card(c.After, c.Revision)
	}
	if c.idles() && len(w.Cards) == 0 {
		w.IdleSince = w.At
	}
	return w
}

// Card is how a contact shows on its agent's screen.
func Card(a *routingv1.Contact, revision *commonv1.Revision) *routingv1.Card {
	return &routingv1.Card{
		ContactId: a.Id, State: a.State, Since: a.Since, Deadline: a.Deadline, QueueId: a.QueueId,
		QueueName: a.Terms.GetQueueName(), Channel: a.Channel, From: a.From, To: a.To, QueuedAt: a.QueuedAt,
		Attributes: a.Attributes, Revision: revision, ConnectedAt: a.ConnectedAt,
	}
}
