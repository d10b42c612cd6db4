//go:build stack

package e2e

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

const (
	accept   = routingv1.ActRequest_ACTION_ACCEPT
	decline  = routingv1.ActRequest_ACTION_DECLINE
	hold     = routingv1.ActRequest_ACTION_HOLD
	resume   = routingv1.ActRequest_ACTION_RESUME
	end      = routingv1.ActRequest_ACTION_END
	complete = routingv1.ActRequest_ACTION_COMPLETE

	queued    = routingv1.ContactState_CONTACT_STATE_QUEUED
	offered   = routingv1.ContactState_CONTACT_STATE_OFFERED
	connected = routingv1.ContactState_CONTACT_STATE_CONNECTED
	held      = routingv1.ContactState_CONTACT_STATE_HELD
	wrapUp    = routingv1.ContactState_CONTACT_STATE_WRAP_UP
	completed = routingv1.ContactState_CONTACT_STATE_COMPLETED
	abandoned = routingv1.ContactState_CONTACT_STATE_ABANDONED
)

func TestACallFromSignalToWrapUp(t *testing.T) {
	s := set(t, within(t, time.Minute), "call", nil, "ann", "bob")
	ann, bob := s.desk("ann").available(), s.desk("bob").available()
	sw := s.dial("sw-1")

	c := s.call(sw)
	whose := s.offered(c)
	card := whose.shows(c.Contact, offered)
	if card.From != "+15550100" || card.QueueName != "The line" || card.Attributes["customer"] != "Ada Lovelace" || card.Deadline == nil {
		t.Errorf("the card does not show what the agent needs: %v", card)
	}
	whose.accept(c)
	whose.shows(c.Contact, connected)
	whose.act(c.Contact, hold)
	whose.shows(c.Contact, held)
	whose.act(c.Contact, resume)
	whose.shows(c.Contact, connected)
	c.HangUp()
	whose.shows(c.Contact, wrapUp)
	whose.act(c.Contact, complete)
	s.ends(sw, c, completed, "queued", "offered", "offer_accepted", "connected", "held", "resumed", "ended", "completed")

	if n := ann.times(c.Contact) + bob.times(c.Contact); n != 1 {
		t.Errorf("the card appeared %d times, want once on one screen", n)
	}
	if e := s.contact(c.Contact).EndedBy; e != routingv1.EndedBy_ENDED_BY_CUSTOMER {
		t.Errorf("ended by %s, want the customer", e)
	}

	// And one that the agent ends.
	c = s.call(sw)
	whose = s.offered(c)
	whose.accept(c)
	whose.shows(c.Contact, connected)
	whose.act(c.Contact, end)
	whose.shows(c.Contact, wrapUp)
	whose.act(c.Contact, complete)
	s.ends(sw, c, completed, "queued", "offered", "offer_accepted", "connected", "ended", "completed")
	if e := s.contact(c.Contact).EndedBy; e != routingv1.EndedBy_ENDED_BY_AGENT {
		t.Errorf("ended by %s, want the agent", e)
	}
	select {
	case <-c.Over():
	case <-s.ctx.Done():
		t.Error("the switch is not told to release the call that the agent ended")
	}
}

func TestACustomerWhoLosesPatience(t *testing.T) {
	s := set(t, within(t, time.Minute), "waits", nil, "ann")
	ann := s.desk("ann")
	must(t, ann.SetStatus(s.ctx, presencev1.Status_STATUS_BREAK, "lunch"))
	sw := s.dial("sw-1")

	// While nobody is there.
	c := s.call(sw)
	must(t, sw.Stream().Settled(s.ctx))
	if got := s.contact(c.Contact); got.State != queued {
		t.Fatalf("with nobody available the contact is %s", got.State)
	}
	c.HangUp()
	s.ends(sw, c, abandoned, "queued", "abandoned")
	if ann.times(c.Contact) > 0 {
		t.Error("an agent on break was offered a call")
	}

	// While it is offered.
	ann.available()
	c = s.call(sw)
	s.offered(c)
	c.HangUp()
	s.ends(sw, c, abandoned, "queued", "offered", "abandoned")

	// The agent is free for the next.
	c = s.call(sw)
	s.offered(c).accept(c)
	ann.shows(c.Contact, connected)
	c.HangUp()
	ann.shows(c.Contact, wrapUp)
	ann.act(c.Contact, complete)
	s.ends(sw, c, completed, "queued", "offered", "offer_accepted", "connected", "ended", "completed")
}

func TestADeclinedOfferGoesToTheNext(t *testing.T) {
	s := set(t, within(t, time.Minute), "declines", nil, "ann", "bob")
	s.desk("ann").available()
	s.desk("bob").available()
	sw := s.dial("sw-1")

	c := s.call(sw)
	first := s.offered(c)
	first.act(c.Contact, decline)
	second := s.offered(c)
	if second == first {
		t.Fatalf("%s declined and is offered it again, though another is free", first.Agent())
	}
	first.clear()
	second.accept(c)
	second.shows(c.Contact, connected)
	passes := s.contact(c.Contact).Passes
	if len(passes) != 1 || passes[0].AgentId != first.Agent() || passes[0].Kind != routingv1.Pass_KIND_DECLINED {
		t.Errorf("the contact does not say who declined: %v", passes)
	}
	c.HangUp()
	second.shows(c.Contact, wrapUp)
	second.act(c.Contact, complete)
	s.ends(sw, c, completed, "queued", "offered", "offer_declined", "offered", "offer_accepted", "connected", "ended", "completed")
}

func TestAnOfferThatRunsOutGoesToTheNext(t *testing.T) {
	s := set(t, within(t, time.Minute), "lapses", func(q *provisioningv1.Queue) { q.OfferTimeout = durationpb.New(time.Second) }, "ann", "bob")
	s.desk("ann").available()
	s.desk("bob").available()
	sw := s.dial("sw-1")

	c := s.call(sw)
	first := s.offered(c)
	second := s.offered(c) // a second later
	if second == first {
		t.Fatalf("%s let it run out and is offered it again, though another is free", first.Agent())
	}
	second.accept(c)
	second.shows(c.Contact, connected)
	first.clear()
	passes := s.contact(c.Contact).Passes
	if len(passes) != 1 || passes[0].AgentId != first.Agent() || passes[0].Kind != routingv1.Pass_KIND_TIMED_OUT {
		t.Errorf("the contact does not say who let it run out: %v", passes)
	}
	c.HangUp()
	second.shows(c.Contact, wrapUp)
	second.act(c.Contact, complete)
	s.ends(sw, c, completed, "queued", "offered", "offer_timed_out", "offered", "offer_accepted", "connected", "ended", "completed")
}
