package provisioning_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/services/provisioning"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
)

// gate is a downstream that lets calls through one by one, or all at once.
type gate struct {
	*stage
	let   chan struct{}
	leave func()
}

// gated has the stage's downstream wait. Whatever the test does, it lets all go in the end.
func (s *stage) gated() *gate {
	g := &gate{s, make(chan struct{}), nil}
	g.leave = sync.OnceFunc(func() { close(g.let) })
	s.Cleanup(g.leave)
	s.downstream.answers(func(*http.Request) int { <-g.let; return http.StatusOK })
	return g
}

func (g *gate) calls() int { _, calls, _ := g.downstream.standing(); return calls }

// one has so many items in hand at once, all of which the downstream is told of at once.
func (s *stage) one(inHand int) provisioning.Config {
	cfg := s.told()
	cfg.Work.Concurrency, cfg.Downstream.Concurrency = inHand, inHand+1
	return cfg
}

func (p *pod) pause(id string) (*provisioningv1.Job, error) {
	res, err := p.jobs.PauseJob(p.stage.Context(), connect.NewRequest(&provisioningv1.PauseJobRequest{Tenant: p.stage.tenant, Id: id, Actor: "ann"}))
	if err != nil {
		return nil, err
	}
	return res.Msg.GetJob(), nil
}

func (p *pod) resume(id string) (*provisioningv1.Job, error) {
	res, err := p.jobs.ResumeJob(p.stage.Context(), connect.NewRequest(&provisioningv1.ResumeJobRequest{Tenant: p.stage.tenant, Id: id, Actor: "bob"}))
	if err != nil {
		return nil, err
	}
	return res.Msg.GetJob(), nil
}

func (p *pod) cancel(id string) (*provisioningv1.Job, error) {
	res, err := p.jobs.CancelJob(p.stage.Context(), connect.NewRequest(&provisioningv1.CancelJobRequest{Tenant: p.stage.tenant, Id: id, Actor: "eve"}))
	if err != nil {
		return nil, err
	}
	return res.Msg.GetJob(), nil
}

func (p *pod) retry(id, request string) (*provisioningv1.Job, error) {
	res, err := p.jobs.RetryJob(p.stage.Context(), connect.NewRequest(&provisioningv1.RetryJobRequest{Tenant: p.stage.tenant, Id: id, RequestId: request}))
	if err != nil {
		return nil, err
	}
	return res.Msg.GetJob(), nil
}

// list reads all jobs, so many at a time.
func (p *pod) list(size uint32) (all []*provisioningv1.Job) {
	p.stage.Helper()
	for token := ""; ; {
		res, err := p.jobs.ListJobs(p.stage.Context(), connect.NewRequest(&provisioningv1.ListJobsRequest{Tenant: p.stage.tenant, PageSize: size, PageToken: token}))
		if err != nil {
			p.stage.Fatal(err)
		}
		all = append(all, res.Msg.GetJobs()...)
		if token = res.Msg.GetNextPageToken(); token == "" {
			return all
		}
	}
}

// A paused job lets go what is under way and begins nothing more, through the loss of Redis too, until it is resumed.
func TestAPausedJobWaits(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.one(1))
	g := s.gated()
	j := p.mustCreate("r-1", upserts(20)...)
	s.await("one is under way", func() bool { return g.calls() == 1 })
	paused, err := p.pause(j.GetId())
	if err != nil || paused.GetPausedAt() == nil || paused.GetChangedBy() != "ann" || paused.GetPending() != 20 {
		t.Fatalf("paused: %v, %v", paused, err)
	}
	g.leave()
	s.await("no item waits for a worker", func() bool { return p.metric("busyhour_provisioning_stream_items") == 0 })
	if now := p.job(j.GetId()); now.GetApplied() != 1 || now.GetPending() != 19 || g.calls() != 1 {
		t.Errorf("while it is paused: %v, %d calls", now, g.calls())
	}
	s.flush()
	s.await("all is back in the stream and out of it again", func() bool {
		return p.metric("busyhour_provisioning_requeued_total") >= 19 && p.metric("busyhour_provisioning_stream_items") == 0
	})
	if again, err := p.pause(j.GetId()); err != nil || again.GetPending() != 19 || g.calls() != 1 {
		t.Errorf("after the loss of Redis: %v, %v, %d calls", again, err, g.calls())
	}
	resumed, err := p.resume(j.GetId())
	if err != nil || resumed.GetPausedAt() != nil || resumed.GetChangedBy() != "bob" {
		t.Errorf("resumed: %v, %v", resumed, err)
	}
	if done := p.ended(j.GetId()); done.GetApplied() != 20 {
		t.Errorf("ended as %v", done)
	}
	s.await("it is settled", func() bool { return !p.job(j.GetId()).GetUnsettled() })
	if _, err := p.pause(j.GetId()); refused(err) != "failed_precondition JOB_ENDED" {
		t.Errorf("paused in the end: %v", err)
	}
	if _, err := p.resume("j-nobody"); refused(err) != "not_found NOT_FOUND" {
		t.Errorf("a job that nobody made: %v", err)
	}
}

