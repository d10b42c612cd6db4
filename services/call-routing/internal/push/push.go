// Package push tells those concerned at once: agents' screens, and the pods that hold switches' streams. What is pushed
// may be lost; screens see the gap, and wishes are told again.
package push

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.uber.org/zap"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/subjects"
)

// Publisher is NATS.
type Publisher interface {
	Publish(ctx context.Context, subject string, data []byte) error
}

// Push tells.
type Push struct {
	nats Publisher
	log  *zap.Logger
}

// New makes a Push.
func New(nats Publisher, log *zap.Logger) *Push { return &Push{nats, log} }

// Workload is what an agent holds since a commit.
type Workload struct {
	Agent              string
	Revision, Previous *commonv1.Revision
	// Encoded is the record as it was stored; it goes out as it is.
	Encoded []byte
	At      time.Time
	// Signal is when the signal came that led to it, by Redis' clock; zero if none did.
	Signal time.Time
}

// workloadField is the number of WorkloadPush.workload.
const workloadField = 5

// Workload tells the agent's screens.
func (p *Push) Workload(ctx context.Context, tenant string, w *Workload) {
	ctx, span := tracer.Start(ctx, "push workload")
	defer span.End()
	m := &routingv1.WorkloadPush{Tenant: tenant, AgentId: w.Agent, Revision: w.Revision, Previous: w.Previous, At: timestamppb.New(w.At)}
	if !w.Signal.IsZero() {
		m.SignalAt = timestamppb.New(w.Signal)
	}
	head, _ := proto.Marshal(m)
	data := protowire.AppendTag(head, workloadField, protowire.BytesType)
	p.publish(ctx, tenant, subjects.Workload(tenant, w.Agent), protowire.AppendBytes(data, w.Encoded))
}

// Wish tells the pod that holds the switch's stream what is wanted of a call.
func (p *Push) Wish(ctx context.Context, tenant, switchID string, c *routingv1.SwitchCommand) {
	ctx, span := tracer.Start(ctx, "push wish")
	defer span.End()
	data, _ := proto.Marshal(&routingv1.SwitchPush{Tenant: tenant, SwitchId: switchID, Command: c})
	p.publish(ctx, tenant, subjects.Switch(tenant, switchID), data)
}

func (p *Push) publish(ctx context.Context, tenant, subject string, data []byte) {
	if err := p.nats.Publish(ctx, subject, data); err != nil {
		p.log.Debug("not pushed; it is told again or read as a snapshot", zap.String("tenant", tenant), zap.Error(err))
	}
}

var tracer = otel.Tracer("github.com/busyhour/busyhour/services/call-routing/internal/push")
