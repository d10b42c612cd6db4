package routing_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// Whoever comes out of a recovery with more than they can hold keeps the call that the switch has connected, and not the
// offer that came after it.
func TestEstablishedCallIsNotTakenBack(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	two := &provisioningv1.Agent{
		Id: "anna", Name: "Anna", QueueIds: []string{"support"}, Skills: []*commonv1.Skill{{Name: "german", Level: 80}},
		Capacity: []*provisioningv1.Capacity{{Channel: commonv1.Channel_CHANNEL_VOICE, Contacts: 2}},
	}
	s.hireAs(two)
	p := s.startPod("pod-1")
	screen := s.watch("anna")
	s.set("anna", available)
	sw := p.connect("sbc-1", 1)
	sw.say(callOffered("call-1", "support"))
	talk := screen.card("anna", offeredState).ContactId
	s.act(p, "anna", talk, accept)
	screen.card("anna", connectingState)
	sw.say(answered("call-1", 2))
	screen.card("anna", connectedState)
	sw.say(callOffered("call-2", "support"))
	s.await("the other is offered too", func() bool { return len(s.workload(p, "anna").Workload.Cards) == 2 })

	one := proto.CloneOf(two)
	one.Capacity[0].Contacts = 1
	s.hireAs(one)
	if err := p.service.Resolve(t.Context(), s.tenant, "anna"); err != nil {
		t.Fatal(err)
	}
	s.await("one is taken back", func() bool { return len(s.workload(p, "anna").Workload.Cards) == 1 })
	if left := s.workload(p, "anna").Workload.Cards[0]; left.ContactId != talk || left.State != connectedState {
		t.Errorf("anna is left with %v, want %s, which she talks to", left, talk)
	}
}
