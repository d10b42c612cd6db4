package provisioning_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/services/provisioning"
)

// pair is a stage with two downstreams: the telephony is told first, and puts back what the crm refuses.
type pair struct {
	*stage
	telephony, crm *downstream
}

func newPair(t *testing.T) *pair {
	s := newStage(t)
	return &pair{s, s.downstream, newDownstream(t)}
}

func (s *pair) told() provisioning.Config {
	cfg := s.stage.told()
	cfg.Downstream.Name, cfg.Downstream.Compensate = "telephony", true
	cfg.Downstream2 = cfg.Downstream
	cfg.Downstream2.Name, cfg.Downstream2.Compensate = "crm", false
	cfg.Downstream2.URL = s.crm.url + "/agents/{id}"
	return cfg
}

func (d *downstream) has(id string) bool {
	agents, _, _ := d.standing()
	_, there := agents[id]
	return there
}

func (d *downstream) called() int { _, calls, _ := d.standing(); return calls }

func steps(o *provisioningv1.Outcome) string {
	var all []string
	for _, s := range o.GetSteps() {
		all = append(all, s.GetDownstream()+" "+strings.TrimPrefix(s.GetState().String(), "STATE_"))
	}
	return strings.Join(all, ", ")
}

func TestSagaTellsBothInOrder(t *testing.T) {
	s := newPair(t)
	p := s.startPod("a", s.told())
	var early atomic.Int32
	s.crm.answers(func(r *http.Request) int {
		if !s.telephony.has(strings.TrimPrefix(r.URL.Path, "/agents/")) {
			early.Add(1)
		}
		return http.StatusOK
	})
	s.telephony.answers(func(r *http.Request) int {
		if r.Method == http.MethodDelete && s.crm.has(strings.TrimPrefix(r.URL.Path, "/agents/")) {
			early.Add(1)
		}
		return http.StatusOK
	})
	p.ended(p.mustCreate("r-0", upsert("gone", "Gone")).GetId())
	j := p.ended(p.mustCreate("r-1", append(upserts(20), deletion("gone"))...).GetId())
	if j.GetApplied() != 21 || early.Load() > 0 {
		t.Errorf("ended as %v, %d calls out of turn", j, early.Load())
	}
	all := p.outcomes(j.GetId())
	for i, want := range map[int]string{0: "telephony TOLD, crm TOLD", 20: "crm TOLD, telephony TOLD"} {
		if o := all[i]; steps(o) != want || o.GetAttempts() != 2 || o.GetBefore() != nil || o.GetRequest() != nil {
			t.Errorf("item %d: %v, want %s", i+1, o, want)
		}
	}
	for name, d := range map[string]*downstream{"telephony": s.telephony, "crm": s.crm} {
		if agents, calls, doubled := d.standing(); len(agents) != 20 || calls != 22 || len(doubled) > 0 {
			t.Errorf("%s has %d agents after %d calls, two at once for %v", name, len(agents), calls, doubled)
		}
	}
}

func TestSagaWhatTheSecondRefusesTheFirstUndoes(t *testing.T) {
	s := newPair(t)
	p := s.startPod("a", s.told())
	p.ended(p.mustCreate("r-0", upsert("ann", "Ann")).GetId())
	before, _, _ := s.telephony.standing()
	s.crm.answers(func(*http.Request) int { return http.StatusUnprocessableEntity })
	j := p.ended(p.mustCreate("r-1", upsert("ann", "Anna"), upsert("bob", "Bob")).GetId())
	if j.GetFailed() != 2 {
		t.Errorf("ended as %v", j)
	}
	for _, o := range p.outcomes(j.GetId()) {
		if want := "crm: 422 Unprocessable Entity: the downstream says 422; undone: telephony"; o.GetReason() != want || steps(o) != "telephony UNDONE, crm REFUSED" {
			t.Errorf("ended as %v, want %q", o, want)
		}
	}
	if after, _, _ := s.telephony.standing(); len(after) != 1 || after["ann"] != before["ann"] {
		t.Errorf("the telephony has %v, and had %v", after, before)
	}
	if agents := p.agents(); len(agents) != 2 || agents["ann"].GetName() != "Anna" {
		t.Errorf("the directory is to keep what was asked for, and has %v", agents)
	}
	s.crm.answers(nil)
	again, err := p.retry(j.GetId(), "r-2")
	if err != nil || p.ended(again.GetId()).GetApplied() != 2 {
		t.Errorf("retried as %v, %v", again, err)
	}
	if after, _, _ := s.telephony.standing(); len(after) != 2 || !strings.Contains(after["ann"], "Anna") {
		t.Errorf("after the retry the telephony has %v", after)
	}
}

