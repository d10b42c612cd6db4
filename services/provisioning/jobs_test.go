package provisioning_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

func TestAJobEndsInTheDirectoryAndInTheDownstream(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.told())
	p.ended(p.mustCreate("r-0", upsert("gone", "Gone")).GetId())

	j := p.mustCreate("r-1", append(upserts(200), deletion("gone"))...)
	if j.GetTotal() != 201 || j.GetAcceptedAt() == nil || j.GetActor() != "test" {
		t.Errorf("created %v", j)
	}
	j = p.ended(j.GetId())
	if j.GetApplied() != 201 || j.GetFailed() != 0 {
		t.Errorf("ended as %v", j)
	}
	told, _, doubled := s.downstream.standing()
	agents := p.agents()
	if len(told) != 200 || len(agents) != 200 || len(doubled) > 0 {
		t.Errorf("%d in the downstream, %d in the directory, two calls at once for %v", len(told), len(agents), doubled)
	}
	for i, o := range p.outcomes(j.GetId()) {
		if int(o.GetNumber()) != i+1 || o.GetAttempts() != 1 || o.GetRequest() != nil {
			t.Errorf("outcome %d: %v", i+1, o)
		}
	}
	for item, times := range s.finals() {
		if times != 1 {
			t.Errorf("item %s ended %d times in the log", item, times)
		}
	}
	if left := p.metric("busyhour_provisioning_stream_items"); left != 0 {
		t.Errorf("%v entries left in the stream", left)
	}
	if n := p.metric("busyhour_provisioning_items_total"); n != 202 {
		t.Errorf("counted %v ended items", n)
	}
}

func TestTheSameRequestIsTheSameJob(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.told())
	first := p.ended(p.mustCreate("r-1", upserts(10)...).GetId())
	_, calls, _ := s.downstream.standing()
	again := p.mustCreate("r-1", upserts(10)...)
	if !proto.Equal(first, again) {
		t.Errorf("again: %v, want %v", again, first)
	}
	if _, err := p.create("r-1", upserts(11)...); refused(err) != "already_exists REQUEST_ID_TAKEN" {
		t.Errorf("other items: %v", err)
	}
	other := p.ended(p.mustCreate("r-2", upserts(10)...).GetId())
	if other.GetApplied() != 10 {
		t.Errorf("the same agents again: %v", other)
	}
	for _, m := range s.read(topics.DirectoryEvents) {
		if strings.HasSuffix(m.Header(eventlog.HeaderType), "updated.v1") {
			t.Errorf("the same agents again changed %s", m.Key)
		}
	}
	if _, now, _ := s.downstream.standing(); now != calls+10 {
		t.Errorf("%d calls for the second job, want 10", now-calls)
	}
}

func TestAnItemFailsInTheDownstreamsWords(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.told())
	s.downstream.answers(func(r *http.Request) int {
		switch {
		case strings.HasSuffix(r.URL.Path, "2"):
			return http.StatusUnprocessableEntity
		case strings.HasSuffix(r.URL.Path, "3"):
			return http.StatusBadGateway
		}
		return http.StatusOK
	})
	j := p.ended(p.mustCreate("r-1", upserts(3)...).GetId())
	if j.GetApplied() != 1 || j.GetFailed() != 2 {
		t.Errorf("ended as %v", j)
	}
	all := p.outcomes(j.GetId())
	if r := all[1].GetReason(); r != "422 Unprocessable Entity: the downstream says 422" || all[1].GetAttempts() != 1 {
		t.Errorf("refused: %v", all[1])
	}
	if r := all[2].GetReason(); r != "it went wrong 6 times, at last: 502 Bad Gateway: the downstream says 502" || all[2].GetAttempts() != 6 {
		t.Errorf("went wrong: %v", all[2])
	}
}

