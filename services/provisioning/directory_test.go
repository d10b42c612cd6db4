package provisioning_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/subjects"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/fanout"
)

func (s *stage) queue(id string) *connect.Request[provisioningv1.CreateQueueRequest] {
	return connect.NewRequest(&provisioningv1.CreateQueueRequest{Tenant: s.tenant, Queue: &provisioningv1.Queue{
		Id: id, Name: "Queue " + id, Channel: commonv1.Channel_CHANNEL_VOICE,
	}})
}

func agent(id string, queues ...string) *provisioningv1.Agent {
	return &provisioningv1.Agent{Id: id, Name: "Agent " + id, QueueIds: queues}
}

// refused is the code and the reason of a refusal.
func refused(err error) string {
	if err == nil {
		return "done"
	}
	reason := ""
	var e *connect.Error
	if errors.As(err, &e) {
		for _, d := range e.Details() {
			if v, err := d.Value(); err == nil {
				if no, ok := v.(*commonv1.Refusal); ok {
					reason = no.GetReason()
				}
			}
		}
	}
	return strings.TrimSpace(connect.CodeOf(err).String() + " " + reason)
}

func TestTheLifeOfAnAgent(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.quick())
	pushed := s.listen()
	ctx := t.Context()

	_, err := p.directory.CreateAgent(ctx, connect.NewRequest(&provisioningv1.CreateAgentRequest{Tenant: s.tenant, Agent: agent("ann", "support")}))
	if got := refused(err); got != "invalid_argument INVALID" || !strings.Contains(err.Error(), `queue "support" does not exist`) {
		t.Errorf("a queue that is not there: %v", err)
	}
	if _, err := p.directory.CreateQueue(ctx, s.queue("support")); err != nil {
		t.Fatal(err)
	}
	created, err := p.directory.CreateAgent(ctx, connect.NewRequest(&provisioningv1.CreateAgentRequest{Tenant: s.tenant, Agent: agent("ann", "support")}))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(created.Msg.GetAgent().GetCapacity()); n != 1 {
		t.Errorf("capacity %v, want the default written down", created.Msg.GetAgent().GetCapacity())
	}
	_, err = p.directory.CreateAgent(ctx, connect.NewRequest(&provisioningv1.CreateAgentRequest{Tenant: s.tenant, Agent: agent("ann")}))
	if got := refused(err); got != "already_exists EXISTS" || !strings.Contains(err.Error(), "agent:ann at revision") {
		t.Errorf("created again: %v", err)
	}
	update := func(name string, seen *commonv1.Revision) (*connect.Response[provisioningv1.UpdateAgentResponse], error) {
		a := agent("ann", "support")
		a.Name = name
		return p.directory.UpdateAgent(ctx, connect.NewRequest(&provisioningv1.UpdateAgentRequest{Tenant: s.tenant, Agent: a, IfRevision: seen}))
	}
	updated, err := update("Anna", created.Msg.GetRevision())
	if err != nil || updated.Msg.GetRevision().GetN() != 2 {
		t.Fatalf("updated: %v, %v", updated, err)
	}
	if _, err = update("Anne", created.Msg.GetRevision()); refused(err) != "failed_precondition STALE" {
		t.Errorf("updated on an old revision: %v", err)
	}
	if same, err := update("Anna", nil); err != nil || same.Msg.GetRevision().GetN() != 2 {
		t.Errorf("the same again: %v, %v, want revision 2 still", same, err)
	}
	_, err = p.directory.DeleteQueue(ctx, connect.NewRequest(&provisioningv1.DeleteQueueRequest{Tenant: s.tenant, Id: "support"}))
	if refused(err) != "failed_precondition QUEUE_IN_USE" || !strings.Contains(err.Error(), "1 agents serve it: ann") {
		t.Errorf("delete a queue that is served: %v", err)
	}
	deleted, err := p.directory.DeleteAgent(ctx, connect.NewRequest(&provisioningv1.DeleteAgentRequest{Tenant: s.tenant, Id: "ann"}))
	if err != nil || deleted.Msg.GetRevision().GetN() != 3 {
		t.Fatalf("deleted: %v, %v", deleted, err)
	}
	_, err = p.directory.GetAgent(ctx, connect.NewRequest(&provisioningv1.GetAgentRequest{Tenant: s.tenant, Id: "ann"}))
	if refused(err) != "not_found NOT_FOUND" || !strings.Contains(err.Error(), "it was deleted at") {
		t.Errorf("read after deletion: %v", err)
	}
	if _, err = p.directory.DeleteQueue(ctx, connect.NewRequest(&provisioningv1.DeleteQueueRequest{Tenant: s.tenant, Id: "support"})); err != nil {
		t.Errorf("delete a queue that nobody serves: %v", err)
	}
	again, err := p.directory.CreateAgent(ctx, connect.NewRequest(&provisioningv1.CreateAgentRequest{Tenant: s.tenant, Agent: agent("ann")}))
	if err != nil || again.Msg.GetRevision().GetN() != 4 {
		t.Errorf("created after deletion: %v, %v, want revision 4: none is used twice", again, err)
	}

	var want []string
	for _, m := range s.read(topics.DirectoryEvents) {
		want = append(want, fmt.Sprint(m.Header(eventlog.HeaderType), " ", string(m.Key)))
		e := &provisioningv1.DirectoryEntry{}
		if err := proto.Unmarshal(m.Value, e); err != nil || e.GetTenant() != s.tenant || e.GetRequestedAt() == nil {
			t.Errorf("event %v, %v", e, err)
		}
	}
	for _, line := range []string{
		"busyhour.provisioning.queue.created.v1 " + s.tenant + "/queue/support", "busyhour.provisioning.queue.deleted.v1 " + s.tenant + "/queue/support",
		"busyhour.provisioning.agent.created.v1 " + s.tenant + "/agent/ann", "busyhour.provisioning.agent.updated.v1 " + s.tenant + "/agent/ann",
		"busyhour.provisioning.agent.deleted.v1 " + s.tenant + "/agent/ann",
	} {
		if !strings.Contains(strings.Join(want, "\n"), line) {
			t.Errorf("the log has %v, not %s", want, line)
		}
	}
	s.await("every change is pushed", func() bool { return pushed() == 6 })
}