// What has begun when a job is cancelled ends as it will; nothing else is ever done.
func TestACancelledJobEnds(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.one(2))
	g := s.gated()
	j := p.mustCreate("r-1", upserts(300)...)
	s.await("one is under way", func() bool { return g.calls() == 1 })
	begun := p.outcomesWhere(j.GetId(), func(o *provisioningv1.Outcome) bool { return o.GetBegunAt() != nil })
	cancelled, err := p.cancel(j.GetId())
	if err != nil || cancelled.GetCancelledAt() == nil || cancelled.GetChangedBy() != "eve" {
		t.Fatalf("cancelled: %v, %v", cancelled, err)
	}
	s.await("all others have ended", func() bool { return p.job(j.GetId()).GetPending() == 1 })
	g.leave()
	done := p.ended(j.GetId())
	if done.GetApplied() != 1 || done.GetCancelled() != 299 {
		t.Errorf("ended as %v", done)
	}
	applied := p.outcomesWhere(j.GetId(), func(o *provisioningv1.Outcome) bool {
		return o.GetOutcome() == provisioningv1.ItemOutcome_ITEM_OUTCOME_APPLIED
	})
	if len(begun) != 1 || len(applied) != 1 || begun[0].GetNumber() != applied[0].GetNumber() {
		t.Errorf("begun were %v, applied %v", begun, applied)
	}
	if n := len(p.agents()); n != 1 {
		t.Errorf("%d agents in the directory", n)
	}
	if again, err := p.cancel(j.GetId()); err != nil || again.GetCancelled() != 299 {
		t.Errorf("cancelled again: %v, %v", again, err)
	}
	if _, err := p.resume(j.GetId()); refused(err) != "failed_precondition JOB_CANCELLED" {
		t.Errorf("resumed after that: %v", err)
	}
	s.flush()
	s.await("it is as it was after the loss of Redis", func() bool {
		now := p.job(j.GetId())
		return now.GetApplied() == 1 && now.GetCancelled() == 299
	})
	for item, times := range s.finals() {
		if times != 1 {
			t.Errorf("item %s ended %d times in the log", item, times)
		}
	}
	if n := p.metric("busyhour_provisioning_items_total"); n != 300 {
		t.Errorf("counted %v ended items", n)
	}
}

func (p *pod) outcomesWhere(id string, holds func(*provisioningv1.Outcome) bool) []*provisioningv1.Outcome {
	p.stage.Helper()
	return slices.DeleteFunc(p.outcomes(id), func(o *provisioningv1.Outcome) bool { return !holds(o) })
}

func TestOnlyWhatFailedIsRetried(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.told())
	s.downstream.answers(func(r *http.Request) int {
		if strings.HasSuffix(r.URL.Path, "3") {
			return http.StatusUnprocessableEntity
		}
		return http.StatusOK
	})
	first := p.ended(p.mustCreate("r-1", upserts(30)...).GetId())
	if first.GetFailed() != 3 {
		t.Fatalf("ended as %v", first)
	}
	s.downstream.answers(nil)
	second, err := p.retry(first.GetId(), "r-2")
	if err != nil || second.GetTotal() != 3 || second.GetRetryOf() != first.GetId() {
		t.Fatalf("retried as %v, %v", second, err)
	}
	if done := p.ended(second.GetId()); done.GetApplied() != 3 {
		t.Errorf("ended as %v", done)
	}
	if again, err := p.retry(first.GetId(), "r-2"); err != nil || again.GetId() != second.GetId() || again.GetApplied() != 3 {
		t.Errorf("retried again under the same request id: %v, %v", again, err)
	}
	if _, err := p.retry(second.GetId(), "r-3"); refused(err) != "failed_precondition NOTHING_FAILED" {
		t.Errorf("of a job without failures: %v", err)
	}
	if _, err := p.retry("j-nobody", "r-3"); refused(err) != "not_found NOT_FOUND" {
		t.Errorf("of a job that nobody made: %v", err)
	}
}

