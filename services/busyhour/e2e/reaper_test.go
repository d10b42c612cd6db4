//go:build stack

package e2e

import (
	"context"
	"testing"
	"time"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

const lost = routingv1.ContactState_CONTACT_STATE_LOST

// A switch loses a call and never says so. Its card would stay for ever; after the second inventory it is gone, and the
// agent has hands free again.
func TestACallThatItsSwitchLosesLeavesTheScreen(t *testing.T) {
	s := set(t, within(t, 2*time.Minute), "lost", nil, "ann")
	ann := s.desk("ann").available()
	sw := s.dial("sw-1")
	c := s.call(sw)
	s.offered(c).accept(c)
	ann.shows(c.Contact, connected)
	must(t, sw.Stream().Settled(s.ctx))
	sw.Vanish(c)
	s.ends(sw, c, lost, "queued", "offered", "offer_accepted", "connected", "lost")
	next := s.call(sw)
	s.offered(next).accept(next)
	ann.shows(next.Contact, connected)
}

// A switch starts anew with nothing. That is no proof that its calls are gone: an alarm, until a person says so.
func TestASwitchThatStartsEmptyClosesNothing(t *testing.T) {
	s := set(t, within(t, 2*time.Minute), "empty", nil, "ann")
	ann := s.desk("ann").available()
	first, stop := context.WithCancel(s.ctx)
	sw := simulate.NewSwitch(simulate.SwitchConfig{Stream: simulate.StreamConfig{Tenant: s.tenant, Switch: "sw-1", URLs: w.fleet.URLs("call-routing")}})
	ended := make(chan struct{})
	go func() { defer close(ended); _ = sw.Run(first) }()
	c := s.call(sw)
	s.offered(c).accept(c)
	ann.shows(c.Contact, connected)
	must(t, sw.Stream().Settled(s.ctx))
	stop()
	<-ended

	s.dial("sw-1")
	s.alarms("sw-1")
	ann.shows(c.Contact, connected)
	out, err := w.busyhour(s.ctx, "switches", "reap", "sw-1", "--tenant", s.tenant, "--reason", "it is scrap", "--url", w.fleet.URLs("call-routing")[0])
	if err != nil || out != "1 contacts of switch sw-1 are lost\n" {
		t.Fatalf("%v: %s", err, out)
	}
	ann.clear()
	if got := s.contact(c.Contact).State; got != lost {
		t.Errorf("the contact is %s", got)
	}
}

// alarms waits until the switch does.
func (s *stage) alarms(id string) {
	s.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		list, err := s.clients.Switches(s.ctx, s.tenant)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, one := range list {
			if one.Id == id && one.Alarm != "" {
				return
			}
		}
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			s.t.Fatalf("no alarm of switch %s: %v", id, list)
		}
	}
}