func TestSagaOfADeadWorkerIsGoneOnWith(t *testing.T) {
	s := newPair(t)
	cfg := s.told()
	cfg.Work.ItemTimeout, cfg.Work.TakeOver = 3*time.Second, 4*time.Second
	var hangs atomic.Bool
	hangs.Store(true)
	s.crm.answers(func(r *http.Request) int {
		if hangs.Load() {
			<-r.Context().Done()
		}
		return http.StatusOK
	})
	a := s.startPod("a", cfg)
	j := a.mustCreate("r-1", upserts(8)...)
	s.await("the telephony has been told of all, and that is kept", func() bool { return s.crm.called() == 8 })
	a.redis.Close() // it is cut off: whatever it finds out, it can tell nobody
	hangs.Store(false)
	b := s.startPod("b", cfg)
	if j = b.ended(j.GetId()); j.GetApplied() != 8 {
		t.Errorf("ended as %v", j)
	}
	if n := s.telephony.called(); n != 8 {
		t.Errorf("the telephony was told %d times of 8 agents", n)
	}
	for _, o := range b.outcomes(j.GetId()) {
		if steps(o) != "telephony TOLD, crm TOLD" {
			t.Errorf("ended as %v", o)
		}
	}
}

// Who is away asks for patience, and costs nobody an outcome. What needs no downstream is done meanwhile.
func TestSagaWaitsForALaterDownstream(t *testing.T) {
	s := newPair(t)
	cfg := s.told()
	cfg.Work.ItemTimeout, cfg.Work.TakeOver = 3*time.Second, 4*time.Second
	s.crm.answers(func(*http.Request) int { return http.StatusTooManyRequests })
	p := s.startPod("a", cfg)
	j := p.mustCreate("r-1", append(upserts(8), queueItem(provisioningv1.Item_KIND_CREATE_QUEUE, "support"))...)
	s.await("workers have let go of some", func() bool { return p.metric("busyhour_provisioning_undecided_runs_total") > 0 })
	if now := p.job(j.GetId()); now.GetApplied() != 1 || now.GetPending() != 8 {
		t.Errorf("while the crm is away: %v", now)
	}
	s.crm.answers(nil)
	if j = p.ended(j.GetId()); j.GetApplied() != 9 {
		t.Errorf("ended as %v", j)
	}
	if n := s.telephony.called(); n != 8 {
		t.Errorf("the telephony was told %d times of 8 agents", n)
	}
}

// The steps are lost with Redis, so the first downstream may be told again.
func TestSagaOutlivesAFlushedRedis(t *testing.T) {
	s := newPair(t)
	cfg := s.told()
	cfg.Work.Concurrency = 4
	var calls atomic.Int64
	var flushed atomic.Bool
	s.crm.answers(func(*http.Request) int {
		if calls.Add(1) == 10 {
			s.flush()
			flushed.Store(true)
		}
		return http.StatusOK
	})
	p := s.startPod("a", cfg)
	j := p.mustCreate("r-1", upserts(40)...)
	s.await("redis is flushed", flushed.Load)
	if j = p.ended(j.GetId()); j.GetApplied() != 40 {
		t.Errorf("ended as %v", j)
	}
	for name, d := range map[string]*downstream{"telephony": s.telephony, "crm": s.crm} {
		if agents, _, doubled := d.standing(); len(agents) != 40 || len(doubled) > 0 {
			t.Errorf("%s has %d agents, two calls at once for %v", name, len(agents), doubled)
		}
	}
	for item, times := range s.finals() {
		if times != 1 {
			t.Errorf("item %s ended %d times in the log", item, times)
		}
	}
	if n := p.metric("busyhour_provisioning_requeued_total"); n == 0 {
		t.Error("nothing was put back into the stream")
	}
}

// What is known of how an agent stood is lost with Redis, too: nothing is put back to what may be the item's own change.
func TestSagaUndoesNothingToWhatIsNotKnown(t *testing.T) {
	s := newPair(t)
	var asked atomic.Bool
	flushed := make(chan struct{})
	let := sync.OnceFunc(func() { close(flushed) })
	t.Cleanup(let)
	s.crm.answers(func(*http.Request) int {
		if asked.CompareAndSwap(false, true) {
			<-flushed
			return http.StatusServiceUnavailable
		}
		return http.StatusUnprocessableEntity
	})
	p := s.startPod("a", s.told())
	j := p.mustCreate("r-1", upsert("ann", "Ann"))
	s.await("the crm is asked", asked.Load)
	s.await("the log has heard of ann", func() bool { return len(s.read(topics.DirectoryEvents)) > 0 })
	s.flush()
	let()
	p.ended(j.GetId())
	o := p.outcomes(j.GetId())[0]
	want := "crm: 422 Unprocessable Entity: the downstream says 422; not undone: telephony (how the agent stood before is not known)"
	if o.GetReason() != want || o.GetBefore() != nil || !s.telephony.has("ann") {
		t.Errorf("ended as %v, want %q", o, want)
	}
}
