package routing_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// deactivate says in the directory that an agent of these queues takes no contacts.
func (s *stage) deactivate(id string, queues ...string) {
	s.Helper()
	a := entry(id, 80, queues...)
	a.Deactivated = true
	s.hireAs(a)
}

// A sweep would find all of them within seconds, and now and then one comes first: so it is most that the push must bring.
func TestWhoGainsASkillOrAQueueIsOfferedAtOnceWhatWaits(t *testing.T) {
	for name, gains := range map[string]struct {
		before, after func(id string) *provisioningv1.Agent
	}{
		"a skill": {
			func(id string) *provisioningv1.Agent { return entry(id, 80, "expert") },
			func(id string) *provisioningv1.Agent { return entry(id, 90, "expert") },
		},
		"a queue": {
			func(id string) *provisioningv1.Agent { return entry(id, 90, "sales") },
			func(id string) *provisioningv1.Agent { return entry(id, 90, "sales", "expert") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.queue(&provisioningv1.Queue{Id: "expert", RequiredSkills: []*commonv1.Skill{{Name: "german", Level: 90}}})
			s.queue(&provisioningv1.Queue{Id: "sales"})
			p := s.startPod("pod-1")
			sw := p.connect("sbc-1", 1)
			sw.welcome()
			const agents = 8
			pushed := 0
			for i := range agents {
				id := fmt.Sprint("agent-", i)
				s.hireAs(gains.before(id))
				screen := s.watch(id)
				s.set(id, available)
				sw.say(callOffered(fmt.Sprint("call-", i), "expert"))
				sw.acked()
				swept := p.metric("busyhour_routing_ready_mended_total")
				s.hireAs(gains.after(id))
				card := screen.card(id, offeredState)
				foundByAgent := s.contact(p, card.ContactId).Decision.Why == "FIRST_IN_LINE"
				if foundByAgent && p.metric("busyhour_routing_ready_mended_total") == swept {
					pushed++
				}
			}
			if pushed <= agents/2 {
				t.Errorf("%d of %d offers came by the push; the others waited for a sweep", pushed, agents)
			}
		})
	}
}

func TestDeactivatedAgentFinishesWhatTheyHoldAndIsOfferedNothing(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	s.hire("anna", "support")
	s.hire("zoe", "support")
	p := s.startPod("pod-1")
	screen := s.watch("anna", "zoe")
	sw := p.connect("sbc-1", 1)
	sw.welcome()
	s.set("anna", available)
	sw.say(callOffered("call-1", "support"))
	card := screen.card("anna", offeredState)
	s.act(p, "anna", card.ContactId, accept)
	screen.card("anna", connectingState)
	sw.say(answered("call-1", 2))
	screen.card("anna", connectedState)

	s.deactivate("anna", "support")
	sw.say(callOffered("call-2", "support"))
	sw.acked()
	s.act(p, "anna", card.ContactId, end)
	screen.card("anna", wrapUpState)
	s.act(p, "anna", card.ContactId, complete)
	screen.card("anna", 0)
	s.set("zoe", available)
	other := screen.card("zoe", offeredState)
	if got := s.contact(p, other.ContactId); got.CallId != "call-2" || got.Offers != 1 {
		t.Errorf("zoe is offered %v: anna was offered it before", got)
	}
	s.act(p, "zoe", other.ContactId, accept)
	screen.card("zoe", connectingState)
	sw.say(answered("call-2", 2))
	screen.card("zoe", connectedState)
	sw.say(callOffered("call-3", "support"))
	sw.acked()
	s.hire("anna", "support")
	third := screen.card("anna", offeredState)
	if got := s.contact(p, third.ContactId); got.CallId != "call-3" || got.Offers != 1 {
		t.Errorf("anna is offered %v", got)
	}
}

func TestDeactivatedAgentLosesTheOffer(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	s.hire("anna", "support")
	p := s.startPod("pod-1")
	screen := s.watch("anna")
	s.set("anna", available)
	sw := p.connect("sbc-1", 1)
	sw.welcome()
	sw.say(callOffered("call-1", "support"))
	card := screen.card("anna", offeredState)
	sw.wish(ring)
	s.deactivate("anna", "support")
	screen.card("anna", 0)
	if c := sw.wish(unring); c.Wanted.AgentId != "anna" {
		t.Errorf("wish %v", c)
	}
	if got := s.contact(p, card.ContactId); got.State != queuedState || got.Passes[0].Kind != routingv1.Pass_KIND_WITHDRAWN {
		t.Errorf("contact %v", got)
	}
}

// The push is lost: the agent stands ready and is chosen by nobody, and the decision says why.
func TestDecisionSaysThatAnAgentIsDeactivated(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	s.hire("anna", "support")
	s.hire("zoe", "support")
	p := s.startPod("pod-1")
	screen := s.watch("zoe")
	s.set("anna", available)
	s.awaitReady(p, "support", 1)
	s.set("zoe", available)
	s.awaitReady(p, "support", 2)
	sw := p.connect("sbc-1", 1)
	sw.welcome()
	gone := entry("anna", 80, "support")
	gone.Deactivated = true
	s.hireQuietly(gone)
	sw.say(callOffered("call-1", "support"))
	card := screen.card("zoe", offeredState)
	if d := s.contact(p, card.ContactId).Decision; len(d.PassedOver) != 1 || d.PassedOver[0].AgentId != "anna" || d.PassedOver[0].Reason != "DEACTIVATED" {
		t.Errorf("decision %v", d)
	}
}

// BenchmarkSkillToOffer is the time from the change of an agent's skill in the directory to the push that shows them the
// call which waited for it: the directory's commit, its push, the look, the offer's commit, the push.
func BenchmarkSkillToOffer(b *testing.B) {
	s := newStage(b)
	s.queue(&provisioningv1.Queue{Id: "expert", RequiredSkills: []*commonv1.Skill{{Name: "german", Level: 90}}})
	s.hireAs(entry("anna", 80, "expert"))
	p := s.startPod("pod-1")
	screen := s.watch("anna")
	s.set("anna", available)
	s.awaitReady(p, "expert", 1)
	sw := p.connect("sbc-1", 1)
	sw.welcome()
	var took []time.Duration
	b.ResetTimer()
	for i := range b.N {
		b.StopTimer()
		call := fmt.Sprint("call-", i)
		sw.say(callOffered(call, "expert"))
		sw.acked()
		b.StartTimer()
		began := time.Now()
		s.hireAs(entry("anna", 90, "expert"))
		screen.card("anna", offeredState)
		took = append(took, time.Since(began))
		b.StopTimer()
		s.hireAs(entry("anna", 80, "expert"))
		sw.say(ended(call, 2))
		screen.card("anna", 0)
		b.StartTimer()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
