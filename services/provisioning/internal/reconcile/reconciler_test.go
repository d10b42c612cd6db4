package reconcile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
)

// inTime runs a test in virtual time.
func inTime(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// after lets virtual time pass.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s: %s, want %s", what, g, w)
	}
}

func TestAgentsAreReadAtThePaceAndRoundsHaveAPause(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, numbered(11)...)
		w.pod("a", nil)
		after(10 * time.Second)
		want(t, "first reads", w.looks()[:3], "[0s agent-000 200ms agent-001 400ms agent-002]")
		want(t, "reads", len(w.looks()), 11)
		r := w.kept()
		want(t, "the round took", r.EndedAt.AsTime().Sub(r.StartedAt.AsTime()), 2400*time.Millisecond) // and two pages of the list
		want(t, "counts", []uint32{r.Agents, r.LookedAt, r.Same, r.Unrepaired}, "[11 11 11 0]")

		after(time.Hour - 10*time.Second)
		want(t, "reads within the hour", len(w.looks()), 11)
		after(time.Minute)
		want(t, "reads after it", len(w.looks()), 22)
	})
}

func TestEveryKindOfDriftIsRepairedByAJob(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, "ann", "bea", "cid", "dan")
		w.there["ann"] = `displayName is "A", should be "ANN"`
		delete(w.there, "bea")
		w.remove("cid")
		w.there["eve"] = "" // whom the directory never had
		w.pod("a", nil)
		after(time.Minute)
		want(t, "items", w.ordered(), "[upsert ann upsert bea delete cid]")
		want(t, "eve", w.there["eve"], "")
		o := w.orders[0]
		want(t, "who asks", o.Actor, "reconciler")
		for i, n := range []uint32{1, 1, 2} {
			if got := o.Items[i].GetIfRevision().GetN(); got != n {
				t.Errorf("item %d if_revision %d, want %d", i, got, n)
			}
		}
		r := w.kept()
		want(t, "counts", []uint32{r.Same, r.Drifted, r.Missing, r.Extra, r.Repaired, r.Unrepaired}, "[1 1 1 2 3 1]")
		want(t, "jobs", len(r.JobIds), 1)
		var told []string
		for _, d := range r.Drifts {
			told = append(told, fmt.Sprint(d.AgentId, " ", strings.TrimPrefix(d.Kind.String(), "KIND_"), " ", d.JobId == r.JobIds[0], " ", d.Words[0]))
		}
		want(t, "report", strings.Join(told, "\n"), `eve EXTRA false is there, and not in the directory
ann DRIFTED true displayName is "A", should be "ANN"
bea MISSING true is not there
cid EXTRA true is there, and was deleted in the directory at 2000-01-01T00:00:00Z`)
	})
}

func TestManyDriftsAreRepairedInPortions(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, numbered(250)...)
		clear(w.there)
		w.pod("a", func(c *Config) { c.Rate = 100 })
		after(time.Minute)
		var sizes []int
		ids := map[string]bool{}
		for _, o := range w.orders {
			sizes = append(sizes, len(o.Items))
			ids[o.RequestID] = true
		}
		want(t, "portions", sizes, "[100 100 50]")
		want(t, "request ids", len(ids), 3)
		r := w.kept()
		want(t, "named", []uint32{uint32(len(r.Drifts)), r.Missing, r.Repaired}, "[100 250 250]")
	})
}

func TestADriftIsRepairedThreeTimesAndThenReported(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, "ann", "bea")
		w.there["ann"] = "title is missing"
		w.repairs = false
		w.pod("a", nil)
		rounds := func(n int) *provisioningv1.Reconciliation {
			after(time.Duration(n)*time.Hour + time.Minute)
			return w.kept()
		}
		r := rounds(5)
		want(t, "repairs", len(w.ordered()), 3)
		want(t, "unrepaired", []uint32{r.Unrepaired, r.Unreconciled, r.Repaired}, "[1 1 0]")
		if d := r.Drifts[0]; d.AgentId != "ann" || d.JobId != "" || !strings.Contains(d.Unrepaired, "3 times") {
			t.Errorf("reported as %v", d)
		}
		w.set(func() { w.there["ann"] = "title is too long" })
		rounds(2)
		if got := len(w.ordered()); got < 4 {
			t.Errorf("another difference was not repaired: %d", got)
		}
		rounds(4)
		want(t, "repairs of the other difference, too", len(w.ordered()), 6)
		w.set(func() { w.write("ann", 7) })
		rounds(5)
		want(t, "repairs of another revision, too", len(w.ordered()), 9)
		w.set(func() { w.there["ann"] = "" })
		r = rounds(1)
		want(t, "unrepaired at last", []uint32{r.Unrepaired, r.Unreconciled, uint32(len(w.tries))}, "[0 0 0]")
	})
}

