//go:build stack

package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

const queue = "line"

// stage is one test's tenant, with its people.
type stage struct {
	t        *testing.T
	ctx      context.Context
	tenant   string
	clients  *simulate.Clients
	offers   chan *desk // whose screen has just got a card
	desks    []*desk
	refusals chan string
	token    edge.TokenSource // of screens and switches; nil: they have none
}

// set makes a queue and agents who serve it. change may be nil.
func set(t *testing.T, ctx context.Context, name string, change func(*provisioningv1.Queue), agents ...string) *stage {
	t.Helper()
	s := &stage{t: t, ctx: ctx, tenant: w.tenant(name), clients: w.fleet.Targets().Dial(), offers: make(chan *desk, 1000), refusals: make(chan string, 100)}
	t.Cleanup(func() {
		s.clients.Close()
		if t.Failed() {
			w.tails(os.Stderr, 15)
		}
	})
	q := &provisioningv1.Queue{
		Id: queue, Name: "The line", Channel: commonv1.Channel_CHANNEL_VOICE,
		OfferTimeout: durationpb.New(time.Minute), WrapUpLimit: durationpb.New(time.Minute), RetryAfter: durationpb.New(time.Minute),
	}
	if change != nil {
		change(q)
	}
	people := simulate.People{Tenant: s.tenant, Queues: []*provisioningv1.Queue{q}}
	for _, a := range agents {
		people.Agents = append(people.Agents, &provisioningv1.Agent{
			Id: a, Name: strings.ToUpper(a[:1]) + a[1:], QueueIds: []string{queue},
			Capacity: []*provisioningv1.Capacity{{Channel: commonv1.Channel_CHANNEL_VOICE, Contacts: 1}},
		})
	}
	if _, err := s.clients.Ensure(ctx, people); err != nil {
		t.Fatal(err)
	}
	return s
}

// desk is an agent at a screen.
type desk struct {
	*simulate.Screen
	s *stage

	mu     sync.Mutex
	shown  map[string]int // contact → how often its card appeared
	faults []string
}

// desk logs an agent in. presence says which processes the screen knows of; none: all.
func (s *stage) desk(agent string, presence ...string) *desk {
	s.t.Helper()
	if len(presence) == 0 {
		presence = w.fleet.URLs("agent-presence")
	}
	d := &desk{s: s, shown: map[string]int{}}
	d.Screen = simulate.NewScreen(simulate.ScreenConfig{Tenant: s.tenant, Agent: agent, URLs: presence, Token: s.token, Saw: d.saw, Lost: s.once("the screen of " + agent)})
	run(s.t, d.Run)
	if _, err := d.Await(s.ctx, func(v *simulate.View) bool { return v.Presence != nil }); err != nil {
		s.t.Fatal(err)
	}
	s.desks = append(s.desks, d)
	return d
}

func (d *desk) saw(_ *simulate.Screen, seen simulate.Seen) {
	d.mu.Lock()
	d.faults = append(d.faults, seen.Faults...)
	for _, c := range seen.Added {
		d.shown[c.ContactId]++
	}
	d.mu.Unlock()
	for range seen.Added {
		d.s.offers <- d
	}
}

// times that a card of the contact appeared.
func (d *desk) times(contact string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.shown[contact]
}

func (d *desk) available() *desk {
	d.s.t.Helper()
	if err := d.SetStatus(d.s.ctx, presencev1.Status_STATUS_AVAILABLE, ""); err != nil {
		d.s.t.Fatalf("%s goes available: %v", d.Agent(), err)
	}
	return d
}

func (d *desk) act(contact string, action routingv1.ActRequest_Action) {
	d.s.t.Helper()
	if err := d.Act(d.s.ctx, contact, action); err != nil {
		d.s.t.Fatalf("%s: %s of %s: %v", d.Agent(), action, contact, err)
	}
}

func (d *desk) accept(c *simulate.Call) {
	d.s.t.Helper()
	d.act(c.Contact, routingv1.ActRequest_ACTION_ACCEPT)
}

