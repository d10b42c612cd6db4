// Package work runs items: it takes them from the stream, makes their change in the directory, tells the downstreams,
// and keeps what became of them.
//
//	stream ─▶ Pool ─▶ directory commit ─▶ downstreams ─▶ all durable ─▶ outcome commit ─▶ out of the stream
//	            └─ job paused: out of the stream; cancelled: outcome commit; others first: to the end of the stream
//
// Bulk items are begun as fast as calls bear it.
//
// A run that ends without an outcome leaves its entry in the stream, and another run takes it over. So an item may be
// run again, but not by two at once: while it is run its worker says that it lives, and gives up when it could not say so.
package work

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/provisioning/internal/flow"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/saga"
	"github.com/busyhour/busyhour/services/provisioning/internal/stream"
)

// Config of the workers.
type Config struct {
	Concurrency int           `key:"concurrency" default:"64" doc:"Items in hand at once, of one pod."`
	ItemTimeout time.Duration `key:"item_timeout" default:"60s" doc:"Longest run of an item. One that has no outcome by then is run again."`
	Backlog     int           `key:"backlog" default:"250000" doc:"Items that may be without an outcome, of one tenant. A job beyond it is refused; an item takes about 1 KB of Redis."`
	TakeOver    time.Duration `key:"take_over" default:"30s" doc:"When the items of a worker that is not heard of go to another; at least a second."`
}

// Validate says everything that is wrong, at once.
func (c *Config) Validate() error {
	var problems []error
	if c.Concurrency < 1 {
		problems = append(problems, fmt.Errorf("work.concurrency: %d, at least 1 is needed", c.Concurrency))
	}
	if c.Backlog < 1 || c.Backlog > math.MaxUint32 {
		problems = append(problems, fmt.Errorf("work.backlog: %d, at least 1 and at most %d is needed", c.Backlog, uint32(math.MaxUint32)))
	}
	if c.ItemTimeout <= 0 {
		problems = append(problems, fmt.Errorf("work.item_timeout: %s is no time to run", c.ItemTimeout))
	}
	if c.TakeOver < time.Second {
		problems = append(problems, fmt.Errorf("work.take_over: %s, at least 1s is needed: a worker that lives may be slow to say so", c.TakeOver))
	}
	return errors.Join(problems...)
}

const (
	// What other pods put into the stream is looked for this often. What this pod puts in is taken at once.
	lookEvery = 250 * time.Millisecond
	// After Redis has failed, it is left alone for so long.
	failurePause = time.Second
	// What is in hand at the end gets this long.
	drainTime = 10 * time.Second
	// Consumers that have held nothing for so long are pods that are gone.
	forgetAfter = time.Hour
)

// Pool is the workers of one pod.
type Pool struct {
	cfg         Config
	store       *commit.Store
	stream      *stream.Stream
	flow        *flow.Flow
	downstreams saga.Chain
	consumer    string
	log         *zap.Logger
	metrics     *metrics

	slots *slots
	yield *yield
	items sync.WaitGroup
}

// New makes a Pool.
func New(cfg Config, store *commit.Store, s *stream.Stream, f *flow.Flow, downstreams saga.Chain, pod string, log *zap.Logger, reg prometheus.Registerer) *Pool {
	y := newYield()
	return &Pool{
		cfg: cfg, store: store, stream: s, flow: f, downstreams: downstreams, log: log, metrics: newMetrics(reg, store, s, y),
		consumer: pod + "-" + rand.Text()[:6], // after a restart, a pod is another consumer
		slots:    newSlots(cfg.Concurrency), yield: y,
	}
}

// Run works until ctx ends, and then finishes what is in hand.
func (p *Pool) Run(ctx context.Context) error {
	inHand, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var lines sync.WaitGroup
	for _, tenant := range p.store.Tenants() {
		for _, priority := range job.Priorities {
			lines.Go(func() { p.serve(ctx, inHand, tenant, priority) })
		}
	}
	lines.Wait()
	patience := time.AfterFunc(drainTime, cut)
	defer patience.Stop()
	p.items.Wait()
	return nil
}

// serve takes a tenant's items of one priority until ctx ends.
func (p *Pool) serve(ctx, inHand context.Context, tenant string, priority provisioningv1.Priority) {
	var claimed time.Time // when this pod last looked for the items of dead workers
	for ctx.Err() == nil {
		epoch, err := p.open(ctx, tenant)
		if err != nil {
			return
		}
		n := stream.Namespace{Tenant: tenant, Epoch: epoch, Priority: priority}
		if err := p.await(ctx, priority); err != nil {
			return
		}
		slots, err := p.admit(ctx, priority)
		if err != nil {
			return
		}
		var entries []stream.Entry
		if time.Since(claimed) > p.cfg.TakeOver/touches {
			claimed = time.Now()
			entries, err = p.takeOver(ctx, n, slots)
		}
		if err == nil && len(entries) == 0 {
			entries, err = p.stream.Read(ctx, n, p.consumer, slots)
		}
		if priority == provisioningv1.Priority_PRIORITY_BULK {
			p.yield.took(len(entries))
		}
		p.start(inHand, n, entries)
		p.slots.give(priority, slots-len(entries))
		p.pause(ctx, n, len(entries), err)
	}
}

// open waits until the tenant's state is verified.
func (p *Pool) open(ctx context.Context, tenant string) (epoch uint32, err error) {
	for {
		changed := p.store.Changed(tenant)
		if epoch, open := p.store.Verified(tenant); open {
			return epoch, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// await the end of a pause that the downstream is left in. Urgent items do not: the directory is to have them at once, and
// only their calls wait.
func (p *Pool) await(ctx context.Context, priority provisioningv1.Priority) error {
	if priority == provisioningv1.Priority_PRIORITY_URGENT {
		return ctx.Err()
	}
	return p.downstreams.Wait(ctx)
}

// admit takes slots for items that may begin now.
func (p *Pool) admit(ctx context.Context, priority provisioningv1.Priority) (n int, err error) {
	if priority != provisioningv1.Priority_PRIORITY_BULK {
		return p.slots.take(ctx, priority)
	}
	if err := p.yield.wait(ctx); err != nil {
		return 0, err
	}
	if n, err = p.slots.take(ctx, priority); err != nil {
		return 0, err
	}
	few := min(n, p.yield.portion())
	p.slots.give(priority, n-few)
	return few, nil
}

func (p *Pool) takeOver(ctx context.Context, n stream.Namespace, limit int) ([]stream.Entry, error) {
	if err := p.stream.Tidy(ctx, n, forgetAfter); err != nil {
		return nil, err
	}
	entries, err := p.stream.Claim(ctx, n, p.consumer, limit, p.cfg.TakeOver)
	if len(entries) > 0 {
		p.log.Info("items taken over from a worker that does not answer", zap.String("tenant", n.Tenant), zap.Int("items", len(entries)))
	}
	return entries, err
}

func (p *Pool) start(ctx context.Context, n stream.Namespace, entries []stream.Entry) {
	for _, e := range entries {
		p.items.Go(func() {
			defer p.slots.give(n.Priority, 1)
			p.run(ctx, n, e)
		})
	}
}

// pause waits for more, if there was nothing.
func (p *Pool) pause(ctx context.Context, n stream.Namespace, got int, err error) {
	wait := lookEvery
	switch {
	case err != nil && ctx.Err() == nil:
		p.log.Warn("cannot take items, trying again", zap.String("tenant", n.Tenant), zap.Error(err))
		wait = failurePause
	case got > 0:
		return
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.stream.Added(n.Tenant, n.Priority):
	case <-ctx.Done():
	}
}