func TestWhatIsUnderWayIsNoDrift(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(w *world)
		want string
	}{
		{"an item is open", func(w *world) { w.changing["ann"] = true }, "[0 0 1]"},
		{"the directory has moved", func(w *world) {
			w.onRead = func(string) error { w.set(func() { w.write("ann", 2) }); return nil }
		}, "[0 0 1]"},
		{"it was told before the second look", func(w *world) {
			time.AfterFunc(50*time.Millisecond, func() { w.set(func() { w.there["ann"] = "" }) })
		}, "[1 0 0]"},
		{"nothing is", func(*world) {}, "[0 1 0]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inTime(t, func(t *testing.T) {
				w := newWorld(t, "ann")
				w.there["ann"] = "name is missing"
				c.set(w)
				w.pod("a", nil)
				after(10 * time.Second)
				r := w.kept()
				want(t, "same, drifted, left out", []uint32{r.Same, r.Drifted, r.LeftOut}, c.want)
				want(t, "items", len(w.ordered()), r.Drifted)
			})
		})
	}
}

func TestWhoIsBeingDeletedIsNoStranger(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, "ann", "bea")
		w.remove("bea")
		w.changing["bea"] = true
		w.pod("a", nil)
		after(time.Minute)
		r := w.kept()
		want(t, "items, extra, left out", []any{len(w.ordered()), r.Extra, r.LeftOut}, "[0 0 1]")
	})
}

func TestADryRunChangesNothing(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, "ann", "bea")
		w.there["ann"] = "name is missing"
		w.remove("bea")
		c, _ := w.pod("a", func(c *Config) { c.Enabled = false })
		after(24 * time.Hour)
		want(t, "reads by itself", len(w.looks()), 0)
		begun, err := c.Ask(t.Context(), Wish{Tenant: tenant, Actor: "me", DryRun: true})
		if err != nil || begun.EndedAt != nil || begun.Actor != "me" || !begun.DryRun || begun.Agents != 1 {
			t.Fatalf("%v, %v", begun, err)
		}
		if _, err := c.Ask(t.Context(), Wish{Tenant: tenant}); !refused(err, running) {
			t.Errorf("a second round: %v", err)
		}
		after(time.Minute)
		r := w.kept()
		want(t, "items, tries", []int{len(w.ordered()), len(w.tries)}, "[0 0]")
		want(t, "counts", []uint32{r.Drifted, r.Extra, r.Repaired, uint32(len(r.Drifts))}, "[1 1 0 2]")
		if r.EndedAt == nil || r.CompletedAt != nil || r.Problem != "" {
			t.Errorf("%v", r)
		}
		if _, err := c.Ask(t.Context(), Wish{Tenant: tenant}); err != nil {
			t.Error(err)
		}
		after(time.Minute)
		want(t, "items", w.ordered(), "[upsert ann delete bea]")
	})
}

func refused(err error, reason string) bool {
	no, ok := refusal.As(err)
	return ok && no.Reason == reason
}

func TestOneAgentIsLookedAtAtOnce(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, "ann", "bea", "cid")
		w.there["ann"], w.there["cid"] = "name is missing", "name is missing"
		w.remove("bea")
		c, _ := w.pod("a", func(c *Config) { c.Enabled = false })
		for _, id := range []string{"ann", "bea", "nobody"} {
			r, err := c.Ask(t.Context(), Wish{Tenant: tenant, Agent: id})
			if err != nil || r.EndedAt == nil || r.LookedAt != 1 {
				t.Errorf("%v, %v", r, err)
			}
		}
		want(t, "items", w.ordered(), "[upsert ann delete bea]")
		if w.kept() != nil {
			t.Error("the report was kept")
		}
	})
}