// The 30-minute lag of old: consumers that waited for a slow REST service. Here ingestion is over while not one call has
// been answered.
func TestASlowDownstreamDoesNotHoldUpIngestion(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.told())
	open := make(chan struct{})
	s.downstream.answers(func(*http.Request) int { <-open; return http.StatusOK })
	j := p.mustCreate("r-1", upserts(500)...)
	s.await("all is in the stream", func() bool { return p.metric("busyhour_provisioning_stream_items") == 500 })
	if now := p.job(j.GetId()); now.GetPending() != 500 {
		t.Errorf("with a downstream that does not answer: %v", now)
	}
	for _, o := range p.outcomes(j.GetId()) {
		if o.GetOutcome() != provisioningv1.ItemOutcome_ITEM_OUTCOME_PENDING || o.GetAgentId() == "" {
			t.Fatalf("outcome %v, want a pending item that names its agent", o)
		}
	}
	if age := p.metric("busyhour_provisioning_oldest_item_seconds"); age <= 0 {
		t.Errorf("age of the oldest: %v", age)
	}
	close(open)
	if j = p.ended(j.GetId()); j.GetApplied() != 500 {
		t.Errorf("ended as %v", j)
	}
}

func TestADeadWorkersItemsAreRunByAnother(t *testing.T) {
	s := newStage(t)
	cfg := s.told()
	cfg.Work.ItemTimeout, cfg.Work.TakeOver = time.Second, 2*time.Second
	var hangs atomic.Bool
	hangs.Store(true)
	s.downstream.answers(func(r *http.Request) int {
		if hangs.Load() {
			<-r.Context().Done()
		}
		return http.StatusOK
	})
	a := s.startPod("a", cfg)
	j := a.mustCreate("r-1", upserts(16)...)
	s.await("a has taken some", func() bool {
		_, calls, _ := s.downstream.standing()
		return calls > 0 && a.metric("busyhour_provisioning_stream_items") == 16
	})
	a.redis.Close() // it is cut off: whatever it finds out, it can tell nobody
	hangs.Store(false)
	b := s.startPod("b", cfg)
	if j = b.ended(j.GetId()); j.GetApplied() != 16 {
		t.Errorf("ended as %v", j)
	}
}

// A run may last as long as it likes: its worker lives, and nobody takes the item over.
func TestALongRunIsNotTakenOver(t *testing.T) {
	s := newStage(t)
	cfg := s.told()
	cfg.Work.TakeOver = time.Second
	a := s.startPod("a", cfg)
	s.startPod("b", cfg)
	g := s.gated()
	j := a.mustCreate("r-1", upsert("ann", "Ann"))
	s.await("it is under way", func() bool { return g.calls() == 1 })
	key := commit.Key(s.tenant, "provisioning", uint32(a.metric("busyhour_gate_epoch")), "stream:normal")
	began := time.Now()
	s.await("it would have been taken over three times, and is held", func() bool {
		held, err := a.redis.XPendingExt(t.Context(), &redis.XPendingExtArgs{Stream: key, Group: "workers", Start: "-", End: "+", Count: 1}).Result()
		return err == nil && len(held) == 1 && held[0].Idle < cfg.Work.TakeOver/2 && time.Since(began) > 3*cfg.Work.TakeOver
	})
	g.leave()
	if j = a.ended(j.GetId()); j.GetApplied() != 1 || g.calls() != 1 {
		t.Errorf("ended as %v after %d calls", j, g.calls())
	}
}

