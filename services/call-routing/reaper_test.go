package routing_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/redis/go-redis/v9"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	routing "github.com/busyhour/busyhour/services/call-routing"
)

const lostState = routingv1.ContactState_CONTACT_STATE_LOST

// curious asks switches what they carry much more often than in life.
func (s *stage) curious(name string, every time.Duration) *pod {
	s.Helper()
	return s.startPodWith(name, routing.Config{Workers: 64, InventoryEvery: every})
}

// asked waits for the next question.
func (l *line) asked() uint64 {
	l.Helper()
	late := time.After(limit)
	for {
		select {
		case m, ok := <-l.got:
			if !ok {
				l.Fatalf("the stream has ended: %v", <-l.err)
			}
			if q := m.GetInventoryRequest(); q != nil && len(l.got) == 0 {
				return q.Request // the latest; others are not waited for any more
			}
			l.heard(m)
		case <-late:
			l.Fatal("nobody asks for an inventory")
		}
	}
}

// heard keeps what asked and carries are not waiting for.
func (l *line) heard(m *routingv1.ConnectResponse) {
	if r := m.GetResend(); r != nil {
		l.again = append(l.again, r.CallIds...)
	}
}

// carries answers the next n questions.
func (l *line) carries(n int, calls ...*routingv1.CarriedCall) {
	l.Helper()
	for range n {
		l.send(&routingv1.ConnectRequest{Message: &routingv1.ConnectRequest_Inventory{Inventory: &routingv1.Inventory{
			Request: l.asked(), AsOf: l.next - 1, Calls: calls,
		}}})
	}
}

// carriesUntil answers questions until it holds: an answer that comes behind the next question counts for nothing.
func (l *line) carriesUntil(what string, holds func() bool, calls ...*routingv1.CarriedCall) {
	l.Helper()
	for late := time.Now().Add(limit); !holds(); {
		if time.Now().After(late) {
			l.Fatalf("it did not come about that %s", what)
		}
		l.carries(1, calls...)
	}
}

func carried(call string, state routingv1.CarriedCall_State, agent string) *routingv1.CarriedCall {
	return &routingv1.CarriedCall{CallId: call, State: state, AgentId: agent}
}

const (
	talking = routingv1.CarriedCall_STATE_CONNECTED
	waits   = routingv1.CarriedCall_STATE_WAITING
)

func (s *stage) switches(p *pod) []*routingv1.Switch {
	s.Helper()
	res, err := p.routing().ListSwitches(s.Context(), connect.NewRequest(&routingv1.ListSwitchesRequest{Tenant: s.tenant}))
	if err != nil {
		s.Fatal(err)
	}
	return res.Msg.Switches
}

func (s *stage) stateOf(p *pod, id string) routingv1.ContactState {
	s.Helper()
	res, err := p.routing().GetContact(s.Context(), connect.NewRequest(&routingv1.GetContactRequest{Tenant: s.tenant, ContactId: id}))
	if err != nil {
		s.Fatal(err)
	}
	return res.Msg.Contact.State
}