func TestOnePodGoesThroughTheAgents(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, numbered(600)...) // two minutes
		_, stop := w.pod("a", nil)
		synctest.Wait()
		w.pod("b", nil)
		after(90 * time.Second)
		if n := len(w.looks()); n < 440 || n > 455 {
			t.Errorf("%d reads in 90 s", n)
		}
		r := w.kept()
		if r.Pod != "a" || r.LookedAt < 400 {
			t.Errorf("no progress is told: %v", r)
		}
		stop()
		if r = w.kept(); !strings.Contains(r.Problem, "pod a was stopped") {
			t.Errorf("%v", r)
		}
		after(10 * time.Minute)
		r = w.kept()
		want(t, "who came after", []any{r.Pod, r.LookedAt, r.Problem}, "[b 600 ]")
	})
}

func TestARoundWhoseLeaseIsLostEnds(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, numbered(600)...)
		w.pod("a", nil)
		after(20 * time.Second)
		w.set(func() { w.lease, w.report = "another", &provisioningv1.Reconciliation{Pod: "another"} })
		after(20 * time.Second)
		reads := len(w.looks())
		if reads > 160 {
			t.Errorf("%d reads", reads)
		}
		after(15 * time.Second)
		want(t, "reads after", len(w.looks()), reads)
		if w.lease != "another" {
			t.Errorf("the lease is %q now", w.lease)
		}
	})
}

func TestADownstreamThatCannotBeReadEndsTheRound(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, numbered(20)...)
		w.onRead = func(string) error { return errors.New("503 Service Unavailable") }
		w.pod("a", nil)
		after(time.Minute)
		r := w.kept()
		want(t, "reads, unreadable", []any{len(w.looks()), r.Unreadable}, "[5 5]")
		want(t, "problem", r.Problem, "5 agents in a row could not be read back, at last: 503 Service Unavailable")
		w.set(func() {
			w.onRead = func(id string) error {
				if id < "agent-003" {
					return errors.New("it has two")
				}
				return nil
			}
		})
		after(5 * time.Minute)
		r = w.kept()
		want(t, "the next", []any{r.LookedAt, r.Same, r.Unreadable, r.Unreconciled, r.Problem, len(w.ordered())}, "[20 17 3 3  0]")
	})
}

func TestWhatOneKindOfDownstreamCannotTellIsSaid(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, "ann")
		w.blind = errors.New("it cannot be asked whom it has")
		w.pod("a", nil)
		after(time.Minute)
		r := w.kept()
		want(t, "blind", []any{r.Blind, r.Same, r.CompletedAt != nil}, "[it cannot be asked whom it has 1 true]")
	})
}

func TestOneRefusedItemDoesNotHoldUpTheOthers(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, numbered(7)...)
		clear(w.there)
		w.refuses = "agent-004"
		w.pod("a", nil)
		after(time.Minute)
		r := w.kept()
		want(t, "counts", []uint32{r.Missing, r.Repaired, r.Unrepaired}, "[7 6 1]")
		if d := r.Drifts[0]; d.AgentId != "agent-004" || d.Unrepaired != "agent-004 is no name" || len(r.Drifts) != 7 {
			t.Errorf("%v", r.Drifts)
		}
		if slices.Contains(w.ordered(), "upsert agent-004") {
			t.Error("it was ordered")
		}
	})
}

func TestARoundWithoutTheDirectoryIsBrokenOff(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, "ann")
		w.stateAway = true
		w.pod("a", nil)
		after(time.Second)
		first := proto.CloneOf(w.kept())
		want(t, "problem", first.Problem, "Redis is away")
		after(brokenPause + time.Minute)
		if w.kept().StartedAt.AsTime().Sub(first.EndedAt.AsTime()) < brokenPause {
			t.Error("the next round did not wait")
		}
	})
}

func TestARoundThatCannotBeginGivesTheLeaseBack(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, "ann")
		w.closed = true
		w.pod("a", nil)
		after(time.Second)
		w.set(func() {
			want(t, "the lease", w.lease, "")
			w.closed = false
		})
		after(lookEvery)
		want(t, "reads", len(w.looks()), 1)
	})
}
