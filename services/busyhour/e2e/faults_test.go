//go:build stack

package e2e

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// restore starts processes that were ended, when the test is over, however it went.
func restore(t *testing.T, processes ...*fleet.Process) {
	t.Cleanup(func() {
		for _, p := range processes {
			if p.PID() != 0 {
				continue
			}
			if err := errors.Join(p.Start(), p.Ready(context.Background())); err != nil {
				t.Error(err)
			}
		}
	})
}

// One process of call-routing dies in the midst of two calls: the other takes over what it held, deadlines included; the
// switch goes over to it and sends again what was not acknowledged.
func TestAKilledRouterLosesNothing(t *testing.T) {
	s := set(t, within(t, 2*time.Minute), "kill", func(q *provisioningv1.Queue) {
		q.OfferTimeout, q.RetryAfter = durationpb.New(5*time.Second), durationpb.New(time.Second)
	}, "ann", "bob")
	s.desk("ann").available()
	s.desk("bob").available()
	dies := w.fleet.Of(fleet.Routing)[0]
	sw := s.dial("sw-1") // begins with the first

	talks := s.call(sw)
	ann := s.offered(talks) // or bob
	ann.accept(talks)
	ann.shows(talks.Contact, connected)
	rings := s.call(sw)
	s.offered(rings)

	restore(t, dies)
	must(t, dies.Kill())
	talks.HangUp() // cannot be acknowledged before the switch is connected again
	ann.shows(talks.Contact, wrapUp)
	bob := s.offered(rings) // the offer ran out, and the survivor saw to it
	ann.act(talks.Contact, complete)
	bob.accept(rings)
	bob.shows(rings.Contact, connected)
	rings.HangUp()
	bob.shows(rings.Contact, wrapUp)
	bob.act(rings.Contact, complete)

	s.ends(sw, talks, completed, "queued", "offered", "offer_accepted", "connected", "ended", "completed")
	s.ends(sw, rings, completed, "queued", "offered", "offer_timed_out", "offered", "offer_accepted", "connected", "ended", "completed")
	if st := sw.Stream().Stats(); st.Connects < 2 {
		t.Errorf("the switch was connected %d times: it did not notice", st.Connects)
	}
}

// One process of agent-presence dies under a screen: it comes back on the other and shows what it showed.
func TestAKilledPresenceLosesNoCard(t *testing.T) {
	s := set(t, within(t, 2*time.Minute), "cut", nil, "ann")
	ann := s.desk("ann").available() // begins with the first
	dies := w.fleet.Of(fleet.Presence)[0]
	sw := s.dial("sw-1")

	c := s.call(sw)
	s.offered(c).accept(c)
	ann.shows(c.Contact, connected)
	restore(t, dies)
	must(t, dies.Kill())
	if _, err := ann.Await(s.ctx, func(*simulate.View) bool { return ann.Stats().Connects > 1 && ann.Connected() }); err != nil {
		t.Fatalf("the screen does not come back: %v", err)
	}
	ann.shows(c.Contact, connected)
	ann.act(c.Contact, end)
	ann.shows(c.Contact, wrapUp)
	ann.act(c.Contact, complete)
	s.ends(sw, c, completed, "queued", "offered", "offer_accepted", "connected", "ended", "completed")
}

// A process that is told to end lets go of what it holds: screens and switches go over to the other, and the call goes on.
func TestAProcessThatIsToldToEndDrains(t *testing.T) {
	s := set(t, within(t, 2*time.Minute), "drain", nil, "ann")
	ann := s.desk("ann").available()
	sw := s.dial("sw-1")
	c := s.call(sw)
	s.offered(c).accept(c)
	ann.shows(c.Contact, connected)

	leave := []*fleet.Process{w.fleet.Of(fleet.Routing)[0], w.fleet.Of(fleet.Presence)[0], w.fleet.Of(fleet.Provisioning)[0]}
	restore(t, leave...)
	for _, p := range leave {
		p.Terminate()
	}
	for _, p := range leave {
		if err := p.Ended(); err != nil {
			t.Errorf("%v\n%s", err, p.Tail(20))
		}
	}
	if _, err := ann.Await(s.ctx, func(*simulate.View) bool { return ann.Stats().Connects > 1 && ann.Connected() }); err != nil {
		t.Fatalf("the screen does not come back: %v", err)
	}
	ann.act(c.Contact, end)
	ann.shows(c.Contact, wrapUp)
	ann.act(c.Contact, complete)
	s.ends(sw, c, completed, "queued", "offered", "offer_accepted", "connected", "ended", "completed")
	if st := sw.Stream().Stats(); st.Connects < 2 {
		t.Errorf("the switch was connected %d times: it was not told to go", st.Connects)
	}
}

// Everything stops, Redis is emptied, everything starts: what was acknowledged is there again, out of Kafka.
func TestAnEmptyRedisAtTheStart(t *testing.T) {
	s := set(t, within(t, 3*time.Minute), "restart", nil, "ann")
	ann := s.desk("ann").available()
	sw := s.dial("sw-1")
	talks := s.call(sw)
	s.offered(talks).accept(talks)
	ann.shows(talks.Contact, connected)
	waits := s.call(sw) // nobody is free for it
	must(t, sw.Stream().Settled(s.ctx))
	before := ann.View().Workload >> 32

	restore(t, w.fleet.All()...)
	must(t, w.fleet.Stop())
	w.emptyRedis(t)
	must(t, w.fleet.Start(s.ctx))

	v, err := ann.Await(s.ctx, func(v *simulate.View) bool { return v.Verified && v.Workload>>32 > before && ann.Connected() })
	if err != nil {
		t.Fatalf("the screen does not come back in a new epoch: %v", err)
	}
	if v.Cards[talks.Contact].GetState() != connected {
		t.Fatalf("the call is not there again: %v", v.Cards)
	}
	ann.act(talks.Contact, end)
	ann.shows(talks.Contact, wrapUp)
	ann.act(talks.Contact, complete)
	s.offered(waits).accept(waits) // free now, the agent gets the one that waited
	ann.shows(waits.Contact, connected)
	waits.HangUp()
	ann.shows(waits.Contact, wrapUp)
	ann.act(waits.Contact, complete)
	s.ends(sw, talks, completed, "queued", "offered", "offer_accepted", "connected", "ended", "completed")
	s.ends(sw, waits, completed, "queued", "offered", "offer_accepted", "connected", "ended", "completed")
}
