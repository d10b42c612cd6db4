package eventlog

import (
	"testing"

	"pgregory.net/rapid"
)

// Whatever the order in which records finish, and whatever gaps compaction left: all below the mark are done, and the
// mark is as far as it can be.
func TestMarkNeverPassesAnUndoneRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w watermark
		var handed []int64
		undone := map[int64]bool{}
		next := rapid.Int64Range(0, 1000).Draw(t, "first")
		t.Repeat(map[string]func(*rapid.T){
			"hand": func(t *rapid.T) {
				next += rapid.Int64Range(0, 3).Draw(t, "gap")
				w.hand(next)
				handed, undone[next] = append(handed, next), true
				next++
			},
			"finish": func(t *rapid.T) {
				if len(handed) == 0 {
					t.Skip("nothing handed out")
				}
				offset := rapid.SampledFrom(handed).Draw(t, "offset") // one that is done already, too
				before := w.mark
				moved := w.finish(offset)
				delete(undone, offset)
				if moved != (w.mark != before) {
					t.Fatalf("finish says moved %v, the mark went from %d to %d", moved, before, w.mark)
				}
			},
			"finish what was never handed out": func(t *rapid.T) {
				if w.finish(next + 5) {
					t.Fatal("the mark moved")
				}
			},
			"": func(t *rapid.T) {
				if len(handed) == 0 {
					return
				}
				want := handed[len(handed)-1] + 1
				for offset := range undone {
					want = min(want, offset)
				}
				if w.mark != want {
					t.Fatalf("the mark is %d, want %d: undone are %v", w.mark, want, undone)
				}
				if w.undone != len(undone) {
					t.Fatalf("%d undone, want %d", w.undone, len(undone))
				}
			},
		})
	})
}

func TestWindowIsWhatARestartReadsAgain(t *testing.T) {
	var w watermark
	for offset := range int64(10) {
		w.hand(offset)
	}
	for offset := int64(1); offset < 10; offset++ {
		w.finish(offset)
	}
	if w.mark != 0 || w.length() != 10 || w.undone != 1 {
		t.Errorf("with the first undone: mark %d, length %d, undone %d, want 0, 10, 1", w.mark, w.length(), w.undone)
	}
	w.finish(0)
	if w.mark != 10 || w.length() != 0 {
		t.Errorf("with all done: mark %d, length %d, want 10, 0", w.mark, w.length())
	}
}
