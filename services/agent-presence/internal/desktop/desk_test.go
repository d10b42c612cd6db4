package desktop

import (
	"fmt"
	"testing"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

func anyWorkload(t *rapid.T, name string) workloadSeen {
	w := &routingv1.Workload{AgentId: "ann"}
	for i := range 6 {
		if rapid.Bool().Draw(t, fmt.Sprint(name, " holds ", i)) {
			w.Cards = append(w.Cards, &routingv1.Card{
				ContactId: fmt.Sprint("c-", i),
				State:     routingv1.ContactState(rapid.Int32Range(1, 6).Draw(t, "state")),
				From:      rapid.SampledFrom([]string{"1", "2"}).Draw(t, "from"),
			})
		}
	}
	return workloadSeen{w, commit.Revision{Epoch: 1, N: rapid.Uint32Range(1, 9).Draw(t, name)}}
}

// Whatever the two workloads are, the delta between them leads from one to the other.
func TestADeltaLeadsFromOneWorkloadToTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := anyWorkload(t, "from"), anyWorkload(t, "to")
		if rapid.Bool().Draw(t, "from nothing") {
			from = workloadSeen{}
		}
		delta := workloadChanged(from, to).GetWorkloadChanged()
		held := map[string]*routingv1.Card{}
		for _, c := range from.value.GetCards() {
			held[c.ContactId] = c
		}
		for _, c := range delta.Changed {
			if proto.Equal(held[c.ContactId], c) {
				t.Fatalf("%s is told although it has not changed", c.ContactId)
			}
			held[c.ContactId] = c
		}
		for _, id := range delta.Removed {
			if held[id] == nil {
				t.Fatalf("%s is removed although it was not there", id)
			}
			delete(held, id)
		}
		if len(held) != len(to.value.Cards) {
			t.Fatalf("leads to %v, not to %v", held, to.value.Cards)
		}
		for _, c := range to.value.Cards {
			if !proto.Equal(held[c.ContactId], c) {
				t.Fatalf("leads to %v, not to %v", held[c.ContactId], c)
			}
		}
	})
}

// A card that a new epoch has brought back to nobody leaves the screen, although no record says that the agent holds nothing.
func TestAWorkloadThatDidNotComeBackIsEmpty(t *testing.T) {
	held := workloadSeen{&routingv1.Workload{AgentId: "ann", Cards: []*routingv1.Card{{ContactId: "c-1"}}}, commit.Revision{Epoch: 5, N: 7}}
	for _, c := range []struct {
		what  string
		v     *view
		cards int
		epoch uint32
	}{
		{"the same epoch: the record is late, or tampered with", &view{verified: true, reign: 5}, 1, 5},
		{"a later epoch that is not verified", &view{reign: 6}, 1, 5},
		{"a later epoch", &view{verified: true, reign: 6}, 0, 6},
	} {
		d := &desk{key: deskKey{"demo", "ann"}, workload: held}
		d.seeView(c.v)
		if n := len(d.workload.value.Cards); n != c.cards || d.workload.revision.Epoch != c.epoch {
			t.Errorf("%s: %d cards at %s, want %d", c.what, n, d.workload.revision, c.cards)
		}
	}
}

func TestAScreenThatAnotherPodHoldsHasMovedAway(t *testing.T) {
	p := &presencev1.Presence{Screens: []*presencev1.Screen{{Id: "s-1", Pod: "a"}, {Id: "s-2", Pod: "b"}}}
	for screen, moved := range map[string]bool{"s-1": false, "s-2": true, "s-3": false} {
		if got := movedAway(p, screen, "a"); got != moved {
			t.Errorf("%s moved away from a: %v", screen, got)
		}
	}
}
