package simulate

import (
	"strings"
	"testing"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

func rev(epoch, n uint32) *commonv1.Revision { return &commonv1.Revision{Epoch: epoch, N: n} }

func card(id string, r *commonv1.Revision) *routingv1.Card {
	return &routingv1.Card{ContactId: id, Channel: commonv1.Channel_CHANNEL_VOICE, Revision: r}
}

func snapshotOf(r *commonv1.Revision, cards ...*routingv1.Card) *presencev1.ServerFrame {
	return &presencev1.ServerFrame{Frame: &presencev1.ServerFrame_Snapshot{Snapshot: &presencev1.Snapshot{
		WorkloadRevision: r, Workload: &routingv1.Workload{Cards: cards}, Verified: true}}}
}

func delta(previous, r *commonv1.Revision, removed []string, cards ...*routingv1.Card) *presencev1.ServerFrame {
	return &presencev1.ServerFrame{Frame: &presencev1.ServerFrame_WorkloadChanged{WorkloadChanged: &presencev1.WorkloadChanged{
		Previous: previous, Revision: r, Changed: cards, Removed: removed}}}
}

func TestViewFollowsDeltas(t *testing.T) {
	var v View
	v.apply(snapshotOf(rev(1, 4)))
	if seen := v.apply(delta(rev(1, 4), rev(1, 5), nil, card("a", rev(1, 1)))); len(seen.Added) != 1 || seen.Gap {
		t.Fatalf("a new card: %+v", seen)
	}
	if seen := v.apply(delta(rev(1, 5), rev(1, 6), nil, card("a", rev(1, 2)))); len(seen.Changed) != 1 {
		t.Fatalf("a changed card: %+v", seen)
	}
	if seen := v.apply(delta(rev(1, 6), rev(2, 1), []string{"a"}, card("b", rev(2, 1)))); len(seen.Removed) != 1 || len(seen.Added) != 1 || len(seen.Faults) != 0 {
		t.Fatalf("one goes, one comes, in a new epoch: %+v", seen)
	}
	if v.Card().ContactId != "b" {
		t.Fatalf("shows %v", v.Cards)
	}
}

func TestViewAsksAfterAGap(t *testing.T) {
	var v View
	v.apply(snapshotOf(rev(1, 4)))
	if seen := v.apply(delta(rev(1, 5), rev(1, 6), nil, card("a", rev(1, 1)))); !seen.Gap || len(v.Cards) != 0 {
		t.Fatalf("a delta that does not follow: %+v, shows %v", seen, v.Cards)
	}
	if seen := v.apply(snapshotOf(rev(1, 6), card("a", rev(1, 1)))); seen.Gap || len(seen.Added) != 1 {
		t.Fatalf("the snapshot that heals it: %+v", seen)
	}
	beat := &presencev1.ServerFrame{Frame: &presencev1.ServerFrame_Heartbeat{Heartbeat: &presencev1.ServerHeartbeat{WorkloadRevision: rev(1, 7)}}}
	if seen := v.apply(beat); !seen.Gap {
		t.Fatal("a heartbeat that is ahead is no gap")
	}
}

func TestViewDropsASnapshotThatADeltaOvertook(t *testing.T) {
	var v View
	v.apply(snapshotOf(rev(1, 4)))
	v.apply(delta(rev(1, 4), rev(1, 5), nil, card("a", rev(1, 1))))
	if seen := v.apply(snapshotOf(rev(1, 4))); len(seen.Removed) != 0 || v.Card() == nil {
		t.Fatalf("%+v, shows %v", seen, v.Cards)
	}
}

func TestViewTakesAnOlderCardFromALaterEpoch(t *testing.T) {
	var v View
	v.apply(snapshotOf(rev(1, 4), card("a", rev(1, 3))))
	if seen := v.apply(snapshotOf(rev(2, 1), card("a", rev(1, 2)))); len(seen.Faults) != 0 || len(seen.Changed) != 1 {
		t.Errorf("a card that was partly forgotten with its epoch: %+v", seen)
	}
	if seen := v.apply(snapshotOf(rev(2, 2), card("a", rev(1, 1)))); len(seen.Faults) != 1 {
		t.Errorf("a card that ages within an epoch: %+v", seen)
	}
}

func TestViewFindsBreachesOfTheContract(t *testing.T) {
	for name, c := range map[string]struct {
		frame *presencev1.ServerFrame
		fault string
	}{
		"a delta again":       {delta(rev(1, 4), rev(1, 5), nil, card("a", rev(1, 3))), "delta 1.5 after one of 1.5"},
		"a card that ages":    {delta(rev(1, 5), rev(1, 6), nil, card("a", rev(1, 2))), "went back from revision 1.3 to 1.2"},
		"a second voice call": {delta(rev(1, 5), rev(1, 6), nil, card("b", rev(1, 1))), "2 voice cards at once"},
	} {
		var v View
		v.apply(snapshotOf(rev(1, 4)))
		v.apply(delta(rev(1, 4), rev(1, 5), nil, card("a", rev(1, 3))))
		if seen := v.apply(c.frame); len(seen.Faults) != 1 || !strings.Contains(seen.Faults[0], c.fault) {
			t.Errorf("%s: faults %q", name, seen.Faults)
		}
	}
}