func TestJobsAreListedTheNewestFirst(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.quick())
	if all := p.list(3); len(all) != 0 {
		t.Errorf("none was made, and there are %v", all)
	}
	var want []string
	for i := range 7 {
		want = append([]string{p.ended(p.mustCreate(fmt.Sprint("r-", i), upsert(fmt.Sprint("a", i), "A")).GetId()).GetId()}, want...)
	}
	look := func(when string) {
		t.Helper()
		for _, size := range []uint32{1, 3, 7, 0} {
			var got []string
			for _, j := range p.list(size) {
				got = append(got, j.GetId())
				if j.GetApplied() != 1 || j.GetPending() != 0 || j.GetPriority() != provisioningv1.Priority_PRIORITY_NORMAL {
					t.Errorf("%s: listed as %v", when, j)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %d at a time are %v, want %v", when, size, got, want)
			}
		}
	}
	look("at first")
	s.flush()
	s.await("Redis is made again", func() bool { return p.job(want[0]).GetApplied() == 1 })
	look("after the loss of Redis")
	for _, token := range []string{"nonsense", "am9iczp4", "am9iczoxLy0x"} { // the last two are jobs:x and jobs:1/-1
		_, err := p.jobs.ListJobs(t.Context(), connect.NewRequest(&provisioningv1.ListJobsRequest{Tenant: s.tenant, PageToken: token}))
		if refused(err) != "invalid_argument PAGE_TOKEN" {
			t.Errorf("token %q: %v", token, err)
		}
	}
}

// The one urgent agent of old, who came after ten thousand others and waited for them.
func TestAnUrgentItemDoesNotWaitForBulk(t *testing.T) {
	s := newStage(t)
	cfg := s.told()
	cfg.Work.Concurrency, cfg.Downstream.Concurrency = 8, 8
	p := s.startPod("a", cfg)
	g := s.gated()
	s.downstream.answers(func(r *http.Request) int {
		if !strings.HasSuffix(r.URL.Path, "/eve") {
			<-g.let
		}
		return http.StatusOK
	})
	bulk := p.mustCreate("r-1", upserts(200)...)
	if bulk.GetPriority() != provisioningv1.Priority_PRIORITY_BULK {
		t.Errorf("200 items are %s", bulk.GetPriority())
	}
	s.await("workers have what they may of it", func() bool { return g.calls() == 6 })
	res, err := p.jobs.CreateJob(t.Context(), connect.NewRequest(&provisioningv1.CreateJobRequest{
		Tenant: s.tenant, RequestId: "r-2", Items: []*provisioningv1.Item{upsert("eve", "Eve")}, Priority: provisioningv1.Priority_PRIORITY_URGENT,
	}))
	if err != nil {
		t.Fatal(err)
	}
	if done := p.ended(res.Msg.GetJob().GetId()); done.GetApplied() != 1 {
		t.Errorf("ended as %v", done)
	}
	if now := p.job(bulk.GetId()); now.GetPending() != 200 {
		t.Errorf("meanwhile the others: %v", now)
	}
	g.leave()
	if done := p.ended(bulk.GetId()); done.GetApplied() != 200 {
		t.Errorf("ended as %v", done)
	}
}

func agentItem(kind provisioningv1.Item_Kind, a *provisioningv1.Agent) *provisioningv1.Item {
	return &provisioningv1.Item{Kind: kind, Agent: a}
}

func queueItem(kind provisioningv1.Item_Kind, id string) *provisioningv1.Item {
	return &provisioningv1.Item{Kind: kind, Queue: &provisioningv1.Queue{Id: id, Name: "Queue " + id, Channel: commonv1.Channel_CHANNEL_VOICE}}
}

