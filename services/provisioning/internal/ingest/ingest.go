// Package ingest takes requests from Kafka into Redis, and nothing more: what a downstream does can never hold up a
// partition.
//
//	provisioning.requests ─▶ decode, validate ─▶ item records ─▶ stream ─▶ offset
//	                              └─ bad ─▶ provisioning.dead-letter ─▶ offset
//
// What comes while a bundle is on its way into Redis goes with the next: the more there is, the less one costs.
//
// The stream dies with Redis. The offset may be marked all the same once an item is in it, and no later epoch has begun by
// then: recovery reads the requests again and takes in every one that has no outcome. If one has begun, it may have read
// them already, while this pod filled the stream of a Redis that nobody asks any more.
package ingest

import (
	"context"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"buf.build/go/protovalidate"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/busyhour/busyhour/api/events"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/telemetry"
	"github.com/busyhour/busyhour/services/provisioning/internal/flow"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/stream"
)

// Group is the consumer group that ingests.
const Group = "provisioning.requests"

const (
	bundle  = 200  // requests that go into Redis together
	waiting = 4096 // requests that wait for it, of one tenant
	// patience with Redis for one bundle. Then its requests are handed out again.
	patience = 10 * time.Second
)

// Producer writes dead letters.
type Producer interface {
	Produce(m eventlog.Message, done func(error))
}

// Ingest takes requests in.
type Ingest struct {
	waiting map[string]chan one // by tenant; never changed after New
	flow    *flow.Flow
	stream  *stream.Stream
	dead    Producer
	log     *zap.Logger
	bad     prometheus.Counter
}

// one is a request on its way, and whom to tell.
type one struct {
	request *provisioningv1.Request
	done    func(error)
}

// New makes an Ingest.
func New(tenants []string, f *flow.Flow, s *stream.Stream, dead Producer, log *zap.Logger, reg prometheus.Registerer) *Ingest {
	in := &Ingest{
		waiting: map[string]chan one{}, flow: f, stream: s, dead: dead, log: log,
		bad: telemetry.Register(reg, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "busyhour_provisioning_dead_letters_total",
			Help: "Requests that could not be read or may not be run.",
		})),
	}
	for _, t := range tenants {
		in.waiting[t] = make(chan one, waiting)
	}
	return in
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
	case in.waiting[r.GetTenant()] <- one{r, done}:
	case <-ctx.Done():
		done(ctx.Err())
	}
}

// Run takes in what Handle was given, until ctx ends. The consumer group must have ended before.
func (in *Ingest) Run(ctx context.Context) error {
	var tenants sync.WaitGroup
	for tenant, waiting := range in.waiting {
		tenants.Go(func() { in.serve(ctx, tenant, waiting) })
	}
	tenants.Wait()
	return nil
}

func (in *Ingest) serve(ctx context.Context, tenant string, waiting <-chan one) {
	for {
		select {
		case first := <-waiting:
			in.takeBundle(context.WithoutCancel(ctx), tenant, collect(first, waiting))
		case <-ctx.Done():
			return
		}
	}
}

// collect takes what waits behind the first.
func collect(first one, waiting <-chan one) []one {
	all := []one{first}
	for len(all) < bundle {
		select {
		case next := <-waiting:
			all = append(all, next)
		default:
			return all
		}
	}
	return all
}

func (in *Ingest) takeBundle(ctx context.Context, tenant string, all []one) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	requests := make([]*provisioningv1.Request, len(all))
	for i, o := range all {
		requests[i] = o.request
	}
	told := func(err error) {
		for _, o := range all {
			o.done(err)
		}
	}
	taken, err := in.Take(ctx, tenant, requests)
	if err != nil {
		told(err)
		return
	}
	in.flow.Confirm(tenant, taken.Epoch, told)
}

// Decode reads a request. The error says why it will never be one.
func (in *Ingest) Decode(m eventlog.Message) (*provisioningv1.Request, error) {
	if t := m.Header(eventlog.HeaderType); t != events.Request {
		return nil, fmt.Errorf("header %s is %q, this version reads %q", eventlog.HeaderType, short(t), events.Request)
	}
	r := &provisioningv1.Request{}
	if err := proto.Unmarshal(m.Value, r); err != nil {
		return nil, fmt.Errorf("the value is not a Request: %w", err)
	}
	if err := protovalidate.Validate(r); err != nil {
		return nil, err
	}
	if _, ours := in.waiting[r.GetTenant()]; !ours {
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

// Take takes requests of a tenant into Redis, and those that have not ended into the stream.
func (in *Ingest) Take(ctx context.Context, tenant string, requests []*provisioningv1.Request) (flow.Taken, error) {
	taken, err := in.flow.Take(ctx, tenant, requests)
	if err != nil {
		return flow.Taken{}, err
	}
	return taken, in.Queue(ctx, tenant, taken)
}

// Queue puts items into the streams of their priorities, those that are not in it.
func (in *Ingest) Queue(ctx context.Context, tenant string, t flow.Taken) error {
	for priority, items := range t.ByPriority() {
		if err := in.stream.Enqueue(ctx, stream.Namespace{Tenant: tenant, Epoch: t.Epoch, Priority: priority}, items...); err != nil {
			return err
		}
	}
	return nil
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