// Two inventories, at two pods, lack a call that never ended: its card goes, and nothing else.
func TestCallThatItsSwitchLostIsReaped(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	s.hire("anna", "support")
	one, two := s.curious("pod-1", time.Second), s.curious("pod-2", time.Second)
	screen := s.watch("anna")
	s.set("anna", available)
	s.awaitReady(one, "support", 1)
	sw := one.connect("sbc-1", 1)
	sw.carriesUntil("the switch is known", func() bool { l := s.switches(one); return len(l) == 1 && l[0].Trusted })
	sw.say(callOffered("call-1", "support"))
	card := screen.card("anna", offeredState)
	s.act(one, "anna", card.ContactId, accept)
	screen.card("anna", connectingState)
	sw.say(answered("call-1", 2))
	screen.card("anna", connectedState)
	sw.say(callOffered("call-2", "support"))
	sw.acked()

	sw.carries(1, carried("call-2", waits, ""))
	s.await("the first is missed", func() bool { l := s.switches(one); return len(l) == 1 && l[0].Missing == 1 })
	if got := s.stateOf(one, card.ContactId); got != connectedState {
		t.Fatalf("missed once, the contact is %s", got)
	}
	sw.cancel()
	again := two.connect("sbc-1", sw.next)
	again.carriesUntil("the call is lost", func() bool { return s.stateOf(two, card.ContactId) == lostState }, carried("call-2", waits, ""))

	screen.card("anna", 0)
	if next := screen.card("anna", offeredState); next.ContactId == card.ContactId {
		t.Errorf("the lost contact is offered again")
	}
	s.await("the log says why", func() bool {
		return slices.ContainsFunc(s.events(), func(e *routingv1.ContactEvent) bool {
			return e.Kind == routingv1.ContactEvent_KIND_LOST && e.Contact.Id == card.ContactId && e.Note != "" && e.Contact.Wanted == nil
		})
	})
}

// A switch that comes back with nothing has not lost its customers' calls, as far as anybody knows.
func TestSwitchThatStartsEmptyIsAnAlarm(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	p := s.curious("pod-1", 100*time.Millisecond)
	sw := p.connect("sbc-1", 1)
	sw.say(callOffered("call-1", "support"), callOffered("call-2", "support"), callOffered("call-3", "support"))
	sw.acked()
	sw.carriesUntil("the switch is known", func() bool { l := s.switches(p); return len(l) == 1 && l[0].Trusted && l[0].Carried == 3 },
		carried("call-1", waits, ""), carried("call-2", waits, ""), carried("call-3", waits, ""))
	sw.cancel()

	anew := p.boot("sbc-1", "b-2", "s-2", 1)
	anew.say(callOffered("call-4", "support"))
	anew.acked()
	anew.carriesUntil("there is an alarm", func() bool { return p.metric("busyhour_routing_switch_alarms") == 1 }, carried("call-4", waits, ""))
	anew.carries(5, carried("call-4", waits, ""))
	if l := s.switches(p); l[0].Alarm == "" || l[0].Trusted || l[0].Missing != 3 || l[0].BootId != "b-2" {
		t.Errorf("the switch is shown as %v", l[0])
	}
	if n := s.live(p); n != 4 {
		t.Errorf("%d contacts live, want 4", n)
	}

	reap := connect.NewRequest(&routingv1.ReapSwitchRequest{Tenant: s.tenant, SwitchId: "sbc-1", Reason: "the rack burnt down"})
	res, err := p.routing().ReapSwitch(t.Context(), reap)
	if err != nil || len(res.Msg.ContactIds) != 3 || res.Msg.Switch.Alarm != "" {
		t.Fatalf("%v, %v", res, err)
	}
	for _, id := range res.Msg.ContactIds {
		if got := s.stateOf(p, id); got != lostState {
			t.Errorf("accepted as lost, the contact is %s", got)
		}
	}
	if res, err := p.routing().ReapSwitch(t.Context(), reap); err != nil || len(res.Msg.ContactIds) != 0 {
		t.Errorf("again: %v, %v", res, err)
	}
	anew.carriesUntil("the alarm is over", func() bool { return p.metric("busyhour_routing_switch_alarms") == 0 }, carried("call-4", waits, ""))
	if n := s.live(p); n != 1 {
		t.Errorf("%d contacts live, want the one that is carried", n)
	}
	_, err = p.routing().ReapSwitch(t.Context(), connect.NewRequest(&routingv1.ReapSwitchRequest{Tenant: s.tenant, SwitchId: "nobody", Reason: "x"}))
	if connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("an unknown switch: %v", err)
	}
}

