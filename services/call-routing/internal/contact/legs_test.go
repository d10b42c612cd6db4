package contact

import (
	"testing"

	"pgregory.net/rapid"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// TestNumbersAreHeardOnce compares the window of a leg with a set that remembers everything.
func TestNumbersAreHeardOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &routingv1.Contact{}
		applied := map[uint64]bool{}
		var last uint64
		for _, n := range rapid.SliceOfN(rapid.Uint64Range(1, 300), 1, 80).Draw(t, "numbers") {
			want := late
			switch {
			case applied[n] || (n <= last && last-n >= legWindow):
				want = repeated
			case n > last:
				want = fresh
			}
			s := &routingv1.Signal{LegId: "a", Number: n}
			if got := hear(c, s); got != want {
				t.Fatalf("number %d after %d: %v, not %v", n, last, got, want)
			}
			if want != repeated {
				remember(c, s)
				applied[n], last = true, max(last, n)
			}
		}
	})
}

func TestSeventeenthLegIsRefused(t *testing.T) {
	c := &routingv1.Contact{}
	for i := range maxLegs {
		remember(c, &routingv1.Signal{LegId: string(rune('a' + i)), Number: 1})
	}
	if got := hear(c, &routingv1.Signal{LegId: "z", Number: 1}); got != tooMany {
		t.Errorf("heard as %v", got)
	}
	if got := hear(c, &routingv1.Signal{LegId: "a", Number: 2}); got != fresh {
		t.Errorf("a known leg is heard as %v", got)
	}
}

// What a recovery brings back of an ended contact is its stub, and senders may still resend.
func TestAStubKnowsItsSignals(t *testing.T) {
	numbered, named := &routingv1.Signal{LegId: "agent", Number: 3}, &routingv1.Signal{Id: "s-1"}
	c := &routingv1.Contact{State: completed}
	remember(c, numbered)
	remember(c, named)
	for _, s := range []*routingv1.Signal{numbered, named} {
		if got := hear(Stub(c), s); got != repeated {
			t.Errorf("signal %v is %v to a stub, and was applied", s, got)
		}
	}
}