// Something goes wrong in Redis for a moment. The worker that has the item tries again, long before another takes it over.
func TestARunWithoutAnOutcomeIsRepeatedSoon(t *testing.T) {
	s := newStage(t)
	cfg := s.told()
	cfg.Work.Concurrency = 1
	open, first := make(chan struct{}), make(chan string, 2)
	s.downstream.answers(func(r *http.Request) int { first <- r.URL.Path; <-open; return http.StatusOK })
	p := s.startPod("a", cfg)
	j := p.mustCreate("r-1", upserts(2)...)
	waits := uint32(2)
	if strings.HasSuffix(<-first, "agent-00002") {
		waits = 1
	}
	s.await("the other waits for the worker", func() bool { return p.metric("busyhour_provisioning_stream_items") == 2 })
	rdb := redis.NewUniversalClient(&s.redis)
	defer rdb.Close()
	keys, err := rdb.Keys(t.Context(), fmt.Sprintf("{%s}:provisioning:*:item:%s/%d", s.tenant, j.GetId(), waits)).Result()
	if err != nil || len(keys) != 1 {
		t.Fatalf("records of item %d: %v, %v", waits, keys, err)
	}
	aside := keys[0] + ":aside"
	if err := errors.Join(rdb.Rename(t.Context(), keys[0], aside).Err(), rdb.Set(t.Context(), keys[0], "nonsense", 0).Err()); err != nil {
		t.Fatal(err)
	}
	close(open)
	s.await("a run has come to nothing", func() bool { return p.metric("busyhour_provisioning_undecided_runs_total") > 0 })
	if err := rdb.Rename(t.Context(), aside, keys[0]).Err(); err != nil {
		t.Fatal(err)
	}
	if j = p.ended(j.GetId()); j.GetApplied() != 2 {
		t.Errorf("ended as %v", j)
	}
}

func TestAFlushedRedisLosesNoItem(t *testing.T) {
	s := newStage(t)
	cfg := s.told()
	cfg.Downstream.Concurrency, cfg.Work.Concurrency = 4, 4
	p := s.startPod("a", cfg)
	var flushed atomic.Bool
	var calls atomic.Int64
	s.downstream.answers(func(*http.Request) int {
		if calls.Add(1) == 50 && flushed.CompareAndSwap(false, true) {
			s.flush()
		}
		return http.StatusOK
	})
	j := p.mustCreate("r-1", upserts(200)...)
	s.await("redis is flushed", flushed.Load)
	j = p.ended(j.GetId())
	if j.GetApplied() != 200 || j.GetTotal() != 200 {
		t.Errorf("ended as %v", j)
	}
	told, _, doubled := s.downstream.standing()
	if agents := p.agents(); len(told) != 200 || len(agents) != 200 || len(doubled) > 0 {
		t.Errorf("%d in the downstream, %d in the directory, two calls at once for %v", len(told), len(agents), doubled)
	}
	if n := p.metric("busyhour_provisioning_requeued_total"); n == 0 {
		t.Error("nothing was put back into the stream")
	}
}

func TestARestartGoesOnWhereItWas(t *testing.T) {
	s := newStage(t)
	cfg := s.told()
	open := make(chan struct{})
	s.downstream.answers(func(*http.Request) int { <-open; return http.StatusOK })
	cfg.Downstream.Concurrency, cfg.Work.Concurrency = 3, 2
	p := s.startPod("a", cfg)
	j := p.mustCreate("r-1", upserts(50)...)
	s.await("workers have some in hand", func() bool { _, calls, _ := s.downstream.standing(); return calls == 2 })
	stopped := make(chan struct{})
	go func() { p.stop(); close(stopped) }()
	close(open) // what was in hand ends
	<-stopped
	s.flush() // and while nobody is there, Redis is lost
	p = s.startPod("a", cfg)
	if j = p.ended(j.GetId()); j.GetApplied() != 50 {
		t.Errorf("ended as %v", j)
	}
	for item, times := range s.finals() {
		if times != 1 {
			t.Errorf("item %s ended %d times in the log", item, times)
		}
	}
}

func TestAnEarlierRequestDoesNotOverwriteALaterChange(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.quick())
	p.ended(p.mustCreate("r-1", upsert("ann", "Ann")).GetId())
	s.request(&provisioningv1.Request{
		Tenant: s.tenant, JobId: "j-late", Number: 1, Total: 1, Item: upsert("ann", "Old name"),
		RequestedAt: timestamppb.New(time.Now().Add(-time.Hour)),
	})
	s.await("it has ended", func() bool { return s.finals()["j-late/1"] == 1 })
	if got := p.agents()["ann"].GetName(); got != "Ann" {
		t.Errorf("ann is called %q", got)
	}
}