// listen counts directory pushes.
func (s *stage) listen() (count func() int) {
	s.Helper()
	conn, err := fanout.Dial(fanout.Config{URL: s.nats, Name: "listener"})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(conn.Close)
	var mu sync.Mutex
	n := 0
	_, err = conn.Subscribe(subjects.EveryDirectory(), func(_ context.Context, _ string, data []byte) {
		e := &provisioningv1.DirectoryEntry{}
		if err := proto.Unmarshal(data, e); err != nil || e.GetRevision() == nil {
			s.Errorf("pushed %v, %v", e, err)
		}
		mu.Lock()
		defer mu.Unlock()
		n++
	})
	if err != nil {
		s.Fatal(err)
	}
	s.await("the listener listens", conn.Connected)
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

func TestPagesHoldWhileTheListChanges(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.quick())
	p.ended(p.mustCreate("r-1", upserts(25)...).GetId())
	var ids []string
	for token, page := "", 0; ; page++ {
		res, err := p.directory.ListAgents(t.Context(), connect.NewRequest(&provisioningv1.ListAgentsRequest{Tenant: s.tenant, PageSize: 10, PageToken: token}))
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range res.Msg.GetAgents() {
			ids = append(ids, a.GetId())
		}
		if page == 0 { // one that was read already goes: no page may shift
			if _, err := p.directory.DeleteAgent(t.Context(), connect.NewRequest(&provisioningv1.DeleteAgentRequest{Tenant: s.tenant, Id: "agent-00003"})); err != nil {
				t.Fatal(err)
			}
		}
		if token = res.Msg.GetNextPageToken(); token == "" {
			break
		}
	}
	if len(ids) != 25 || ids[0] != "agent-00001" || ids[24] != "agent-00025" {
		t.Errorf("listed %d: %v", len(ids), ids)
	}
	for _, token := range []string{"x", "AAAA", "cXVldWVzOnM"} {
		_, err := p.directory.ListAgents(t.Context(), connect.NewRequest(&provisioningv1.ListAgentsRequest{Tenant: s.tenant, PageToken: token}))
		if refused(err) != "invalid_argument PAGE_TOKEN" {
			t.Errorf("page token %q: %v", token, err)
		}
	}
}

