package contact

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"pgregory.net/rapid"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// TestNothingGetsStuck sends any commands in any order and at any time, and looks at what must hold after each.
func TestNothingGetsStuck(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		w.queue.WrapUpLimit = durationpb.New(rapid.SampledFrom([]time.Duration{0, time.Minute}).Draw(t, "wrap up"))
		now := day.Add(12 * time.Hour)
		for i := range rapid.IntRange(1, 60).Draw(t, "length") {
			now = now.Add(rapid.SampledFrom([]time.Duration{-time.Second, 0, time.Second, 20 * time.Second, time.Hour}).Draw(t, "later"))
			cmd := drawCommand(t, i)
			before, revision := proto.CloneOf(w.contact), w.revision
			change, err := Decide(w.contact, cmd, w.at(now, cmd))
			if !proto.Equal(before, w.contact) {
				t.Fatalf("%s changed the contact that it was to decide on", cmd.Verb)
			}
			if err != nil || change == nil {
				continue
			}
			if err := holds(before, change); err != nil {
				t.Fatalf("%s in state %s: %v", cmd.Verb, Word(before.GetState()), err)
			}
			again(t, w, cmd, now, change, revision+1)
			w.adopt(change, now)
			w.workloadsAgree(t)
		}
	})
}

func drawCommand(t *rapid.T, i int) Command {
	verb := Verb(rapid.IntRange(int(CallOffered), int(Expire)).Draw(t, "verb"))
	agent := rapid.SampledFrom([]string{"anna", "bert"}).Draw(t, "agent")
	if verb <= CallFailed {
		s := &routingv1.Signal{Tenant: "acme", SwitchId: "sbc-1", CallId: call, Kind: routingv1.SignalKind(verb)}
		s.LegId = rapid.SampledFrom([]string{"", "agent"}).Draw(t, "leg")
		if s.Number = rapid.Uint64Range(0, 200).Draw(t, "number"); s.Number == 0 {
			s.Id = fmt.Sprint(rapid.IntRange(0, 40).Draw(t, "id"))
		}
		if verb == CallOffered {
			s.Offered = &routingv1.CallOffered{QueueId: "support"}
		}
		if rapid.Bool().Draw(t, "says who ended it") {
			s.Ended = &routingv1.CallEnded{By: routingv1.EndedBy(rapid.IntRange(0, 3).Draw(t, "by"))}
		}
		return Of(s)
	}
	return Command{Verb: verb, Agent: agent, Decision: &routingv1.Decision{Chosen: agent}, Reason: fmt.Sprint(i)}
}

// holds checks what must be true of every contact after every change.
func holds(before *routingv1.Contact, c *Change) error {
	if c.Forget {
		if !Final(before.State) {
			return fmt.Errorf("a live contact is forgotten")
		}
		return nil
	}
	a := c.After
	switch {
	case Final(a.State) != (a.Deadline == nil):
		return fmt.Errorf("deadline %v in state %s", a.Deadline, Word(a.State))
	case a.Deadline != nil && a.Deadline.AsTime().Before(a.Since.AsTime()):
		return fmt.Errorf("the deadline lies before the state began")
	case InHand(a.State) != (a.Reservation != nil):
		return fmt.Errorf("reservation %v in state %s", a.Reservation, Word(a.State))
	case before != nil && a.Since.AsTime().Before(before.Since.AsTime()):
		return fmt.Errorf("time went back")
	case before != nil && Final(before.State) && a.State != before.State:
		return fmt.Errorf("an ended contact moved to %s", Word(a.State))
	case len(a.Passes) > maxPasses || len(a.SignalIds) > maxSignalIDs || len(a.Legs) > maxLegs:
		return fmt.Errorf("it grows without end")
	case a.Wanted != nil && !proto.Equal(a.Wanted, before.GetWanted()) && !same(a.Wanted.Revision, c.Revision):
		return fmt.Errorf("a wish does not carry the revision that made it")
	case c.Kind == routingv1.ContactEvent_KIND_UNSPECIFIED:
		return fmt.Errorf("nobody says what happened")
	case before != nil && before.State != a.State && c.Kind == routingv1.ContactEvent_KIND_NOTED:
		return fmt.Errorf("a change of state is only noted")
	}
	return nil
}

// again checks that the same signal, sent again, does nothing.
func again(t *rapid.T, w *world, cmd Command, now time.Time, c *Change, revision uint32) {
	if cmd.Signal == nil || c.Forget {
		return
	}
	at := w.at(now, cmd)
	at.Revision, at.Next.N = c.Revision, revision+1
	if repeat, err := Decide(c.After, cmd, at); err != nil || repeat != nil {
		t.Fatalf("%s, sent again: %v, %v", cmd.Verb, repeat, err)
	}
	if repeat, err := Decide(Stub(c.After), cmd, at); err != nil || repeat != nil {
		t.Fatalf("%s, sent again to the stub: %v, %v", cmd.Verb, repeat, err)
	}
}

func (w *world) adopt(c *Change, now time.Time) {
	w.contact = c.After
	if c.Forget {
		w.revision = 0
		return
	}
	w.revision++
	if agent := c.Agent(); agent != "" {
		w.workloads[agent] = Workload(w.workloads[agent], c, now)
	}
	if Final(w.contact.State) {
		w.contact = Stub(w.contact)
	}
}

// workloadsAgree checks that the contact's card lies with the agent who holds it, shows its state, and lies nowhere else.
func (w *world) workloadsAgree(t *rapid.T) {
	for agent, load := range w.workloads {
		want := 0
		if w.contact.GetReservation().GetAgentId() == agent {
			want = 1
		}
		if len(load.Cards) != want {
			t.Fatalf("agent %s has %d cards, not %d", agent, len(load.Cards), want)
		}
		if want == 1 && load.Cards[0].State != w.contact.State {
			t.Fatalf("the card of agent %s says %s, the contact %s", agent, Word(load.Cards[0].State), Word(w.contact.State))
		}
	}
}