// request writes a request as another team would.
func (s *stage) request(r *provisioningv1.Request, headers ...eventlog.Header) {
	s.Helper()
	value, err := proto.Marshal(r)
	if err != nil {
		s.Fatal(err)
	}
	s.produce(eventlog.Message{Topic: topics.Requests, Key: []byte(r.GetItem().GetAgent().GetId()), Value: value, Headers: append(headers,
		eventlog.Header{Key: eventlog.HeaderType, Value: "busyhour.provisioning.request.v1"},
		eventlog.Header{Key: eventlog.HeaderTenant, Value: s.tenant},
	)})
}

func (s *stage) produce(all ...eventlog.Message) {
	s.Helper()
	producer, err := eventlog.NewProducer(s.kafkaConfig(prometheus.NewRegistry()))
	if err != nil {
		s.Fatal(err)
	}
	defer producer.Close()
	if err := producer.Send(s.Context(), all...); err != nil {
		s.Fatal(err)
	}
}

func TestBadRequestsGoToTheDeadLettersAndTheGroupMovesOn(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.quick())
	typed := func(value string) []eventlog.Header {
		return []eventlog.Header{{Key: eventlog.HeaderType, Value: value}, {Key: eventlog.HeaderTenant, Value: s.tenant}}
	}
	bytes := func(m proto.Message) []byte {
		b, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	good := &provisioningv1.Request{Tenant: s.tenant, JobId: "j", Number: 1, Item: upsert("ann", "Ann")}
	change := func(f func(*provisioningv1.Request)) []byte {
		r := proto.CloneOf(good)
		f(r)
		return bytes(r)
	}
	const current = "busyhour.provisioning.request.v1"
	bad := map[string]eventlog.Message{
		`header ce_type is "", this version reads`:                {Value: bytes(good)},
		`header ce_type is "busyhour.provisioning.request.v2"`:    {Value: bytes(good), Headers: typed("busyhour.provisioning.request.v2")},
		`the value is not a Request`:                              {Value: []byte("\xffgarbage"), Headers: typed(current)},
		`item: value is required`:                                 {Value: change(func(r *provisioningv1.Request) { r.Item = nil }), Headers: typed(current)},
		`tenant "other" is not served here`:                       {Value: change(func(r *provisioningv1.Request) { r.Tenant = "other" }), Headers: typed(current)},
		`id has 10240 characters, at most 128`:                    {Value: change(func(r *provisioningv1.Request) { r.Item.Agent.Id = strings.Repeat("x", 10<<10) }), Headers: typed(current)},
		`header ce_tenant is "mallory", the request is of tenant`: {Value: bytes(good), Headers: []eventlog.Header{{Key: eventlog.HeaderType, Value: current}, {Key: eventlog.HeaderTenant, Value: "mallory"}}},
	}
	for _, m := range bad {
		m.Topic, m.Key = topics.Requests, []byte(s.tenant+"/ann")
		s.produce(m)
	}
	s.request(good)
	s.await("the good one has ended", func() bool { return s.finals()["j/1"] == 1 })
	var dead []eventlog.Message
	s.await("the bad ones are in the dead letters", func() bool {
		dead = s.read(topics.ProvisioningDeadLetter)
		return len(dead) == len(bad)
	})
	var reasons []string
	for _, m := range dead {
		reasons = append(reasons, m.Header(eventlog.HeaderDeadLetterReason))
	}
	for want := range bad {
		if !strings.Contains(strings.Join(reasons, "\n"), want) {
			t.Errorf("no dead letter says %q", want)
		}
	}
	if n := len(p.agents()); n != 1 {
		t.Errorf("%d agents", n)
	}
}

