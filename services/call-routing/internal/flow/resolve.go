package flow

import (
	"cmp"
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/call-routing/internal/match"
	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

// Resolve takes from an agent what is more than they can hold. Only a recovery leaves that: the log is no consistent cut
// over contacts, and may bring back two reservations of one slot. The later one stays: who was offered it had let the
// earlier one go. A later one that nobody was offered, because a switch told of a call that it had connected, says nothing of
// an earlier one that is established: both are the switch's to end.
func (f *Flow) Resolve(ctx context.Context, tenant, agent string) error {
	var surplus []string
	_, _, err := f.commit(ctx, tenant, operation("resolve"), func(ctx context.Context, tx *commit.Tx, _ *decision) error {
		c := askCandidate(tx, agent)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		if err := c.read(); err != nil {
			return err
		}
		var err error
		if surplus, err = surplusOf(ctx, tx, c); err != nil {
			return err
		}
		if len(surplus) == 0 {
			tx.Guard(c.workload)
			tx.Remove(state.Doubtful, agent)
		}
		return nil
	})
	for _, id := range surplus {
		f.reclaim(ctx, tenant, id, agent)
	}
	return err
}

// surplusOf lists the contacts that the agent's capacity has no room for, by the age of their reservations.
func surplusOf(ctx context.Context, tx *commit.Tx, c *candidate) ([]string, error) {
	var records []*commit.Record
	for _, card := range c.Workload.GetCards() {
		records = append(records, tx.Record(state.Contact(card.ContactId)))
	}
	if len(records) == 0 || c.Agent == nil { // without a directory entry nobody can say how many are too many
		return nil, nil
	}
	if err := tx.Fetch(ctx); err != nil {
		return nil, err
	}
	var held []*routingv1.Contact
	for _, r := range records {
		one, err := state.ReadContact(r)
		if err != nil {
			return nil, err
		}
		if one.GetReservation().GetAgentId() == c.ID {
			held = append(held, one)
		}
	}
	slices.SortFunc(held, func(a, b *routingv1.Contact) int { return cmp.Compare(reserved(a), reserved(b)) })
	var surplus []string
	for i, one := range held {
		if match.Free(c.Candidate, one.Channel) >= 0 || established(one) && !slices.ContainsFunc(held[i+1:], offered) {
			continue
		}
		surplus = append(surplus, one.Id)
		c.Workload.Cards = slices.DeleteFunc(c.Workload.Cards, func(card *routingv1.Card) bool { return card.ContactId == one.Id })
	}
	return surplus, nil
}

func established(c *routingv1.Contact) bool {
	return c.State == routingv1.ContactState_CONTACT_STATE_CONNECTED || c.State == routingv1.ContactState_CONTACT_STATE_HELD
}

// offered reports whether the reservation is an offer's. What a switch told of began and was accepted at once.
func offered(c *routingv1.Contact) bool {
	return !proto.Equal(c.Reservation.GetOfferedAt(), c.Reservation.GetAcceptedAt())
}

func reserved(c *routingv1.Contact) uint64 {
	return state.RevisionOf(c.Reservation.GetWorkload()).Number()
}
