package simulate

import "testing"

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
