package flow

import (
	"context"
	"math"
	"time"

	"google.golang.org/protobuf/proto"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

const (
	wishesPage = 250
	// A wish is told again after 200 ms, and then the less often the older it is.
	lastResend = 30 * time.Second
)

// Wishes lists all that is wanted of a switch now, and the epoch in which: nothing, in epoch 0, while the state is not
// verified.
func (f *Flow) Wishes(ctx context.Context, tenant, switchID string) (epoch uint32, wishes []*routingv1.SwitchCommand, err error) {
	verified, err := f.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		epoch = tx.Epoch()
		for skip := 0; ; skip += wishesPage {
			page := tx.After(state.Switch(switchID), math.Inf(-1), skip, wishesPage)
			if err := tx.Fetch(ctx); err != nil {
				return err
			}
			contacts, err := readContacts(ctx, tx, page.List)
			if err != nil {
				return err
			}
			for _, c := range contacts {
				if contact.Unmet(c) {
					wishes = append(wishes, wishIn(epoch, c))
				}
			}
			if len(page.List) < wishesPage {
				return nil
			}
		}
	})
	if !verified {
		return 0, nil, err
	}
	return epoch, wishes, err
}

// readContacts reads the contacts that members name. Those that are gone by now are left out.
func readContacts(ctx context.Context, tx *commit.Tx, members []commit.Member) ([]*routingv1.Contact, error) {
	standing, err := readStanding(ctx, tx, members)
	contacts := make([]*routingv1.Contact, 0, len(standing))
	for _, s := range standing {
		contacts = append(contacts, s.Contact)
	}
	return contacts, err
}

// readStanding is readContacts, with the revisions.
func readStanding(ctx context.Context, tx *commit.Tx, members []commit.Member) ([]Standing, error) {
	if len(members) == 0 {
		return nil, nil
	}
	records := make([]*commit.Record, len(members))
	for i, m := range members {
		records[i] = tx.Record(state.Contact(m.Name))
	}
	if err := tx.Fetch(ctx); err != nil {
		return nil, err
	}
	list := make([]Standing, 0, len(records))
	for _, r := range records {
		c, err := state.ReadContact(r)
		if err != nil {
			return nil, err
		}
		if c != nil {
			list = append(list, Standing{c, state.Revision(r.Revision)})
		}
	}
	return list, nil
}

// WishesTaken ends the resending of wishes that the switch says it has taken. A wish of another revision goes on.
func (f *Flow) WishesTaken(ctx context.Context, tenant string, acks []*routingv1.WantedAck) error {
	_, err := f.store.Do(ctx, tenant, "", func(ctx context.Context, tx *commit.Tx) error {
		records := make([]*commit.Record, len(acks))
		for i, a := range acks {
			records[i] = tx.Record(state.Contact(a.ContactId))
		}
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		for i, r := range records {
			c, err := state.ReadContact(r)
			if err != nil {
				return err
			}
			if c.GetWanted() != nil && proto.Equal(wishIn(tx.Epoch(), c).Wanted.Revision, acks[i].Revision) {
				tx.Guard(r)
				tx.Remove(state.Wishes, c.Id)
			}
		}
		return nil
	})
	return err
}

// Resend tells wishes again that no switch has taken for a while, and returns how many.
func (f *Flow) Resend(ctx context.Context, tenant string, limit int) (int, error) {
	var again []*routingv1.Contact
	result, err := f.store.Do(ctx, tenant, "", func(ctx context.Context, tx *commit.Tx) error {
		again = nil
		page := tx.First(state.Wishes, limit)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		due := page.List
		for len(due) > 0 && due[len(due)-1].Score > float64(tx.Now().UnixMilli()) {
			due = due[:len(due)-1]
		}
		records := make([]*commit.Record, len(due))
		for i, m := range due {
			records[i] = tx.Record(state.Contact(m.Name))
		}
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		tx.Guard(records...) // a wish that is made meanwhile stands in the index already, and is told sooner
		for i, r := range records {
			c, err := state.ReadContact(r)
			if err != nil {
				return err
			}
			if !contact.Unmet(c) {
				tx.Remove(state.Wishes, due[i].Name)
				continue
			}
			again = append(again, c)
			tx.Add(state.Wishes, c.Id, float64(tx.Now().Add(resendIn(c, tx.Now())).UnixMilli()))
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, c := range again {
		f.push.Wish(ctx, tenant, c.SwitchId, wishIn(result.Epoch, c))
	}
	f.metrics.resent.Add(float64(len(again)))
	return len(again), nil
}

// resendIn doubles roughly, from the first resend to the last interval.
func resendIn(c *routingv1.Contact, now time.Time) time.Duration {
	return min(max(state.FirstResend, now.Sub(c.Wanted.At.AsTime())), lastResend)
}
