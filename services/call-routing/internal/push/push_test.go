package push

import (
	"context"
	"testing"
	"time"

	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

type sent struct {
	subject string
	data    []byte
}

func (s *sent) Publish(_ context.Context, subject string, data []byte) error {
	s.subject, s.data = subject, data
	return nil
}

func TestWorkloadIsSentAsItWasStored(t *testing.T) {
	workload := &routingv1.Workload{AgentId: "anna", Cards: []*routingv1.Card{{ContactId: "c-1"}}}
	encoded, _ := proto.Marshal(workload)
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	var got sent
	New(&got, zap.NewNop()).Workload(t.Context(), "acme", &Workload{
		Agent: "anna", Revision: &commonv1.Revision{Epoch: 2, N: 5}, Previous: &commonv1.Revision{Epoch: 2, N: 4}, Encoded: encoded, At: now,
	})
	push := &routingv1.WorkloadPush{}
	if err := proto.Unmarshal(got.data, push); err != nil {
		t.Fatal(err)
	}
	want := &routingv1.WorkloadPush{
		Tenant: "acme", AgentId: "anna", Workload: workload, At: timestamppb.New(now),
		Revision: &commonv1.Revision{Epoch: 2, N: 5}, Previous: &commonv1.Revision{Epoch: 2, N: 4},
	}
	if !proto.Equal(push, want) || got.subject != "busyhour.v1.acme.agent.anna.workload" {
		t.Errorf("on %s: %v", got.subject, push)
	}
}
