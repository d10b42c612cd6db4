package saga

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/provisioning/internal/connector"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
	"github.com/busyhour/busyhour/services/provisioning/internal/flow"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
)

var (
	noon    = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	errGone = errors.New("the worker died")
)

// world is an item, its agent in the directory, and the downstreams: what they hear goes into one list.
type world struct {
	*testing.T
	item     *provisioningv1.Outcome
	standing flow.Standing
	chain    Chain
	heard    []string
	// kept are the steps that were written, in order.
	kept []string
	// dies, if not nil, cuts the worker off before a step is kept.
	dies func(*provisioningv1.Step) bool
}

// fake downstream: says is what it refuses with, empty: it takes everything. then is called while it is asked.
type fake struct {
	*world
	name string
	says func(c connector.Change) string
	then func()
}

func (f *fake) Wait(ctx context.Context) error { return ctx.Err() }

func (f *fake) Send(_ context.Context, c connector.Change) (connector.Answer, error) {
	what := c.Agent.GetName()
	if c.Deleted {
		what = "nobody"
	}
	f.heard = append(f.heard, fmt.Sprintf("%s: %s %s", f.name, what, c.Key))
	if f.then != nil {
		f.then()
	}
	a := connector.Answer{Attempts: 1}
	if f.says != nil {
		a.Refused = f.says(c)
	}
	return a, nil
}

// newWorld has the telephony, the crm and the wfm of an agent who was Ann and is to be Anna. All put back.
func newWorld(t *testing.T, kind provisioningv1.Item_Kind) *world {
	w := &world{T: t}
	before := directory.AgentEntry("acme", "", &provisioningv1.Agent{Id: "ann", Name: "Ann"})
	w.item = &provisioningv1.Outcome{
		Tenant: "acme", JobId: "j", Number: 7, Outcome: provisioningv1.ItemOutcome_ITEM_OUTCOME_PENDING, Before: before,
		Request: &provisioningv1.Request{Tenant: "acme", JobId: "j", Number: 7, Item: &provisioningv1.Item{Kind: kind, Agent: &provisioningv1.Agent{Id: "ann"}}},
	}
	w.stands("Anna", 2)
	if kind == provisioningv1.Item_KIND_DELETE_AGENT {
		w.standing.Entry = directory.NoAgent("acme", "", "ann")
	}
	for _, name := range []string{"telephony", "crm", "wfm"} {
		w.chain = append(w.chain, Downstream{Name: name, Compensate: true, Way: &fake{world: w, name: name}})
	}
	return w
}

func (w *world) at(i int) *fake { return w.chain[i].Way.(*fake) }

func (w *world) refuses(i int, words string) {
	w.at(i).says = func(connector.Change) string { return words }
}

func (w *world) stands(name string, n uint32) {
	w.standing = flow.Standing{
		Entry:    directory.AgentEntry("acme", "", &provisioningv1.Agent{Id: "ann", Name: name}),
		Revision: commit.Revision{Epoch: 1, N: n},
	}
}

func (w *world) Current(_ context.Context, tenant, record string) (flow.Standing, error) {
	if tenant != "acme" || record != "agent:ann" {
		w.Errorf("looked at %s of %s", record, tenant)
	}
	return w.standing, nil
}

func (w *world) Step(_ context.Context, _, item string, s *provisioningv1.Step) (*provisioningv1.Outcome, error) {
	if item != "item:j/7" {
		w.Errorf("kept a step of %s", item)
	}
	if w.dies != nil && w.dies(s) {
		return nil, errGone
	}
	next := job.PutStep(w.item, s, noon)
	if next == nil {
		return nil, flow.ErrEnded
	}
	w.item, w.kept = next, append(w.kept, stepText(s))
	return w.item, nil
}

func stepText(s *provisioningv1.Step) string {
	return s.GetDownstream() + " " + strings.TrimPrefix(s.GetState().String(), "STATE_")
}

// run runs the item, and ends it with its verdict.
func (w *world) run() (*provisioningv1.Outcome, error) {
	v, err := w.chain.Run(w.Context(), w, w.item, w.standing)
	if err != nil {
		return nil, err
	}
	return job.Finish(w.item, v, noon), nil
}

func (w *world) mustRun() *provisioningv1.Outcome {
	w.Helper()
	o, err := w.run()
	if err != nil {
		w.Fatal(err)
	}
	return o
}

