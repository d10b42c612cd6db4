package flow

import (
	"context"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

// Close ends a contact whatever state it is in. agent, if given, is on whose screen its card is shown: where the contact is
// nowhere, or has ended before, that screen is wrong, and is told anew what the agent holds.
func (f *Flow) Close(ctx context.Context, tenant, id, agent, reason string) (Standing, routingv1.CloseContactResponse_Outcome, error) {
	s, closed, err := f.askWhether(ctx, tenant, id, operation("close"), contact.Command{Verb: contact.Close, Reason: reason})
	no, _ := refusal.As(err)
	nowhere := no != nil && no.Code == refusal.NotFound
	switch {
	case nowhere && agent == "":
		return s, 0, no.To("name the agent whose screen shows its card, and it is told anew what the agent holds")
	case err != nil && !nowhere:
		return s, 0, err
	case closed:
		return s, routingv1.CloseContactResponse_OUTCOME_CLOSED, nil
	}
	if agent != "" {
		if err := f.Straighten(ctx, tenant, agent); err != nil {
			return s, 0, err
		}
	}
	if nowhere {
		return s, routingv1.CloseContactResponse_OUTCOME_CARD_DROPPED, nil
	}
	return s, routingv1.CloseContactResponse_OUTCOME_ENDED_BEFORE, nil
}

// Straighten drops the cards from an agent's workload whose contacts are not theirs, and tells their screens the whole of it
// at a new revision, so that a screen which shows something else sees that it must not.
func (f *Flow) Straighten(ctx context.Context, tenant, agent string) error {
	var result commit.Result
	var d *decision
	var err error
	late := f.lanes.Do(ctx, agentLane(tenant, agent), func() {
		result, d, err = f.commit(ctx, tenant, operation("straighten"), func(ctx context.Context, tx *commit.Tx, d *decision) error {
			return straighten(ctx, tx, d, agent)
		})
		if err == nil {
			f.tell(ctx, tenant, result, d)
		}
	})
	if late != nil {
		return late
	}
	if err == nil {
		f.LookAt(ctx, tenant, agent)
	}
	return err
}

func straighten(ctx context.Context, tx *commit.Tx, d *decision, agent string) error {
	r := tx.Record(state.Workload(agent))
	if err := tx.Fetch(ctx); err != nil {
		return err
	}
	w, err := state.ReadWorkload(r)
	if err != nil {
		return err
	}
	if w == nil {
		w = &routingv1.Workload{AgentId: agent}
	}
	theirs, err := holds(ctx, tx, w)
	if err != nil {
		return err
	}
	w.Cards = slices.DeleteFunc(w.Cards, func(c *routingv1.Card) bool { return !theirs[c.ContactId] })
	if now := tx.Now(); w.At.AsTime().Before(now) {
		w.At = timestamppb.New(now)
	}
	return keepWorkload(tx, d, r, w)
}

// holds says which of the workload's contacts are the agent's by their own records.
func holds(ctx context.Context, tx *commit.Tx, w *routingv1.Workload) (map[string]bool, error) {
	theirs := map[string]bool{}
	if len(w.Cards) == 0 {
		return theirs, nil
	}
	records := make([]*commit.Record, len(w.Cards))
	for i, c := range w.Cards {
		records[i] = tx.Record(state.Contact(c.ContactId))
	}
	if err := tx.Fetch(ctx); err != nil {
		return nil, err
	}
	tx.Guard(records...)
	for i, r := range records {
		c, err := state.ReadContact(r)
		if err != nil {
			return nil, err
		}
		theirs[w.Cards[i].ContactId] = c.GetReservation().GetAgentId() == w.AgentId
	}
	return theirs, nil
}
