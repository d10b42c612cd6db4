package flow

import (
	"context"
	"fmt"
	"math"
	"time"

	"go.uber.org/zap"
	"google.golang.org/protobuf/types/known/timestamppb"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
	"github.com/busyhour/busyhour/services/call-routing/internal/reap"
	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

// A switch that has answered no inventory for so long is forgotten.
const forgetSwitch = 24 * time.Hour

// Inventory is what a switch carries, whole.
type Inventory struct {
	Switch  string
	Boot    reap.Boot
	AskedAt time.Time
	Apart   time.Duration
	Calls   []*routingv1.CarriedCall
}

// Judged is what an inventory came to.
type Judged struct {
	Trusted bool
	// Resend are calls whose signals the switch should send again.
	Resend []string
}

// Judge compares an inventory with the switch's live contacts, in the switch's turn, and closes what is lost. done is
// called once; an error means that nothing came of it, and the next inventory comes soon.
func (f *Flow) Judge(ctx context.Context, tenant string, inv Inventory, done func(Judged, error)) {
	ctx = context.WithoutCancel(ctx)
	f.lanes.Go("s/"+tenant+"/"+inv.Switch, func() time.Duration {
		judged, err := f.judge(ctx, tenant, inv)
		if err != nil {
			f.metrics.inventories.WithLabelValues("failed").Inc()
			f.failed(tenant, "inventory", inv.Switch, err)
		}
		done(judged, err)
		return 0
	})
}

func (f *Flow) judge(ctx context.Context, tenant string, inv Inventory) (Judged, error) {
	contacts, err := f.contactsOf(ctx, tenant, inv.Switch)
	if err != nil {
		return Judged{}, err
	}
	var verdict reap.Verdict
	var before, after *routingv1.Switch
	_, err = f.store.Do(ctx, tenant, operation("inventory"), func(ctx context.Context, tx *commit.Tx) error {
		b, err := readBook(ctx, tx, inv.Switch)
		if err != nil {
			return err
		}
		verdict = reap.Judge(reap.Case{
			AskedAt: inv.AskedAt, Apart: inv.Apart, Boot: inv.Boot, Known: b.known, Contacts: contacts, Carried: inv.Calls, Missed: b.missed,
		})
		before, after = b.known, note(b.known, inv, verdict)
		return b.keep(tx, after, verdict.Missed)
	})
	if err != nil {
		return Judged{}, err
	}
	f.sayAlarm(tenant, before, after)
	f.metrics.inventories.WithLabelValues(outcomeOfInventory(verdict)).Inc()
	for _, one := range verdict.Lost {
		f.lose(ctx, tenant, inv, verdict, one)
	}
	for _, call := range verdict.Astray {
		f.metrics.callsFound.WithLabelValues("astray").Inc()
		if call.State == routingv1.CarriedCall_STATE_CONNECTED {
			f.find(ctx, tenant, inv, call)
		}
	}
	resend, err := f.resendOf(ctx, tenant, inv.Switch, verdict)
	return Judged{verdict.Trusted, resend}, err
}

func outcomeOfInventory(v reap.Verdict) string {
	switch {
	case v.Alarm != "":
		return "alarm"
	case len(v.Missed) > 0:
		return "missing"
	}
	return "clean"
}

// contactsOf reads the live contacts of a switch.
func (f *Flow) contactsOf(ctx context.Context, tenant, switchID string) (list []reap.Contact, err error) {
	verified, err := f.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		for skip := 0; ; skip += wishesPage {
			page := tx.After(state.Switch(switchID), math.Inf(-1), skip, wishesPage)
			if err := tx.Fetch(ctx); err != nil {
				return err
			}
			found, err := readStanding(ctx, tx, page.List)
			if err != nil {
				return err
			}
			for _, one := range found {
				if !contact.Final(one.Contact.State) {
					list = append(list, reap.Contact{Contact: one.Contact, Revision: one.Revision})
				}
			}
			if len(page.List) < wishesPage {
				return nil
			}
		}
	})
	if err == nil && !verified {
		err = refusal.New(refusal.Unavailable, "UNVERIFIED", "the state of tenant %s is not verified", tenant)
	}
	return list, err
}

// book is what is kept of a switch between two inventories.
type book struct {
	record *commit.Record
	known  *routingv1.Switch
	missed map[string]time.Time
}

// maxMissing is more contacts than a switch can miss without an alarm.
const maxMissing = 100_000

func readBook(ctx context.Context, tx *commit.Tx, switchID string) (*book, error) {
	b := &book{record: tx.Record(state.Boot(switchID)), missed: map[string]time.Time{}}
	missing := tx.First(state.Missing(switchID), maxMissing)
	if err := tx.Fetch(ctx); err != nil {
		return nil, err
	}
	for _, m := range missing.List {
		b.missed[m.Name] = time.UnixMilli(int64(m.Score)).UTC()
	}
	var err error
	b.known, err = state.Read[routingv1.Switch](b.record)
	return b, err
}

