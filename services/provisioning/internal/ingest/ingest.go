// Package ingest takes requests from Kafka into Redis, and nothing more: what a downstream does can never hold up a
// partition.
//
//	provisioning.requests ─▶ decode, validate ─▶ item record ─▶ stream ─▶ offset
//	                              └─ bad ─▶ provisioning.dead-letter ─▶ offset
//
// The stream dies with Redis. The offset may be marked all the same once an item is in it: recovery reads the requests
// again and takes in every one that has no outcome.
package ingest

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"buf.build/go/protovalidate"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/pkg/telemetry"
	"github.com/busyhour/busyhour/services/provisioning/internal/flow"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/stream"
)

// Group is the consumer group that ingests.
const Group = "provisioning.requests"

// atOnce is how many requests are on their way into Redis at once, of one pod.
const atOnce = 64

// Producer writes dead letters.
type Producer interface {
	Produce(m eventlog.Message, done func(error))
}

// Ingest takes requests in.
type Ingest struct {
	tenants []string
	flow    *flow.Flow
	queue   *queue
	dead    Producer
	log     *zap.Logger
	bad     prometheus.Counter
	room    chan struct{}
}

// New makes an Ingest.
func New(tenants []string, f *flow.Flow, s *stream.Stream, dead Producer, log *zap.Logger, reg prometheus.Registerer) *Ingest {
	return &Ingest{
		tenants: tenants, flow: f, queue: newQueue(s), dead: dead, log: log, room: make(chan struct{}, atOnce),
		bad: telemetry.Register(reg, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "busyhour_provisioning_dead_letters_total",
			Help: "Requests that could not be read or may not be run.",
		})),
	}
}

// Handle is the handler of the consumer group.
func (in *Ingest) Handle(ctx context.Context, m eventlog.Message, done func(error)) {
	if m.Header(eventlog.HeaderType) == eventlog.MarkerType {
		done(nil)
		return
	}
	r, err := in.Decode(m)
	if err != nil {
		in.bad.Inc()
		in.log.Warn("request goes to the dead letters", zap.Int32("partition", m.Partition), zap.Int64("offset", m.Offset), zap.Error(err))
		in.dead.Produce(eventlog.DeadLetter(topics.ProvisioningDeadLetter, m, err.Error()), done)
		return
	}
	select {
	case in.room <- struct{}{}:
	case <-ctx.Done():
		done(ctx.Err())
		return
	}
	go func() {
		err := in.Take(ctx, r)
		<-in.room
		done(err)
	}()
}

// Decode reads a request. The error says why it will never be one.
func (in *Ingest) Decode(m eventlog.Message) (*provisioningv1.Request, error) {
	if t := m.Header(eventlog.HeaderType); t != flow.RequestType {
		return nil, fmt.Errorf("header %s is %q, this version reads %q", eventlog.HeaderType, short(t), flow.RequestType)
	}
	r := &provisioningv1.Request{}
	if err := proto.Unmarshal(m.Value, r); err != nil {
		return nil, fmt.Errorf("the value is not a Request: %w", err)
	}
	if err := protovalidate.Validate(r); err != nil {
		return nil, err
	}
	if !slices.Contains(in.tenants, r.GetTenant()) {
		return nil, fmt.Errorf("tenant %q is not served here", r.GetTenant())
	}
	if t := m.Header(eventlog.HeaderTenant); t != r.GetTenant() {
		return nil, fmt.Errorf("header %s is %q, the request is of tenant %q", eventlog.HeaderTenant, short(t), r.GetTenant())
	}
	if err := job.Check([]*provisioningv1.Item{r.GetItem()}); err != nil {
		return nil, err
	}
	return r, nil
}

// Take takes one request into Redis.
func (in *Ingest) Take(ctx context.Context, r *provisioningv1.Request) error {
	t, err := in.flow.Take(ctx, r)
	if err != nil || t.Final {
		return err
	}
	return in.Queue(ctx, r.GetTenant(), t)
}

// Queue puts an item into the stream, unless it is in it.
func (in *Ingest) Queue(ctx context.Context, tenant string, t flow.Taken) error {
	err := in.queue.put(ctx, stream.Namespace{Tenant: tenant, Epoch: t.Epoch}, t.Name)
	if no, ok := refusal.As(err); ok {
		return no.At(t.Name, t.Epoch, 0)
	}
	return err
}

func short(s string) string {
	const longest = 100
	if len(s) > longest {
		s = s[:longest] + "…"
	}
	if !utf8.ValidString(s) {
		return fmt.Sprintf("%q", s)
	}
	return s
}