// shows waits until the card is in that state.
func (d *desk) shows(contact string, state routingv1.ContactState) *routingv1.Card {
	d.s.t.Helper()
	v, err := d.Await(d.s.ctx, func(v *simulate.View) bool { return v.Cards[contact].GetState() == state })
	if err != nil {
		d.s.t.Fatalf("%v: want contact %s as %s, shows %v", err, contact, state, v.Cards)
	}
	return v.Cards[contact]
}

// clear waits until no card is shown.
func (d *desk) clear() {
	d.s.t.Helper()
	if v, err := d.Await(d.s.ctx, func(v *simulate.View) bool { return len(v.Cards) == 0 }); err != nil {
		d.s.t.Fatalf("%v: want no card, shows %v", err, v.Cards)
	}
}

// offered waits for the next card on any screen.
func (s *stage) offered(c *simulate.Call) *desk {
	s.t.Helper()
	for {
		select {
		case d := <-s.offers:
			if _, ok := d.View().Cards[c.Contact]; ok {
				return d
			}
		case <-s.ctx.Done():
			s.t.Fatalf("no screen gets the card of contact %s", c.Contact)
		}
	}
}

// dial connects a switch. routing says which processes it knows of; none: all.
func (s *stage) dial(id string, routing ...string) *simulate.Switch {
	s.t.Helper()
	if len(routing) == 0 {
		routing = w.fleet.URLs("call-routing")
	}
	sw := simulate.NewSwitch(simulate.SwitchConfig{Stream: simulate.StreamConfig{
		Tenant: s.tenant, Switch: id, URLs: routing, Token: s.token,
		Refused: func(_ simulate.Sent, r *routingv1.SignalRefused) { s.refusals <- r.GetRefusal().GetReason() },
		Lost:    s.once("switch " + id),
	}})
	run(s.t, sw.Run)
	return sw
}

// once logs each reason for a cut connection once.
func (s *stage) once(who string) func(error) {
	said := map[string]bool{}
	return func(err error) {
		if text := fmt.Sprint(err); s.ctx.Err() == nil && !said[text] {
			said[text] = true
			s.t.Logf("%s is cut off: %s", who, text)
		}
	}
}

// call places one; the customer never loses patience.
func (s *stage) call(sw *simulate.Switch) *simulate.Call {
	return sw.Place(time.Now(), simulate.Plan{Call: simulate.NewCallID(), Offer: &routingv1.CallOffered{
		QueueId: queue, From: "+15550100", To: "+18005550100", Attributes: map[string]string{"customer": "Ada Lovelace"},
	}})
}

// contact reads it.
func (s *stage) contact(id string) *routingv1.Contact {
	s.t.Helper()
	r, err := s.clients.Contact(s.ctx, s.tenant, id)
	if err != nil {
		s.t.Fatalf("read contact %s: %v", id, err)
	}
	return r.Contact
}

// ends checks how a call ended: what its contact is now, that every signal is acknowledged, what Kafka was told in which
// order, and that no screen shows it any more.
func (s *stage) ends(sw *simulate.Switch, c *simulate.Call, state routingv1.ContactState, story ...string) {
	s.t.Helper()
	if err := sw.Stream().Settled(s.ctx); err != nil {
		s.t.Fatal(err)
	}
	if err := w.journal.await(s.ctx, func() bool { return w.journal.ends(c.Contact) > 0 }); err != nil {
		s.t.Fatalf("Kafka does not hear that contact %s ends, but %v: %v", c.Contact, kinds(w.journal.story(c.Contact)), err)
	}
	if got := s.contact(c.Contact).State; got != state {
		s.t.Errorf("contact %s is %s, want %s", c.Contact, got, state)
	}
	if got := kinds(w.journal.story(c.Contact)); !slices.Equal(got, story) {
		s.t.Errorf("contact %s: Kafka was told %v, want %v", c.Contact, got, story)
	}
	if err := w.journal.inOrder(c.Contact); err != nil {
		s.t.Error(err)
	}
	for _, d := range s.desks {
		d.clear()
		d.mu.Lock()
		for _, f := range d.faults {
			s.t.Errorf("the screen of %s: %s", d.Agent(), f)
		}
		d.mu.Unlock()
	}
}

// run runs until the test ends, and waits for it.
func run(t *testing.T, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = f(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