// keep writes the switch, what it misses now and since when.
func (b *book) keep(tx *commit.Tx, s *routingv1.Switch, missed map[string]time.Time) error {
	value, err := state.Encode(s)
	if err != nil {
		return err
	}
	tx.Put(b.record, value, nil)
	tx.Deadline(b.record, tx.Now().Add(forgetSwitch))
	tx.Add(state.Switches, s.Id, float64(tx.Now().UnixMilli()))
	if s.Alarm == "" {
		tx.Remove(state.Alarms, s.Id)
	} else {
		tx.Add(state.Alarms, s.Id, float64(s.AlarmSince.AsTime().UnixMilli()))
	}
	for id := range b.missed {
		if _, still := missed[id]; !still {
			tx.Remove(state.Missing(s.Id), id)
		}
	}
	for id, since := range missed {
		if _, known := b.missed[id]; !known {
			tx.Add(state.Missing(s.Id), id, float64(since.UnixMilli()))
		}
	}
	return nil
}

// note is what is known of the switch after the verdict.
func note(before *routingv1.Switch, inv Inventory, v reap.Verdict) *routingv1.Switch {
	s := &routingv1.Switch{
		Id: inv.Switch, BootId: inv.Boot.Name(), StreamId: inv.Boot.Stream, InventoryAt: timestamppb.New(inv.AskedAt),
		Carried: uint32(len(inv.Calls)), Judged: uint32(v.Judged), Missing: uint32(len(v.Missed)), Trusted: v.Trusted, Alarm: v.Alarm,
	}
	if s.Alarm != "" {
		s.AlarmSince = s.InventoryAt
		if before.GetAlarm() != "" {
			s.AlarmSince = before.AlarmSince
		}
	}
	return s
}

// sayAlarm logs the beginning of an alarm, and its end.
func (f *Flow) sayAlarm(tenant string, before, after *routingv1.Switch) {
	log := f.log.With(zap.String("tenant", tenant), zap.String("switch", after.Id), zap.String("boot", after.BootId))
	switch {
	case after.Alarm != "" && before.GetAlarm() == "":
		log.Error("a switch lacks calls, and nothing is closed: look at the switch. If the calls are gone, "+
			"accept it with `busyhour switches reap`; if they are back, this ends by itself", zap.String("why", after.Alarm))
	case after.Alarm == "" && before.GetAlarm() != "":
		log.Info("a switch has all its calls again, or few are missing", zap.Uint32("missing", after.Missing))
	}
}

func (f *Flow) lose(ctx context.Context, tenant string, inv Inventory, v reap.Verdict, one reap.Contact) {
	f.inLane(ctx, tenant, one.Id, contact.Command{
		Verb: contact.Lose, Seen: one.Revision,
		Reason: fmt.Sprintf("missing in the inventories of switch %s that were asked for at %s and %s", inv.Switch,
			v.Missed[one.Id].Format(time.RFC3339), inv.AskedAt.Format(time.RFC3339)),
	})
}

// find gives a contact to the agent who talks with its customer. Whoever it is offered to loses it first, and has it only
// rarely again before its turn ends.
func (f *Flow) find(ctx context.Context, tenant string, inv Inventory, call *routingv1.CarriedCall) {
	id := contact.ID(tenant, inv.Switch, call.CallId)
	f.inLane(ctx, tenant, id,
		contact.Command{Verb: contact.Withdraw},
		contact.Command{Verb: contact.Find, Agent: call.AgentId, Reason: "the inventory of switch " + inv.Switch + " has it with agent " + call.AgentId},
	)
}

// resendOf finds the calls whose signals may bring a contact back, and takes offers from the agents that have a call
// which is not theirs here: they have their hands full.
func (f *Flow) resendOf(ctx context.Context, tenant, switchID string, v reap.Verdict) (calls []string, err error) {
	unknown, err := f.withoutRecord(ctx, tenant, switchID, v.Unknown)
	if err != nil {
		return nil, err
	}
	for _, c := range unknown {
		f.metrics.callsFound.WithLabelValues("unknown").Inc()
		calls = append(calls, c.CallId)
	}
	for _, c := range append(unknown, v.Astray...) {
		if c.AgentId == "" {
			continue
		}
		if err := f.withdrawOffers(ctx, tenant, c.AgentId); err != nil {
			return calls, err
		}
	}
	return calls, nil
}

// withoutRecord leaves out calls whose contact has ended here.
func (f *Flow) withoutRecord(ctx context.Context, tenant, switchID string, calls []*routingv1.CarriedCall) (unknown []*routingv1.CarriedCall, err error) {
	for len(calls) > 0 {
		page := calls[:min(len(calls), wishesPage)]
		calls = calls[len(page):]
		_, err := f.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
			records := make([]*commit.Record, len(page))
			for i, c := range page {
				records[i] = tx.Record(state.Contact(contact.ID(tenant, switchID, c.CallId)))
			}
			if err := tx.Fetch(ctx); err != nil {
				return err
			}
			for i, r := range records {
				if !r.Exists() {
					unknown = append(unknown, page[i])
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return unknown, nil
}

func (f *Flow) withdrawOffers(ctx context.Context, tenant, agent string) error {
	w, _, _, err := f.Workload(ctx, tenant, agent)
	if err != nil {
		return err
	}
	for _, id := range offeredTo(w) {
		f.withdraw(ctx, tenant, id, agent)
	}
	return nil
}
