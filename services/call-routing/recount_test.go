package routing_test

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
)

// recount has the pod look at what agents hold, and returns how many differences it has found since its start.
func (s *stage) recount(p *pod) float64 {
	s.Helper()
	found, err := p.service.Recount(s.Context(), s.tenant)
	if err != nil {
		s.Fatal(err)
	}
	p.recounted += len(found)
	return float64(p.recounted) + p.metric("busyhour_divergences_total") // those of its auditor
}

// What an agent holds has no events: somebody edits it, deletes it and rolls it back by hand, and each time it comes to
// follow from the contacts again, at a revision that nobody has seen.
func TestWorkloadThatWasTamperedWithFollowsFromTheContactsAgain(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	s.hire("anna", "support")
	p := s.startPod("pod-1")
	screen := s.watch("anna")
	s.set("anna", available)
	sw := p.connect("sbc-1", 1)
	sw.say(callOffered("call-1", "support"))
	card := screen.card("anna", offeredState)
	s.act(p, "anna", card.ContactId, accept)
	screen.card("anna", connectingState)
	sw.say(answered("call-1", 2))
	screen.card("anna", connectedState)
	sw.acked()

	rdb := redis.NewUniversalClient(&s.redis)
	defer rdb.Close()
	held := s.workload(p, "anna")
	key := commit.Key(s.tenant, "call-routing", held.Revision.Epoch, "workload:anna")
	ghost := proto.CloneOf(held.Workload)
	ghost.Cards = append(ghost.Cards, &routingv1.Card{ContactId: "ghost", State: connectedState})
	edited, err := proto.Marshal(ghost)
	if err != nil {
		t.Fatal(err)
	}
	stale, err := proto.Marshal(&routingv1.Workload{AgentId: "anna"})
	if err != nil {
		t.Fatal(err)
	}
	if n := s.recount(p); n != 0 {
		t.Fatalf("%v differences where nobody has tampered", n)
	}
	for i, tamper := range []struct {
		how string
		do  func() error
	}{
		{"a card more", func() error { return rdb.HSet(t.Context(), key, "v", edited).Err() }},
		{"no cards", func() error { return rdb.HSet(t.Context(), key, "v", stale).Err() }},
		{"nonsense", func() error { return rdb.HSet(t.Context(), key, "v", "nonsense").Err() }},
		{"an old revision", func() error { return rdb.HSet(t.Context(), key, "r", number(held.Revision.Epoch, 1)).Err() }},
		{"gone", func() error { return rdb.Del(t.Context(), key).Err() }},
	} {
		if err := tamper.do(); err != nil {
			t.Fatal(err)
		}
		if n := s.recount(p); n != float64(i+1) {
			t.Fatalf("%s: %v differences by now, want %d", tamper.how, n, i+1)
		}
		screen.card("anna", connectedState)
		w := s.workload(p, "anna")
		if len(w.Workload.Cards) != 1 || !proto.Equal(w.Workload.Cards[0], held.Workload.Cards[0]) || w.Revision.N <= held.Revision.N {
			t.Errorf("%s: anna holds %v at %v, held %v at %v", tamper.how, w.Workload, w.Revision, held.Workload, held.Revision)
		}
		held = w
	}
	sw.say(ended("call-1", 3))
	screen.card("anna", wrapUpState)
	s.act(p, "anna", card.ContactId, complete)
	screen.card("anna", 0)
	if n := s.recount(p); n != 5 {
		t.Errorf("%v differences after all was mended, want the 5", n)
	}
	s.checkLog(t)
}

func number(epoch, n uint32) uint64 { return commit.Revision{Epoch: epoch, N: n}.Number() }