// Agents, queues and skills in one job, whatever order they are in.
func TestAJobMixesWhatItChanges(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.told())
	ann := &provisioningv1.Agent{Id: "ann", Name: "Ann", QueueIds: []string{"support"}, Skills: []*commonv1.Skill{{Name: "english", Level: 50}}}
	j := p.ended(p.mustCreate("r-1",
		agentItem(provisioningv1.Item_KIND_CREATE_AGENT, ann), upsert("bob", "Bob"), upsert("eve", "Eve"), upsert("dan", "Dan"),
		queueItem(provisioningv1.Item_KIND_CREATE_QUEUE, "support"), queueItem(provisioningv1.Item_KIND_UPSERT_QUEUE, "old"),
	).GetId())
	if j.GetApplied() != 6 {
		t.Fatalf("ended as %v: %v", j, p.outcomes(j.GetId()))
	}
	english := &provisioningv1.Agent{Id: "bob", Skills: []*commonv1.Skill{{Name: "english", Level: 80}}}
	j = p.ended(p.mustCreate("r-2",
		queueItem(provisioningv1.Item_KIND_DELETE_QUEUE, "support"), queueItem(provisioningv1.Item_KIND_UPDATE_QUEUE, "old"),
		agentItem(provisioningv1.Item_KIND_LEAVE_QUEUES, &provisioningv1.Agent{Id: "ann", QueueIds: []string{"support"}}),
		agentItem(provisioningv1.Item_KIND_SET_SKILLS, english),
		agentItem(provisioningv1.Item_KIND_DEACTIVATE_AGENT, &provisioningv1.Agent{Id: "eve"}),
		agentItem(provisioningv1.Item_KIND_JOIN_QUEUES, &provisioningv1.Agent{Id: "dan", QueueIds: []string{"old", "new"}}),
		queueItem(provisioningv1.Item_KIND_CREATE_QUEUE, "new"),
	).GetId())
	if j.GetApplied() != 7 {
		t.Fatalf("ended as %v: %v", j, p.outcomes(j.GetId()))
	}
	agents := p.agents()
	if a := agents["ann"]; len(a.GetQueueIds()) != 0 || a.GetName() != "Ann" || a.GetSkills()[0].GetLevel() != 50 {
		t.Errorf("ann left a queue: %v", a)
	}
	if a := agents["bob"]; len(a.GetSkills()) != 1 || a.GetSkills()[0].GetLevel() != 80 || a.GetName() != "Bob" {
		t.Errorf("bob learned: %v", a)
	}
	if a := agents["eve"]; !a.GetDeactivated() || a.GetName() != "Eve" {
		t.Errorf("eve was deactivated: %v", a)
	}
	if a := agents["dan"]; fmt.Sprint(a.GetQueueIds()) != "[old new]" {
		t.Errorf("dan joined: %v", a)
	}
	told, _, _ := s.downstream.standing()
	if len(told) != 4 || !strings.Contains(told["eve"], `"deactivated":true`) || !strings.Contains(told["dan"], `"new"`) {
		t.Errorf("the downstream was told %v", told)
	}
	if _, err := p.directory.GetQueue(t.Context(), connect.NewRequest(&provisioningv1.GetQueueRequest{Tenant: s.tenant, Id: "support"})); refused(err) != "not_found NOT_FOUND" {
		t.Errorf("the queue that was deleted: %v", err)
	}
}