func (w *world) wants(what string, got []string, want ...string) {
	w.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		w.Errorf("%s:\n%s\nwant:\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func stepsOf(o *provisioningv1.Outcome) (all []string) {
	for _, s := range o.GetSteps() {
		all = append(all, stepText(s))
	}
	return all
}

func TestDownstreamsAreToldInOrder(t *testing.T) {
	w := newWorld(t, provisioningv1.Item_KIND_UPSERT_AGENT)
	o := w.mustRun()
	w.wants("heard", w.heard, "telephony: Anna j/7@1.2", "crm: Anna j/7@1.2", "wfm: Anna j/7@1.2")
	w.wants("kept on the way", w.kept, "telephony TOLD", "crm TOLD")
	w.wants("kept in the end", stepsOf(o), "telephony TOLD", "crm TOLD", "wfm TOLD")
	if o.GetOutcome() != provisioningv1.ItemOutcome_ITEM_OUTCOME_APPLIED || o.GetAttempts() != 3 || o.GetBefore() != nil {
		t.Errorf("ended as %v", o)
	}
}

func TestADeletionGoesTheOtherWayRound(t *testing.T) {
	w := newWorld(t, provisioningv1.Item_KIND_DELETE_AGENT)
	w.refuses(0, "the extension rings")
	o := w.mustRun()
	w.wants("heard", w.heard,
		"wfm: nobody j/7@1.2", "crm: nobody j/7@1.2", "telephony: nobody j/7@1.2",
		"crm: Ann j/7@1.2/undone", "wfm: Ann j/7@1.2/undone")
	if want := "telephony: the extension rings; undone: wfm, crm"; o.GetReason() != want {
		t.Errorf("failed with %q, want %q", o.GetReason(), want)
	}
}

func TestOneDownstreamCostsNothingMore(t *testing.T) {
	for _, words := range []string{"", "422 no"} {
		w := newWorld(t, provisioningv1.Item_KIND_UPSERT_AGENT)
		w.chain = w.chain[:1]
		w.refuses(0, words)
		o := w.mustRun()
		if len(w.kept) > 0 || len(o.GetSteps()) != 1 || o.GetReason() != words || len(w.heard) != 1 {
			t.Errorf("kept %v, heard %v, ended as %v", w.kept, w.heard, o)
		}
		if w.chain.Compensates() {
			t.Error("nobody can refuse after it, so nothing has to be remembered")
		}
	}
}

func TestWithoutDownstreamsAllIsTaken(t *testing.T) {
	w := newWorld(t, provisioningv1.Item_KIND_UPSERT_AGENT)
	w.chain = nil
	if o := w.mustRun(); o.GetOutcome() != provisioningv1.ItemOutcome_ITEM_OUTCOME_APPLIED || o.GetSteps() != nil {
		t.Errorf("ended as %v", o)
	}
}

func TestTheFirstToRefuseUndoesNothing(t *testing.T) {
	w := newWorld(t, provisioningv1.Item_KIND_UPSERT_AGENT)
	w.refuses(0, "422 no")
	o := w.mustRun()
	w.wants("heard", w.heard, "telephony: Anna j/7@1.2")
	w.wants("kept on the way", w.kept)
	if o.GetReason() != "telephony: 422 no" || o.GetBefore() == nil {
		t.Errorf("ended as %v", o)
	}
}

func TestARefusalUndoesThoseThatCompensate(t *testing.T) {
	w := newWorld(t, provisioningv1.Item_KIND_UPSERT_AGENT)
	w.chain[1].Compensate = false
	w.refuses(2, "422 no")
	o := w.mustRun()
	w.wants("heard", w.heard, "telephony: Anna j/7@1.2", "crm: Anna j/7@1.2", "wfm: Anna j/7@1.2", "telephony: Ann j/7@1.2/undone")
	w.wants("steps", stepsOf(o), "telephony UNDONE", "crm TOLD", "wfm REFUSED")
	if want := "wfm: 422 no; undone: telephony; not undone: crm (it is not to be)"; o.GetReason() != want {
		t.Errorf("failed with %q, want %q", o.GetReason(), want)
	}
	if o.GetAttempts() != 4 || o.GetSteps()[0].GetAttempts() != 2 {
		t.Errorf("counted as %v", o)
	}
}

func TestWhoWasNotThereIsDeletedAgain(t *testing.T) {
	w := newWorld(t, provisioningv1.Item_KIND_UPSERT_AGENT)
	w.item.Before = directory.NoAgent("acme", "", "ann")
	w.refuses(1, "422 no")
	w.mustRun()
	w.wants("heard", w.heard, "telephony: Anna j/7@1.2", "crm: Anna j/7@1.2", "telephony: nobody j/7@1.2/undone")
}

func TestWhatIsNotUndoneIsSaid(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(*world)
		want    string
		heard   int
	}{
		"it will not": {func(w *world) {
			w.at(0).says = func(c connector.Change) string { return map[bool]string{true: "503 later"}[c.Agent.GetName() == "Ann"] }
		}, "crm: 422 no; not undone: telephony (503 later)", 3},
		"nobody knows what was": {func(w *world) { w.item.Before = nil }, "crm: 422 no; not undone: telephony (how the agent stood before is not known)", 2},
		"somebody was faster": {func(w *world) { w.at(1).then = func() { w.stands("Annie", 3) } },
			"crm: 422 no; not undone: telephony (the agent has been changed since, and that change stands)", 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, provisioningv1.Item_KIND_UPSERT_AGENT)
			w.refuses(1, "422 no")
			c.happens(w)
			if o := w.mustRun(); o.GetReason() != c.want || o.GetSteps()[0].GetState() != notUndone || len(w.heard) != c.heard {
				t.Errorf("heard %v, ended as %v, want %q", w.heard, o, c.want)
			}
		})
	}
}

