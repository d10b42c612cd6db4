package simulate

import (
	"context"
	"slices"
	"sync"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/sync/errgroup"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

const (
	asking    = 16               // contacts asked for at the same time
	readLimit = 15 * time.Second // for the answer
	// A contact that has ended is forgotten after an hour; the log has it longer.
	keptFor = time.Hour - time.Minute
)

// audit asks call-routing for every call and compares with what switches and screens saw.
type audit struct {
	ledger  *ledger
	clients *Clients
	tenant  string
	patient time.Duration // with a contact that is not final yet, such as one whose wrap-up runs out

	mu   sync.Mutex
	ends map[string]int // final state → calls
}

func (a *audit) run(ctx context.Context) map[string]int {
	a.ends = map[string]int{}
	late, cancel := context.WithTimeout(ctx, a.patient)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(asking)
	for contact, e := range a.ledger.entries() {
		g.Go(func() error {
			a.one(ctx, late, contact, e)
			return nil
		})
	}
	_ = g.Wait()
	return a.ends
}

// entries are the ledger's; nobody writes it any more but late frames, which its lock keeps apart.
func (l *ledger) entries() map[string]entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make(map[string]entry, len(l.calls))
	for id, e := range l.calls {
		all[id] = *e
		if n := len(e.holders); n > 1 {
			l.find("contact %s is on the screens of %d agents at the end", id, n)
		}
	}
	return all
}

func (a *audit) one(ctx, late context.Context, contact string, e entry) {
	c, err := a.final(ctx, late, contact)
	if connect.CodeOf(err) == connect.CodeNotFound && e.neverIn() {
		a.count("turned away")
		return
	}
	if connect.CodeOf(err) == connect.CodeNotFound && e.last.Step == Over && time.Since(e.over) > keptFor {
		a.count("forgotten since")
		return
	}
	if err != nil {
		a.ledger.fault("contact %s of call %s cannot be read: %v", contact, e.call.Plan.Call, err)
		return
	}
	a.count(name(c.State))
	switch expected := e.expects(); {
	case !Final(c.State):
		a.ledger.fault("contact %s of call %s did not end: %s since %s, offered %d times", contact, e.call.Plan.Call, name(c.State), c.Since.AsTime().Format(time.TimeOnly), c.Offers)
	case len(expected) > 0 && !slices.Contains(expected, c.State):
		a.ledger.fault("contact %s of call %s ended as %s, though its switch saw it end as %s", contact, e.call.Plan.Call, name(c.State), name(expected[0]))
	}
}

func (a *audit) count(end string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ends[end]++
}

// neverIn says that a call's arrival was refused, and that it was over before anybody had it.
func (e *entry) neverIn() bool {
	return e.refused && e.last.Step == Over && !e.connected && !e.carded
}

// expects says how a call may have ended by what its switch saw, the likeliest first; empty: the switch does not know.
func (e *entry) expects() []routingv1.ContactState {
	switch {
	case e.last.Step != Over, e.tooLate:
		return nil
	case e.connected:
		return []routingv1.ContactState{routingv1.ContactState_CONTACT_STATE_COMPLETED}
	case e.last.EndedBy != routingv1.EndedBy_ENDED_BY_CUSTOMER:
		return nil
	case e.torn: // if that was decided while Kafka was away, and forgotten with Redis, the answer counts after all
		return []routingv1.ContactState{routingv1.ContactState_CONTACT_STATE_ABANDONED, routingv1.ContactState_CONTACT_STATE_COMPLETED}
	}
	return []routingv1.ContactState{routingv1.ContactState_CONTACT_STATE_ABANDONED}
}

// final reads a contact until it has ended, or late does.
func (a *audit) final(ctx, late context.Context, contact string) (*routingv1.Contact, error) {
	for {
		ctx, cancel := context.WithTimeout(ctx, readLimit)
		got, err := a.clients.Contact(ctx, a.tenant, contact)
		cancel()
		if err != nil {
			return nil, err
		}
		if Final(got.Contact.State) && got.Verified || Wait(late, 200*time.Millisecond) != nil {
			return got.Contact, nil
		}
	}
}

// Final says whether a contact in that state has ended for good.
func Final(s routingv1.ContactState) bool { return s >= routingv1.ContactState_CONTACT_STATE_COMPLETED }
