package presence_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/subjects"
)

// deactivate says in the directory that an agent takes no contacts, and pushes it if push is true.
func (s *stage) deactivate(id string, push bool) {
	s.Helper()
	a := entry(id)
	a.Deactivated = true
	e := s.list(a)
	if !push {
		return
	}
	data, err := proto.Marshal(e)
	if err != nil {
		s.Fatal(err)
	}
	if err := s.conn.Publish(s.Context(), subjects.Directory(tenant, "agent/"+id), data); err != nil {
		s.Fatal(err)
	}
}

// stoodDown reports whether the screen shows an agent whom the system has taken off.
func (s *screen) stoodDown() bool {
	return s.shows(offline, connected)() && s.presence.Reason == "deactivated"
}

func TestDeactivatedAgentIsOfflineAndFinishesWhatTheyHold(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	p := s.startPod("pod-a", quick())
	desk := p.logIn(t, "ann", "")
	if no := desk.set(available, ""); no != nil {
		t.Fatal(no)
	}
	s.give("ann", true, card("c1", routingv1.ContactState_CONTACT_STATE_CONNECTED))
	desk.await("the call", func() bool { return len(desk.cards) == 1 })

	s.deactivate("ann", true)
	desk.await("OFFLINE", desk.stoodDown)
	if s.isAvailable("ann") {
		t.Error("ann still stands among the available")
	}
	no := desk.set(available, "")
	if no == nil || no.Refusal.Reason != "AGENT_DEACTIVATED" || !strings.Contains(no.Message, "ann") || no.Refusal.Help == "" {
		t.Errorf("available: %v", no)
	}
	second := p.logIn(t, "ann", "")
	second.await("the call at a second screen", func() bool { return second.stoodDown() && len(second.cards) == 1 })
	s.give("ann", true)
	desk.await("no card any more", func() bool { return len(desk.cards) == 0 })

	s.hire("ann")
	if no := desk.set(available, ""); no != nil {
		t.Errorf("available after activation: %v", no)
	}
}

func TestADeactivationThatNoPushToldOfIsFound(t *testing.T) {
	s := newStage(t)
	s.hire("ann", "bob")
	p := s.startPod("pod-a", quick())
	ann, bob := p.logIn(t, "ann", ""), p.logIn(t, "bob", "")
	for _, desk := range []*screen{ann, bob} {
		if no := desk.set(available, ""); no != nil {
			t.Fatal(no)
		}
	}
	s.deactivate("ann", false)
	if err := p.service.StandDown(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	ann.await("OFFLINE", ann.stoodDown)
	if n := p.metric(t, "busyhour_presence_swept_total", "deactivated"); n != 1 || !s.isAvailable("bob") {
		t.Errorf("%v agents were stood down, bob among the available: %v", n, s.isAvailable("bob"))
	}
}
