package routing_test

import (
	"testing"

	"connectrpc.com/connect"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

const (
	queuedState     = routingv1.ContactState_CONTACT_STATE_QUEUED
	offeredState    = routingv1.ContactState_CONTACT_STATE_OFFERED
	connectingState = routingv1.ContactState_CONTACT_STATE_CONNECTING
	connectedState  = routingv1.ContactState_CONTACT_STATE_CONNECTED
	heldState       = routingv1.ContactState_CONTACT_STATE_HELD
	wrapUpState     = routingv1.ContactState_CONTACT_STATE_WRAP_UP
	completedState  = routingv1.ContactState_CONTACT_STATE_COMPLETED
	overflowedState = routingv1.ContactState_CONTACT_STATE_OVERFLOWED

	accept   = routingv1.ActRequest_ACTION_ACCEPT
	decline  = routingv1.ActRequest_ACTION_DECLINE
	hold     = routingv1.ActRequest_ACTION_HOLD
	resume   = routingv1.ActRequest_ACTION_RESUME
	end      = routingv1.ActRequest_ACTION_END
	complete = routingv1.ActRequest_ACTION_COMPLETE

	ring       = routingv1.Wanted_KIND_RING
	unring     = routingv1.Wanted_KIND_UNRING
	connectAll = routingv1.Wanted_KIND_CONNECT
	holdWish   = routingv1.Wanted_KIND_HOLD
	resumeWish = routingv1.Wanted_KIND_RESUME
	release    = routingv1.Wanted_KIND_RELEASE
)

func TestCallIsOfferedAnsweredHeldAndWrappedUp(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	s.hire("anna", "support")
	p := s.startPod("pod-1")
	screen := s.watch("anna")
	s.set("anna", available)
	s.awaitReady(p, "support", 1)
	sw := p.connect("sbc-1", 1)
	if w := sw.welcome(); w.Epoch == 0 || len(w.Commands) != 0 {
		t.Errorf("welcome %v", w)
	}

	sw.say(callOffered("call-1", "support"))
	card := screen.card("anna", offeredState)
	if card.From != "+49301234" || card.QueueName != "Queue support" || card.Deadline == nil {
		t.Errorf("card %v", card)
	}
	if c := sw.wish(ring); c.ContactId != card.ContactId || c.CallId != "call-1" || c.Wanted.AgentId != "anna" {
		t.Errorf("wish %v", c)
	}
	s.act(p, "anna", card.ContactId, accept)
	screen.card("anna", connectingState)
	sw.wish(connectAll)
	sw.say(answered("call-1", 2))
	if got := screen.card("anna", connectedState); got.ConnectedAt == nil {
		t.Error("the card does not say since when")
	}
	s.act(p, "anna", card.ContactId, hold)
	sw.wish(holdWish)
	sw.say(&routingv1.Signal{CallId: "call-1", Number: 3, Kind: routingv1.SignalKind_SIGNAL_KIND_HELD})
	screen.card("anna", heldState)
	s.act(p, "anna", card.ContactId, resume)
	sw.wish(resumeWish)
	sw.say(&routingv1.Signal{CallId: "call-1", Number: 4, Kind: routingv1.SignalKind_SIGNAL_KIND_RESUMED})
	screen.card("anna", connectedState)
	s.act(p, "anna", card.ContactId, end)
	screen.card("anna", wrapUpState)
	sw.wish(release)
	sw.say(ended("call-1", 5))
	sw.acked()
	res := s.act(p, "anna", card.ContactId, complete)
	if res.Contact.State != completedState || res.Contact.EndedBy != routingv1.EndedBy_ENDED_BY_AGENT {
		t.Errorf("contact %v", res.Contact)
	}
	screen.card("anna", 0)
	// The stub knows who had it, and that there is nothing left to do.
	if again := s.act(p, "anna", card.ContactId, complete); again.Revision.N != res.Revision.N {
		t.Errorf("completed again at %v", again.Revision)
	}
	s.awaitReady(p, "support", 1)
	sw.say(callOffered("call-2", "support"))
	screen.card("anna", offeredState)
	s.await("both offers are timed", func() bool { return p.metric("busyhour_routing_signal_to_offer_seconds") == 2 })
	s.await("their events are", func() bool { return p.metric("busyhour_event_publish_seconds") > 2 })
	s.await("the queue's figures are read", func() bool {
		return p.metric("busyhour_routing_calls_total", "support", "answered") == 1 && p.metric("busyhour_routing_calls_total", "called") == 2
	})
}

func TestAPushSaysWhenItsSignalCame(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	s.hire("anna", "support")
	p := s.startPod("pod-1")
	screen := s.watch("anna")
	s.set("anna", available)
	s.awaitReady(p, "support", 1)
	sw := p.connect("sbc-1", 1)
	sw.welcome()
	sw.say(callOffered("call-1", "support"))
	push := screen.push("anna")
	if took := push.At.AsTime().Sub(push.SignalAt.AsTime()); push.SignalAt == nil || took < 0 || took > limit {
		t.Errorf("the signal came %s before the decision: %v", took, push)
	}
	s.act(p, "anna", push.Workload.Cards[0].ContactId, accept)
	if push := screen.push("anna"); push.SignalAt != nil {
		t.Errorf("no signal led to it: %v", push)
	}
}

func TestDeclinedOfferGoesToTheNext(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support", RetryAfter: seconds(60)})
	s.hire("anna", "support")
	s.hire("bert", "support")
	p := s.startPod("pod-1")
	screen := s.watch("anna", "bert")
	s.set("anna", available)
	sw := p.connect("sbc-1", 1)
	sw.welcome()
	sw.say(callOffered("call-1", "support"))
	card := screen.card("anna", offeredState)
	sw.wish(ring)
	s.act(p, "anna", card.ContactId, decline)
	screen.card("anna", 0)
	if c := sw.wish(unring); c.Wanted.AgentId != "anna" {
		t.Errorf("wish %v", c)
	}
	s.awaitReady(p, "support", 1) // Anna is ready again, but not for this contact
	s.set("bert", available)
	if c := screen.card("bert", offeredState); c.ContactId != card.ContactId || !c.QueuedAt.AsTime().Equal(card.QueuedAt.AsTime()) {
		t.Errorf("card %v lost its place", c)
	}
	if got := s.contact(p, card.ContactId); len(got.Passes) != 1 || got.Passes[0].Kind != routingv1.Pass_KIND_DECLINED || got.Offers != 2 {
		t.Errorf("contact %v", got)
	}
}

func TestMissedOfferGoesToTheNext(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support", OfferTimeout: seconds(1), RetryAfter: seconds(60)})
	s.hire("anna", "support")
	s.hire("bert", "support")
	p := s.startPod("pod-1")
	screen := s.watch("anna", "bert")
	s.set("anna", available)
	s.awaitReady(p, "support", 1)
	s.set("bert", available)
	s.awaitReady(p, "support", 2)
	sw := p.connect("sbc-1", 1)
	sw.welcome()
	sw.say(callOffered("call-1", "support"))
	card := screen.card("anna", offeredState)
	screen.card("anna", 0)
	screen.card("bert", offeredState)
	got := s.contact(p, card.ContactId)
	if got.Passes[0].Kind != routingv1.Pass_KIND_TIMED_OUT {
		t.Errorf("contact %v", got)
	}
	if d := got.Decision; d.Chosen != "bert" && got.Offers == 2 {
		t.Errorf("decision %v", d)
	}
	sw.acked()
}

// awaitReady waits until so many agents could be offered a contact of the queue.
func (s *stage) awaitReady(p *pod, queue string, n uint32) {
	s.Helper()
	s.await("agents are ready", func() bool { return s.figures(p, queue).Ready == n })
}

func (s *stage) figures(p *pod, queue string) *routingv1.QueueFigures {
	s.Helper()
	res, err := p.routing().GetQueueFigures(s.Context(), connect.NewRequest(&routingv1.GetQueueFiguresRequest{Tenant: s.tenant}))
	if err != nil {
		s.Fatal(err)
	}
	for _, q := range res.Msg.Queues {
		if q.QueueId == queue {
			return q
		}
	}
	s.Fatalf("no figures of queue %s", queue)
	return nil
}

func (s *stage) contact(p *pod, id string) *routingv1.Contact {
	s.Helper()
	res, err := p.routing().GetContact(s.Context(), connect.NewRequest(&routingv1.GetContactRequest{Tenant: s.tenant, ContactId: id}))
	if err != nil {
		s.Fatal(err)
	}
	return res.Msg.Contact
}

func TestAgentWhoLeavesLosesTheOffer(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	s.hire("anna", "support")
	s.hire("bert", "support")
	p := s.startPod("pod-1")
	screen := s.watch("anna", "bert")
	s.set("anna", available)
	sw := p.connect("sbc-1", 1)
	sw.welcome()
	sw.say(callOffered("call-1", "support"))
	card := screen.card("anna", offeredState)
	sw.wish(ring)
	s.set("anna", onBreak)
	screen.card("anna", 0)
	if c := sw.wish(unring); c.Wanted.AgentId != "anna" {
		t.Errorf("wish %v", c)
	}
	s.set("bert", available)
	screen.card("bert", offeredState)
	if got := s.contact(p, card.ContactId); got.Passes[0].Kind != routingv1.Pass_KIND_WITHDRAWN {
		t.Errorf("contact %v", got)
	}
}

func TestCustomerLeavesWhileItRings(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	s.hire("anna", "support")
	p := s.startPod("pod-1")
	screen := s.watch("anna")
	s.set("anna", available)
	sw := p.connect("sbc-1", 1)
	sw.welcome()
	sw.say(callOffered("call-1", "support"))
	screen.card("anna", offeredState)
	sw.say(ended("call-1", 2))
	screen.card("anna", 0)
	sw.acked()
	s.awaitReady(p, "support", 1)
	if f := s.figures(p, "support"); f.OfferedTotal != 1 || f.AbandonedTotal != 1 || f.AnsweredTotal != 0 || f.InHand != 0 || f.Waiting != 0 {
		t.Errorf("figures %v", f)
	}
}

func TestFreedAgentTakesTheMostUrgentOfAllQueues(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	s.queue(&provisioningv1.Queue{Id: "sales"})
	s.hire("anna", "support", "sales")
	p := s.startPod("pod-1")
	screen := s.watch("anna")
	sw := p.connect("sbc-1", 1)
	sw.welcome()
	urgent := callOffered("call-3", "sales")
	urgent.Offered.Priority = 9
	sw.say(callOffered("call-1", "support"))
	sw.acked()
	sw.say(callOffered("call-2", "sales"), urgent)
	sw.acked()
	if f := s.figures(p, "sales"); f.Waiting != 2 || f.OldestWaitMs == 0 {
		t.Errorf("figures %v", f)
	}
	s.set("anna", available)
	for _, want := range []string{"call-3", "call-1", "call-2"} {
		card := screen.card("anna", offeredState)
		got := s.contact(p, card.ContactId)
		if got.CallId != want || got.Decision.Why != "FIRST_IN_LINE" {
			t.Fatalf("%s was offered because of %s, not %s", got.CallId, got.Decision.Why, want)
		}
		sw.say(ended(got.CallId, 2))
		screen.card("anna", 0)
	}
}

func TestDeadlinesMoveWhatDoesNotMove(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support", MaxWait: seconds(1)})
	s.queue(&provisioningv1.Queue{Id: "sales", WrapUpLimit: seconds(1)})
	s.hire("anna", "sales")
	p := s.startPod("pod-1")
	screen := s.watch("anna")
	s.set("anna", available)
	sw := p.connect("sbc-1", 1)
	sw.welcome()

	sw.say(callOffered("call-1", "support"))
	waits := sw.wish(release) // waited too long
	if c := s.contact(p, waits.ContactId); c.State != overflowedState || c.EndedBy != routingv1.EndedBy_ENDED_BY_DEADLINE {
		t.Errorf("contact %v", c)
	}
	sw.say(ended("call-1", 2)) // as it was asked to
	sw.acked()

	sw.say(callOffered("call-2", "sales"))
	card := screen.card("anna", offeredState)
	s.act(p, "anna", card.ContactId, accept)
	screen.card("anna", connectingState)
	sw.say(answered("call-2", 2))
	screen.card("anna", connectedState)
	sw.say(ended("call-2", 3))
	screen.card("anna", wrapUpState)
	screen.card("anna", 0) // wrapped up by itself
	if f := s.figures(p, "sales"); f.AnsweredTotal != 1 || f.AnsweredInTargetTotal != 1 {
		t.Errorf("figures %v", f)
	}
}

func TestLostPushesAreMadeUpFor(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	s.hire("anna", "support")
	p := s.startPod("pod-1")
	screen := s.watch("anna")
	sw := p.connect("sbc-1", 1)
	sw.welcome()
	sw.say(callOffered("call-1", "support"))
	sw.acked()
	s.setQuietly("anna", available, 2)
	screen.card("anna", offeredState)
}