func TestItemsThatCannotBe(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.quick())
	p.ended(p.mustCreate("r-0", upsert("ann", "Ann")).GetId())
	stale := agentItem(provisioningv1.Item_KIND_DELETE_AGENT, &provisioningv1.Agent{Id: "ann"})
	stale.IfRevision = &commonv1.Revision{Epoch: 1, N: 99}
	j := p.ended(p.mustCreate("r-1",
		stale,
		agentItem(provisioningv1.Item_KIND_UPDATE_AGENT, &provisioningv1.Agent{Id: "nobody", Name: "N"}),
		agentItem(provisioningv1.Item_KIND_ACTIVATE_AGENT, &provisioningv1.Agent{Id: "noone"}),
		queueItem(provisioningv1.Item_KIND_UPDATE_QUEUE, "nowhere"),
	).GetId())
	if j.GetFailed() != 4 || len(p.agents()) != 1 {
		t.Errorf("ended as %v", j)
	}
	for i, want := range []string{"if_revision is 1.99", "there is none of that id", "there is none of that id", "there is none of that id"} {
		o := p.outcomes(j.GetId())[i]
		if !strings.Contains(o.GetReason(), want) {
			t.Errorf("item %d failed with %q, want %q", i+1, o.GetReason(), want)
		}
	}
	if o := p.outcomes(j.GetId())[3]; o.GetEntity() != "queue/nowhere" || o.GetAgentId() != "" {
		t.Errorf("an item of a queue: %v", o)
	}
	_, err := p.create("r-2",
		agentItem(provisioningv1.Item_KIND_SET_SKILLS, &provisioningv1.Agent{Id: "ann"}),
		agentItem(provisioningv1.Item_KIND_JOIN_QUEUES, &provisioningv1.Agent{Id: "bob", QueueIds: []string{"nowhere"}}),
		agentItem(provisioningv1.Item_KIND_JOIN_QUEUES, &provisioningv1.Agent{Id: "ann"}),
		&provisioningv1.Item{Kind: provisioningv1.Item_KIND_CREATE_QUEUE, Queue: &provisioningv1.Queue{Id: "q", Name: "Q"}},
	)
	if refused(err) != "invalid_argument INVALID_ITEMS" {
		t.Fatalf("bad items: %v", err)
	}
	for _, want := range []string{"item 1: skills are missing", "item 3: queues are missing", `agent "ann" is item 1 too`, "item 4: channel"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

// What waits is bounded: who sends more is told so, and the same job passes when there is room.
func TestAJobBeyondTheBacklogIsRefused(t *testing.T) {
	s := newStage(t)
	cfg := s.one(1)
	cfg.Work.Backlog = 30
	p := s.startPod("a", cfg)
	g := s.gated()
	first := p.mustCreate("r-1", upserts(20)...)
	s.await("it waits", func() bool { return p.metric("busyhour_provisioning_pending_items") == 20 })
	if _, err := p.create("r-2", upserts(11)...); refused(err) != "resource_exhausted BACKLOG_FULL" {
		t.Errorf("31 items: %v", err)
	}
	if again, err := p.create("r-1", upserts(20)...); err != nil || again.GetId() != first.GetId() {
		t.Errorf("the first again: %v", err)
	}
	if _, err := p.create("r-2", upserts(10)...); err != nil {
		t.Errorf("30 items: %v", err)
	}
	g.leave()
	p.ended(first.GetId())
	s.await("nothing waits", func() bool { return p.metric("busyhour_provisioning_pending_items") == 0 })
	p.ended(p.mustCreate("r-3", upserts(11)...).GetId())
	s.flush()
	s.await("nothing waits after the loss of Redis", func() bool {
		return p.job(first.GetId()).GetApplied() == 20 && p.metric("busyhour_provisioning_pending_items") == 0
	})
}

// The log says who changed what, from what to what, and which item of which job asked for it.
func TestTheLogSaysWhoChangedWhat(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.quick())
	made := p.ended(p.mustCreate("r-1", upsert("ann", "Ann")).GetId())
	p.ended(p.mustCreate("r-2", upsert("ann", "Anna")).GetId())
	if _, err := p.directory.DeleteAgent(t.Context(), connect.NewRequest(&provisioningv1.DeleteAgentRequest{Tenant: s.tenant, Id: "ann"})); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range s.read(topics.DirectoryEvents) {
		e := &provisioningv1.DirectoryEntry{}
		if err := proto.Unmarshal(m.Value, e); err != nil {
			t.Fatal(err)
		}
		if e.GetRevision() != nil && e.GetAgent().GetId() == "ann" {
			got = append(got, fmt.Sprintf("%s of %q: %s", e.GetActor(), e.GetItem(), strings.Join(e.GetChanges(), ", ")))
		}
	}
	want := []string{
		fmt.Sprintf(`test of "%s/1": name: "" → "Ann", capacity +voice: 1`, made.GetId()),
		fmt.Sprintf(`test of "%s/1": name: "Ann" → "Anna"`, job.ID(s.tenant, "r-2")),
		`api of "": name: "Anna" → "", capacity -voice`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("the log says\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