// Whatever order the calls come in, an old state is never the last that a downstream hears of.
func TestTheLastToTellHasToldTheLatest(t *testing.T) {
	w := newWorld(t, provisioningv1.Item_KIND_UPSERT_AGENT)
	w.at(1).then = func() { w.at(1).then = nil; w.stands("Annie", 3) }
	w.mustRun()
	w.wants("heard", w.heard, "telephony: Anna j/7@1.2", "crm: Anna j/7@1.2", "crm: Annie j/7@1.3", "wfm: Annie j/7@1.3")
}

func TestWhoUndoesHasToldTheLatestToo(t *testing.T) {
	w := newWorld(t, provisioningv1.Item_KIND_UPSERT_AGENT)
	w.refuses(1, "422 no")
	w.at(0).then = func() {
		if len(w.heard) == 3 {
			w.stands("Annie", 3)
		}
	}
	o := w.mustRun()
	w.wants("heard", w.heard, "telephony: Anna j/7@1.2", "crm: Anna j/7@1.2", "telephony: Ann j/7@1.2/undone", "telephony: Annie j/7@1.3")
	if s := o.GetSteps()[0]; s.GetState() != notUndone || s.GetTold().GetN() != 3 || s.GetAttempts() != 3 {
		t.Errorf("kept as %v", s)
	}
}

// Wherever a worker dies, the one that takes over goes on behind the last step that was kept, and asks again under the
// same key what was not.
func TestTheNextWorkerGoesOnBehindTheLastStep(t *testing.T) {
	all := []string{"telephony TOLD", "crm TOLD", "wfm REFUSED", "crm UNDONE", "telephony UNDONE"}
	want := newWorld(t, provisioningv1.Item_KIND_UPSERT_AGENT)
	want.refuses(2, "422 no")
	ends := want.mustRun()
	for i, at := range all[:len(all)-1] {
		t.Run(at, func(t *testing.T) {
			w := newWorld(t, provisioningv1.Item_KIND_UPSERT_AGENT)
			w.refuses(2, "422 no")
			w.dies = func(s *provisioningv1.Step) bool { return stepText(s) == at }
			if _, err := w.run(); !errors.Is(err, errGone) {
				t.Fatalf("it was to die: %v", err)
			}
			w.wants("kept by the first", w.kept, all[:i]...)
			asked := w.heard[len(w.heard)-1]
			w.heard, w.dies = nil, nil
			o := w.mustRun()
			w.wants("heard by the second", w.heard, want.heard[i:]...)
			if w.heard[0] != asked || o.GetReason() != ends.GetReason() {
				t.Errorf("asked again: %s, before: %s; ended as %v", w.heard[0], asked, o)
			}
		})
	}
}

func TestWhatEndedMeanwhileIsLeftAlone(t *testing.T) {
	w := newWorld(t, provisioningv1.Item_KIND_UPSERT_AGENT)
	w.at(0).then = func() { w.item = job.Finish(w.item, job.Verdict{Reason: "it took too long"}, noon) }
	if _, err := w.run(); !errors.Is(err, flow.ErrEnded) || len(w.heard) != 1 {
		t.Errorf("heard %v, %v", w.heard, err)
	}
}