func (s *stage) live(p *pod) int {
	s.Helper()
	res, err := p.routing().ListContacts(s.Context(), connect.NewRequest(&routingv1.ListContactsRequest{Tenant: s.tenant, PageSize: 500}))
	if err != nil {
		s.Fatal(err)
	}
	return len(res.Msg.Contacts)
}

// A call that the state knows nothing of comes back to the agent it is with, by the signals that the switch sends again.
func TestCallThatTheStateLostComesBack(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	s.hire("anna", "support")
	p := s.curious("pod-1", 100*time.Millisecond)
	screen := s.watch("anna")
	s.set("anna", available)
	s.awaitReady(p, "support", 1)
	sw := p.connect("sbc-1", 1)
	sw.say(callOffered("call-1", "support"))
	rings := screen.card("anna", offeredState)

	// Anna talks to call-2; call-1 must not ring her.
	for !slices.Contains(sw.again, "call-2") {
		sw.carries(1, carried("call-1", waits, ""), carried("call-2", talking, "anna"))
	}
	screen.card("anna", 0)
	known := callOffered("call-2", "support")
	known.AgentId = "anna"
	sw.say(known, &routingv1.Signal{CallId: "call-2", LegId: "agent", Number: 1, Kind: routingv1.SignalKind_SIGNAL_KIND_RINGING, AgentId: "anna"},
		&routingv1.Signal{CallId: "call-2", LegId: "agent", Number: 2, Kind: routingv1.SignalKind_SIGNAL_KIND_ANSWERED, AgentId: "anna"})
	if card := screen.card("anna", connectedState); card.ContactId == rings.ContactId {
		t.Errorf("anna is shown %v", card)
	}
	sw.acked()
	sw.again = nil
	sw.carries(3, carried("call-1", waits, ""), carried("call-2", talking, "anna"))
	sw.asked()
	if len(sw.again) > 0 {
		t.Errorf("asked again for %v", sw.again)
	}
	if got := s.stateOf(p, rings.ContactId); got != queuedState {
		t.Errorf("the call that rang is %s", got)
	}
}

// Somebody has edited Redis: nothing would ever move the contact again.
func TestContactWithoutADeadlineGetsItBack(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support", MaxWait: seconds(1)})
	p := s.startPod("pod-1")
	sw := p.connect("sbc-1", 1)
	epoch := sw.welcome().Epoch
	rdb := redis.NewUniversalClient(&s.redis)
	defer rdb.Close()
	for call, gone := range [][]string{{"deadlines"}, {"deadlines", "live", "waiting:support", "switch:sbc-1"}} {
		sw.say(callOffered(fmt.Sprint("call-", call), "support"))
		sw.acked()
		before := s.indexes(epoch)
		for _, index := range gone {
			if err := rdb.Del(t.Context(), commit.Key(s.tenant, "call-routing", epoch, index)).Err(); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.service.PutBack(t.Context(), s.tenant); err != nil {
			t.Fatal(err)
		}
		if after := s.indexes(epoch); !maps.EqualFunc(before, after, slices.Equal) {
			t.Errorf("before %v, after %v", before, after)
		}
		s.await("its wait ends", func() bool { return p.metric("busyhour_routing_moves_total", "overflowed") == float64(call+1) })
		sw.wish(release)
	}
	// The stub of the first is one of those whose deadline was gone.
	if n := p.metric("busyhour_routing_contacts_replaced_total"); n != 3 {
		t.Errorf("%v contacts were put back, want 3", n)
	}
}

func TestInventoryFromTheFutureIsRefused(t *testing.T) {
	s := newStage(t)
	p := s.curious("pod-1", 100*time.Millisecond)
	sw := p.connect("sbc-1", 1)
	sw.send(&routingv1.ConnectRequest{Message: &routingv1.ConnectRequest_Inventory{Inventory: &routingv1.Inventory{Request: sw.asked(), AsOf: 7}}})
	for err := sw.ends(); connect.CodeOf(err) != connect.CodeInvalidArgument; {
		t.Fatalf("the stream ended with %v", err)
	}
}
