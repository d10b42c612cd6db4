package simulate

import (
	"testing"
	"testing/synctest"
	"time"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

func TestACallThatWasTurnedAwayHasNoContact(t *testing.T) {
	l := newLedger()
	call := &Call{Contact: "c-1"}
	l.placed("c-1", 0)
	l.step(call, Status{Step: Over})
	entry := func() *entry { e := l.entries()["c-1"]; return &e }
	if entry().neverIn() {
		t.Error("a call that nobody refused may be missing")
	}
	l.turnedAway("c-1")
	if !entry().neverIn() {
		t.Error("a call that was refused must have a contact")
	}
	l.step(call, Status{Step: Connected})
	l.step(call, Status{Step: Over})
	if entry().neverIn() {
		t.Error("a call that was told again and connected may be missing")
	}
}

// A call that was taken back from its agent waits again; a customer who leaves then has abandoned it.
func TestCallThatIsTakenBackIsNotAnswered(t *testing.T) {
	l := newLedger()
	l.placed("c", 1)
	call := &Call{Contact: "c"}
	for _, step := range []Step{Placed, Ringing, Connected, Unrung} {
		l.step(call, Status{Step: step})
	}
	l.step(call, Status{Step: Over, EndedBy: routingv1.EndedBy_ENDED_BY_CUSTOMER})
	if ends := l.calls["c"].expects(); len(ends) != 2 || ends[0] != routingv1.ContactState_CONTACT_STATE_ABANDONED || ends[1] != routingv1.ContactState_CONTACT_STATE_COMPLETED {
		t.Errorf("may end as %v", ends)
	}
	if l.counts.Torn != 1 || l.counts.Connected != 0 || l.counts.Talking != 0 {
		t.Errorf("counted as %+v", l.counts)
	}
}

// An answer that the switch cannot tell within the time that call-routing waits for it may be none; one that is refused before
// that is a finding, for then somebody has forgotten the offer.
func TestAnswerThatIsToldTooLateIsNone(t *testing.T) {
	for took, known := range map[time.Duration]bool{connectLimit: false, connectLimit - time.Second: true} {
		synctest.Test(t, func(t *testing.T) {
			l := newLedger()
			l.placed("c", 1)
			call := &Call{Contact: "c"}
			l.step(call, Status{Step: Ringing})
			l.accepting("c")
			<-time.After(2 * time.Second)
			l.step(call, Status{Step: Connected})
			told := time.Now()
			l.step(call, Status{Step: Over, EndedBy: routingv1.EndedBy_ENDED_BY_CUSTOMER})
			<-time.After(took - 2*time.Second)
			l.answerRefused("c", told)
			if ends := l.calls["c"].expects(); (len(ends) == 1) != known || known && ends[0] != routingv1.ContactState_CONTACT_STATE_COMPLETED {
				t.Errorf("refused after %s: may end as %v", took, ends)
			}
		})
	}
}

// Two screens with one contact are a finding only for as long as the first says that what it shows is verified.
func TestOverlapCountsWhileTheScreenIsBelieved(t *testing.T) {
	for _, tt := range []struct {
		believed time.Duration // how long before the card leaves the screen
		findings int
	}{{overlapLimit + time.Second, 1}, {overlapLimit - time.Second, 0}} {
		l := newLedger()
		l.placed("c", 1)
		l.step(&Call{Contact: "c"}, Status{Step: Placed})
		at := time.Now()
		l.shown("anna", card("c", rev(1, 2)), at)
		l.shown("bert", card("c", rev(1, 4)), at)
		left := at.Add(10 * overlapLimit)
		l.gone("anna", "c", left.Add(-tt.believed), left)
		if l.found != tt.findings {
			t.Errorf("believed for %s: %d findings %q", tt.believed, l.found, l.findings)
		}
	}
}