func TestImport(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.quick())
	if _, err := p.directory.CreateQueue(t.Context(), s.queue("support")); err != nil {
		t.Fatal(err)
	}
	file := func(broken ...int) []byte {
		var b strings.Builder
		b.WriteString("id,name,skills,queues,capacity,address\n")
		for line := 2; line <= 10_001; line++ {
			queues := "support"
			for _, n := range broken {
				if n == line {
					queues = "sales"
				}
			}
			fmt.Fprintf(&b, "agent-%05d,Agent %d,english:80;sales:50,%s,voice=1;chat=3,%d\n", line-1, line-1, queues, 1000+line)
		}
		return []byte(b.String())
	}
	imported := func(csv []byte, dryRun bool) *provisioningv1.ImportAgentsResponse {
		t.Helper()
		res, err := p.jobs.ImportAgents(t.Context(), connect.NewRequest(&provisioningv1.ImportAgentsRequest{Tenant: s.tenant, RequestId: "import-1", Csv: csv, DryRun: dryRun}))
		if err != nil {
			t.Fatal(err)
		}
		return res.Msg
	}
	res := imported(file(7000), false)
	if res.GetJob() != nil || res.GetErrorCount() != 1 || res.GetLines() != 10_000 ||
		res.GetErrors()[0].GetLine() != 7000 || res.GetErrors()[0].GetProblem() != `queue "sales" does not exist` {
		t.Errorf("a broken line 7,000: %v", res)
	}
	if want := "1 lines are bad, so none of the 10000 was taken: correct them and send the whole file again"; res.GetSummary() != want {
		t.Errorf("says %q, want %q", res.GetSummary(), want)
	}
	res = imported([]byte("id,name\n"+strings.Repeat(",\n", 2000)), false)
	if len(res.GetErrors()) != 1000 || res.GetErrorCount() != 4000 || res.GetJob() != nil {
		t.Errorf("%d of %d errors named", len(res.GetErrors()), res.GetErrorCount())
	}
	if res = imported(file(), true); res.GetJob() != nil || res.GetErrorCount() != 0 || res.GetSummary() != "all 10000 lines are good; none was taken, for this was a dry run" {
		t.Errorf("a dry run: %v", res)
	}
	if n := len(p.agents()); n != 0 || len(s.read(topics.Requests)) != 0 {
		t.Fatalf("%d agents, %d requests, and nothing was to be taken", n, len(s.read(topics.Requests)))
	}
	small := imported([]byte("id,name,queues\nann,Ann,support\n"), false)
	if small.GetJob().GetTotal() != 1 {
		t.Fatalf("a good file: %v", small)
	}
	p.ended(small.GetJob().GetId())
	if a := p.agents()["ann"]; len(a.GetQueueIds()) != 1 {
		t.Errorf("imported as %v", a)
	}
	_, err := p.jobs.ImportAgents(t.Context(), connect.NewRequest(&provisioningv1.ImportAgentsRequest{Tenant: s.tenant, RequestId: "r", Csv: make([]byte, 3<<20+1)}))
	if refused(err) != "invalid_argument" {
		t.Errorf("3 MiB and a byte: %v", err)
	}
}

// Whatever happens to the stream, the items' records know what has to be in it.
func TestALostStreamIsFilledAgain(t *testing.T) {
	s := newStage(t)
	open := make(chan struct{})
	s.downstream.answers(func(*http.Request) int { <-open; return http.StatusOK })
	cfg := s.told()
	cfg.Downstream.Concurrency, cfg.Work.Concurrency = 1, 1
	p := s.startPod("a", cfg)
	j := p.mustCreate("r-1", upserts(5)...)
	s.await("all is in the stream", func() bool { return p.metric("busyhour_provisioning_stream_items") == 5 })
	epoch := uint32(p.metric("busyhour_gate_epoch"))
	key := func(name string) string { return commit.Key(s.tenant, "provisioning", epoch, name) }
	if err := p.redis.Unlink(t.Context(), key("stream"), key("queued")).Err(); err != nil {
		t.Fatal(err)
	}
	for n := range 5 { // as if ten minutes had passed
		if err := p.redis.ZAdd(t.Context(), key("deadlines"), redis.Z{Score: 1, Member: fmt.Sprintf("item:%s/%d", j.GetId(), n+1)}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	s.await("all is in the stream again", func() bool { return p.metric("busyhour_provisioning_stream_items") == 5 })
	close(open)
	if j = p.ended(j.GetId()); j.GetApplied() != 5 {
		t.Errorf("ended as %v", j)
	}
}
