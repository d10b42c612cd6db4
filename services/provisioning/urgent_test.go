package provisioning_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/provisioning/internal/ingest"
)

func (p *pod) mustCreateUrgent(requestID string, items ...*provisioningv1.Item) *provisioningv1.Job {
	p.stage.Helper()
	res, err := p.jobs.CreateJob(p.stage.Context(), connect.NewRequest(&provisioningv1.CreateJobRequest{
		Tenant: p.stage.tenant, RequestId: requestID, Items: items, Priority: provisioningv1.Priority_PRIORITY_URGENT,
	}))
	if err != nil {
		p.stage.Fatal(err)
	}
	return res.Msg.GetJob()
}

// A member of the group that takes records and does nothing with them is what a pod that died is to the others, until the
// group has noticed; and so is one that has thousands before them.
func TestAnUrgentItemDoesNotWaitForThoseBeforeItInTheLog(t *testing.T) {
	s := newStage(t)
	stuck, err := eventlog.NewGroup(s.kafkaConfig(prometheus.NewRegistry()), ingest.Group, []string{topics.Requests},
		func(context.Context, eventlog.Message, func(error)) {})
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() { left <- stuck.Run(ctx) }()
	defer func() { leave(); <-left }()
	s.await("the group has a member that is stuck", stuck.Joined)

	p := s.startPod("a", s.quick())
	all := upserts(30) // in all partitions
	if done := p.ended(p.mustCreateUrgent("r-1", all...).GetId()); int(done.GetApplied()) != len(all) {
		t.Errorf("ended as %v", done)
	}
	behind := p.mustCreate("r-2", upserts(200)...)
	if now := p.job(behind.GetId()); now.GetPending() == 0 {
		t.Error("nobody was stuck, so this proves nothing")
	}
}

func TestTheDirectoryHasWhatIsUrgentWhileTheDownstreamIsLeftAlone(t *testing.T) {
	s := newStage(t)
	cfg := s.told()
	cfg.Downstream.BreakAfter, cfg.Downstream.BreakFor = 1, time.Hour
	p := s.startPod("a", cfg)
	s.downstream.answers(func(r *http.Request) int {
		if strings.HasSuffix(r.URL.Path, "/first") {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	p.mustCreate("r-1", upsert("first", "First"))
	s.await("the breaker is open", func() bool { return p.metric("busyhour_downstream_breaker_state") == 2 })
	urgent, others := p.mustCreateUrgent("r-2", upsert("eve", "Eve")), p.mustCreate("r-3", upsert("bob", "Bob"))
	s.await("the directory has what is urgent", func() bool { return p.agents()["eve"] != nil })
	if p.job(urgent.GetId()).GetPending() != 1 || p.job(others.GetId()).GetPending() != 1 {
		t.Error("the downstream was called, so this proves nothing")
	}
	if p.agents()["bob"] != nil {
		t.Error("what is not urgent has begun, and it could not go on")
	}
}
