package command

import (
	"testing"

	"pgregory.net/rapid"
)

// TestThroughIsThePrefixWithoutAGap compares the tracker with a set that remembers everything.
func TestThroughIsThePrefixWithoutAGap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Uint64Range(1, 1<<20).Draw(t, "from")
		p := newPrefix(from)
		var inHand []uint64
		handled := map[uint64]bool{}
		want := from - 1
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			if len(inHand) == 0 || rapid.Bool().Draw(t, "take") {
				inHand = append(inHand, p.take())
				continue
			}
			i := rapid.IntRange(0, len(inHand)-1).Draw(t, "which")
			p.finish(inHand[i])
			handled[inHand[i]] = true
			inHand = append(inHand[:i], inHand[i+1:]...)
			for handled[want+1] {
				want++
			}
			if p.through() != want {
				t.Fatalf("through %d, want %d", p.through(), want)
			}
		}
		if len(inHand) == 0 && p.inHand() != 0 {
			t.Fatalf("%d in hand, all are handled", p.inHand())
		}
	})
}

func TestWindowGoesRound(t *testing.T) {
	p := newPrefix(1)
	for round := range uint64(3) {
		for !p.full() {
			p.take()
		}
		first := round*window + 1
		for i := first + window - 1; i > first; i-- {
			p.finish(i)
		}
		if p.through() != first-1 {
			t.Fatalf("round %d: through %d before the first was handled", round, p.through())
		}
		p.finish(first)
		if p.through() != first+window-1 || p.inHand() != 0 {
			t.Fatalf("round %d: through %d, %d in hand", round, p.through(), p.inHand())
		}
	}
}
