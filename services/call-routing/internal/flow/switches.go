package flow

import (
	"cmp"
	"context"
	"slices"
	"time"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

const maxSwitches = 500

// Switches lists the switches that answer inventories, those with an alarm first.
func (f *Flow) Switches(ctx context.Context, tenant string) (list []*routingv1.Switch, verified bool, err error) {
	verified, err = f.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		members := tx.First(state.Switches, maxSwitches)
		if err := tx.Fetch(ctx); err != nil || len(members.List) == 0 {
			return err
		}
		records := make([]*commit.Record, len(members.List))
		for i, m := range members.List {
			records[i] = tx.Record(state.Boot(m.Name))
		}
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		for _, r := range records {
			s, err := state.Read[routingv1.Switch](r)
			if err != nil {
				return err
			}
			if s != nil {
				list = append(list, s)
			}
		}
		return nil
	})
	slices.SortFunc(list, func(a, b *routingv1.Switch) int {
		return cmp.Or(cmp.Compare(b.AlarmSince.GetSeconds(), a.AlarmSince.GetSeconds()), cmp.Compare(a.Id, b.Id))
	})
	return list, verified, err
}

// Reap accepts that what a switch's latest inventory lacked is lost, and believes the switch from now on. A contact that
// was heard of since is left alone.
func (f *Flow) Reap(ctx context.Context, tenant, switchID, reason string) (lost []string, s *routingv1.Switch, err error) {
	missing, err := f.missing(ctx, tenant, switchID)
	if err != nil {
		return nil, nil, err
	}
	for _, one := range missing {
		cmd := contact.Command{Verb: contact.Lose, Seen: one.Revision, Reason: reason}
		after, err := f.ask(ctx, tenant, one.Contact.Id, operation("reap"), cmd)
		if err != nil {
			return lost, nil, err
		}
		if after.Contact.GetState() == routingv1.ContactState_CONTACT_STATE_LOST {
			lost = append(lost, one.Contact.Id)
		}
	}
	_, err = f.store.Do(ctx, tenant, operation("reap"), func(ctx context.Context, tx *commit.Tx) error {
		b, err := readBook(ctx, tx, switchID)
		if err != nil || b.known == nil {
			return err
		}
		for _, id := range lost {
			delete(b.missed, id)
			tx.Remove(state.Missing(switchID), id)
		}
		s = b.known
		s.Trusted, s.Alarm, s.AlarmSince, s.Missing = true, "", nil, uint32(len(b.missed))
		return b.keep(tx, s, b.missed)
	})
	return lost, s, err
}

// missing reads the contacts that the switch's latest inventory lacked and that have not been heard of since.
func (f *Flow) missing(ctx context.Context, tenant, switchID string) (list []Standing, err error) {
	_, err = f.store.Do(ctx, tenant, "", func(ctx context.Context, tx *commit.Tx) error {
		b, err := readBook(ctx, tx, switchID)
		if err != nil {
			return err
		}
		if b.known == nil {
			return refusal.New(refusal.NotFound, "SWITCH_UNKNOWN", "no switch %q has answered an inventory", switchID).
				At(state.Boot(switchID), 0, 0).To("ListSwitches names those that have")
		}
		members := make([]commit.Member, 0, len(b.missed))
		for id := range b.missed {
			members = append(members, commit.Member{Name: id})
		}
		list = list[:0]
		for page := range slices.Chunk(members, wishesPage) {
			found, err := readStanding(ctx, tx, page)
			if err != nil {
				return err
			}
			for _, one := range found {
				if c := one.Contact; !contact.Final(c.State) && !c.HeardAt.AsTime().After(b.missed[c.Id].Add(time.Millisecond)) {
					list = append(list, one)
				}
			}
		}
		return nil
	})
	return list, err
}

// ForgetSwitch removes a switch that has not answered an inventory for a day.
func (f *Flow) ForgetSwitch(ctx context.Context, tenant, switchID string) {
	_, err := f.store.Do(ctx, tenant, "", func(ctx context.Context, tx *commit.Tx) error {
		b, err := readBook(ctx, tx, switchID)
		if err != nil {
			return err
		}
		if due := b.known.GetInventoryAt().AsTime().Add(forgetSwitch); b.known != nil && tx.Now().Before(due) {
			tx.Guard(b.record)
			tx.Deadline(b.record, due)
			return nil
		}
		for id := range b.missed {
			tx.Remove(state.Missing(switchID), id)
		}
		tx.Remove(state.Switches, switchID)
		tx.Remove(state.Alarms, switchID)
		tx.Deadline(b.record, time.Time{})
		if b.known != nil {
			tx.Delete(b.record) // nobody holds a revision of it for a day
		}
		return nil
	})
	if err != nil {
		f.failed(tenant, "forget switch", switchID, err)
	}
}
