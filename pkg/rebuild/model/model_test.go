package model

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// What every run gave the last time is in testdata/results.txt: the property that broke, the number of states, the
// schedule. It changes only with the protocol, and its diff is read as code is. These tests make those runs that take
// no more than a moment; all of them are made behind the build tag `model`.
const (
	resultsFile = "testdata/results.txt"
	quick       = 20_000 // states
	limit       = 30_000_000
)

func TestQuickRuns(t *testing.T) {
	made := 0
	for _, r := range every() {
		want, ok := recorded(t)[r.Name]
		if !ok {
			t.Errorf("%s is not in %s: go test -tags model -update", r.Name, resultsFile)
		}
		if states(want) > quick {
			continue
		}
		made++
		t.Run(r.Name, func(t *testing.T) { same(t, r, try(t, r), want) })
	}
	if made < 20 {
		t.Errorf("only %d runs are quick: nearly all that must break should be", made)
	}
}

// every run but the deep ones.
func every() (all []Run) {
	for _, family := range []string{"asis", "mend", "code", "alt", "off"} {
		all = append(all, Runs(family)...)
	}
	return all
}

// same says if a run went otherwise than before.
func same(t *testing.T, r Run, now, before string) {
	t.Helper()
	if now != before {
		t.Errorf("%s went otherwise than before; if the protocol was meant to change: go test -tags model -update\nnow:\n%s\nbefore:\n%s", r.Name, now, before)
	}
}

// try makes a run, looks whether it went as it must, and reports.
func try(t *testing.T, r Run) string {
	t.Helper()
	result := r.Search(limit)
	if err := judge(r, result); err != nil {
		t.Error(err)
	}
	return report(r, result)
}

// judge says what is wrong with the result of a run.
func judge(r Run, result Result) error {
	switch {
	case result.Cut:
		return fmt.Errorf("%s was cut at %d states, so it shows nothing: narrow its bounds", r.Name, result.States)
	case r.Breaks == "" && result.Broken != "":
		return fmt.Errorf("%s must be clean, but breaks: %s\n%s", r.Name, result.Broken, strings.Join(result.Schedule, "\n"))
	case r.Breaks != "" && result.Broken == "":
		return fmt.Errorf("%s must break (%s), but is clean: the clause is not needed, or the model has lost sight of why", r.Name, r.Breaks)
	case r.Breaks != "" && r.Breaks != Any && r.Breaks != result.Broken:
		return fmt.Errorf("%s must break %s, but broke %s", r.Name, r.Breaks, result.Broken)
	}
	return nil
}

// report is the run's part of the results file.
func report(r Run, result Result) string {
	verdict := "clean"
	if result.Broken != "" {
		verdict = "breaks"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, %d states, %d steps deep\n", r.Name, verdict, result.States, result.Depth)
	if r.Why != "" {
		fmt.Fprintf(&b, "    %s\n", r.Why)
	}
	for i, line := range result.Schedule {
		fmt.Fprintf(&b, "    %2d %s\n", i+1, line)
	}
	if result.Broken != "" {
		fmt.Fprintf(&b, "    => %s\n", result.Broken)
	}
	return b.String()
}

// recorded gives the parts of the results file by the name of the run.
func recorded(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(resultsFile)
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(string(text), "\n\n") {
		name, _, _ := strings.Cut(part, ":")
		parts[name] = strings.TrimRight(part, "\n") + "\n"
	}
	return parts
}

// states is the number of them in a part of the results file.
func states(part string) (n int) {
	if _, after, ok := strings.Cut(part, ", "); ok {
		fmt.Sscanf(after, "%d states", &n)
	}
	return n
}

// A check that can't fail proves nothing: each of these goes otherwise than it must.
func TestRunsThatGoWrongAreFound(t *testing.T) {
	lost := named(t, "mend", "mend-giveup")
	lost.Protocol &^= stopAtFailure
	needless := named(t, "off", "off-fence")
	needless.Protocol |= fenceOutside | toldFirst
	needless.Bounds = Bounds{2, 1, 1, 1}
	for _, c := range []struct {
		run   Run
		limit int
		says  string
	}{
		{lost, limit, "must be clean, but breaks: fork-or-gap-in-the-log\npod "},
		{needless, limit, "must break (two-acting-outside), but is clean"},
		{named(t, "mend", "mend-flush"), 10_000, "was cut at"},
	} {
		if err := judge(c.run, c.run.Search(c.limit)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("judged %v, want: %s", err, c.says)
		}
	}
	if judge(Run{Breaks: CountedTwice}, Result{Broken: AgainstGuard}) == nil {
		t.Error("another property broke than must, and nothing was said")
	}
}

func named(t *testing.T, family, name string) Run {
	t.Helper()
	for _, r := range Runs(family) {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("no run %s", name)
	return Run{}
}

// Pods that have changed places are one state. That saves work; it must not hide a state.
func TestPodsAreInterchangeable(t *testing.T) {
	r := named(t, "mend", "mend-giveup")
	r.Bounds = Bounds{2, 1, 1, 1}
	merged, all := newSearch(&r, limit, false), newSearch(&r, limit, true)
	if merged.run() != "" || all.run() != "" {
		t.Fatal("breaks")
	}
	got, alike := merged.result.States, mirrors(&r)
	if want := (all.result.States + alike) / 2; got != want || alike == 0 {
		t.Errorf("%d states, want %d: all %d, but those once that are their own mirror image, %d", got, want, all.result.States, alike)
	}
}

// mirrors counts the states in which both pods are at the same.
func mirrors(r *Run) (n int) {
	x := newSearch(r, limit, true)
	start := x.moves.start()
	x.isNew(&start)
	x.add(&start, reached{})
	for x.queue.length > 0 {
		s := x.queue.take()
		if s.pods[0] == s.pods[1] {
			n++
		}
		x.look(s, 0)
	}
	return n
}

func TestQueueGivesInOrderAndUsesBlocksAgain(t *testing.T) {
	var q queue
	put, taken := uint16(0), uint16(0)
	for round := range 40 {
		for range 300 + 40*round {
			q.put(&state{made: uint8(put), newest: uint8(put >> 8)})
			put++
		}
		for range 300 + 40*round - 20 {
			s := q.take()
			if got := uint16(s.newest)<<8 | uint16(s.made); got != taken {
				t.Fatalf("took %d, want %d", got, taken)
			}
			taken++
		}
	}
	if have := len(q.blocks) + len(q.spare); have > 5 {
		t.Errorf("%d blocks for %d states", have, q.length)
	}
}

func TestHashesKnowWhatWasAdded(t *testing.T) {
	var h hashes
	for i := range uint64(10_000) {
		if !h.add(i*0x9E3779B97F4A7C15 + 1) {
			t.Fatalf("%d is known before it was added", i)
		}
	}
	for i := range uint64(10_000) {
		if h.add(i*0x9E3779B97F4A7C15 + 1) {
			t.Fatalf("%d is forgotten", i)
		}
	}
}