func TestBadInputIsRefusedWithAReason(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.quick())
	create := func(tenant string, a *provisioningv1.Agent) error {
		_, err := p.directory.CreateAgent(t.Context(), connect.NewRequest(&provisioningv1.CreateAgentRequest{Tenant: tenant, Agent: a}))
		return err
	}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"wrong tenant":         {create("other", agent("ann")), "not_found TENANT_UNKNOWN"},
		"no tenant":            {create("", agent("ann")), "invalid_argument"},
		"no agent":             {create(s.tenant, nil), "invalid_argument"},
		"an id of 10 kB":       {create(s.tenant, agent(strings.Repeat("x", 10<<10))), "invalid_argument"},
		"a forged key":         {create(s.tenant, agent("}:x")), "invalid_argument"},
		"a skill twice":        {create(s.tenant, &provisioningv1.Agent{Id: "ann", Name: "Ann", Skills: []*commonv1.Skill{{Name: "a"}, {Name: "a"}}}), "invalid_argument INVALID"},
		"too large":            {create(s.tenant, &provisioningv1.Agent{Id: "ann", Name: strings.Repeat("x", 6<<20)}), "resource_exhausted"},
		"update of nobody":     {second(p.directory.UpdateAgent(t.Context(), connect.NewRequest(&provisioningv1.UpdateAgentRequest{Tenant: s.tenant, Agent: agent("bob")}))), "not_found NOT_FOUND"},
		"deletion of nobody":   {second(p.directory.DeleteAgent(t.Context(), connect.NewRequest(&provisioningv1.DeleteAgentRequest{Tenant: s.tenant, Id: "bob"}))), "not_found NOT_FOUND"},
		"a job that is not":    {second(p.jobs.GetJob(t.Context(), connect.NewRequest(&provisioningv1.GetJobRequest{Tenant: s.tenant, Id: "j-x"}))), "not_found NOT_FOUND"},
		"outcomes of no job":   {second(p.jobs.ListOutcomes(t.Context(), connect.NewRequest(&provisioningv1.ListOutcomesRequest{Tenant: s.tenant, JobId: "j-x"}))), "not_found NOT_FOUND"},
		"a job without items":  {second(p.create("r")), "invalid_argument"},
		"one agent twice":      {second(p.create("r", upsert("ann", "Ann"), deletion("ann"))), "invalid_argument INVALID_ITEMS"},
		"an item without kind": {second(p.create("r", &provisioningv1.Item{Agent: agent("ann")})), "invalid_argument"},
	} {
		if got := refused(c.err); got != c.want {
			t.Errorf("%s: %s, want %s (%v)", name, got, c.want, c.err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestSecondWriterOfARevisionLosesAcrossPods(t *testing.T) {
	s := newStage(t)
	pods := []*pod{s.startPod("a", s.quick()), s.startPod("b", s.quick())}
	created, err := pods[0].directory.CreateAgent(t.Context(), connect.NewRequest(&provisioningv1.CreateAgentRequest{Tenant: s.tenant, Agent: agent("ann")}))
	if err != nil {
		t.Fatal(err)
	}
	var wins, losses sync.Map
	var both sync.WaitGroup
	for i, p := range pods {
		both.Go(func() {
			a := agent("ann")
			a.Name = fmt.Sprint("Ann of ", i)
			_, err := p.directory.UpdateAgent(t.Context(), connect.NewRequest(&provisioningv1.UpdateAgentRequest{Tenant: s.tenant, Agent: a, IfRevision: created.Msg.GetRevision()}))
			if err == nil {
				wins.Store(i, true)
			} else {
				losses.Store(i, refused(err))
			}
		})
	}
	both.Wait()
	won, lost := 0, ""
	wins.Range(func(any, any) bool { won++; return true })
	losses.Range(func(_, v any) bool { lost = v.(string); return true })
	if won != 1 || lost != "failed_precondition STALE" {
		t.Errorf("%d won, the other got %q", won, lost)
	}
}

func TestTheDirectoryComesBackFromTheLog(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.quick())
	ctx := t.Context()
	if _, err := p.directory.CreateQueue(ctx, s.queue("support")); err != nil {
		t.Fatal(err)
	}
	created, err := p.directory.CreateAgent(ctx, connect.NewRequest(&provisioningv1.CreateAgentRequest{Tenant: s.tenant, Agent: agent("ann", "support")}))
	if err != nil {
		t.Fatal(err)
	}
	s.flush()
	s.await("a new epoch is open", func() bool {
		_, err := p.directory.UpdateQueue(ctx, connect.NewRequest(&provisioningv1.UpdateQueueRequest{Tenant: s.tenant, Queue: s.queue("support").Msg.GetQueue()}))
		return err == nil
	})
	back, err := p.directory.GetAgent(ctx, connect.NewRequest(&provisioningv1.GetAgentRequest{Tenant: s.tenant, Id: "ann"}))
	if err != nil || !proto.Equal(back.Msg.GetAgent(), created.Msg.GetAgent()) || !proto.Equal(back.Msg.GetRevision(), created.Msg.GetRevision()) {
		t.Errorf("came back as %v, %v, want %v", back, err, created.Msg)
	}
	_, err = p.directory.DeleteQueue(ctx, connect.NewRequest(&provisioningv1.DeleteQueueRequest{Tenant: s.tenant, Id: "support"}))
	if refused(err) != "failed_precondition QUEUE_IN_USE" {
		t.Errorf("the index of who serves it did not come back: %v", err)
	}
	if agents := p.agents(); len(agents) != 1 {
		t.Errorf("listed %v", agents)
	}
	next := agent("ann")
	updated, err := p.directory.UpdateAgent(ctx, connect.NewRequest(&provisioningv1.UpdateAgentRequest{Tenant: s.tenant, Agent: next, IfRevision: created.Msg.GetRevision()}))
	if err != nil || updated.Msg.GetRevision().GetEpoch() <= created.Msg.GetRevision().GetEpoch() {
		t.Errorf("updated to %v, %v, want a revision of the new epoch", updated, err)
	}
}
