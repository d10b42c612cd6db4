package recovery

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/telemetry"
	"github.com/busyhour/busyhour/services/provisioning/internal/flow"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

const (
	// The lease of a tenant's requeueing. It saves work; correctness does not need it.
	leaseTime = time.Minute
	// How often a pod without the lease looks whether the work is done, and how long one that failed waits.
	retryEvery = 2 * time.Second
	portion    = 500 // requests that are taken in together
)

// Ingest takes requests in, as from the consumer group.
type Ingest interface {
	Decode(m eventlog.Message) (*provisioningv1.Request, error)
	Take(ctx context.Context, tenant string, requests []*provisioningv1.Request) (flow.Taken, error)
}

// Requeue takes in, once in every epoch of a tenant, all requests that have no outcome: the stream and the pending
// items died with the epoch before, and the consumer group has passed them.
type Requeue struct {
	store    *commit.Store
	ingest   Ingest
	kafka    eventlog.Config
	pod      string
	log      *zap.Logger
	requeued prometheus.Counter

	done map[string]uint32 // tenant → epoch in which nothing is left to do; only Run's goroutine touches it
}

// NewRequeue makes a Requeue.
func NewRequeue(store *commit.Store, in Ingest, kafka eventlog.Config, pod string, log *zap.Logger, reg prometheus.Registerer) *Requeue {
	return &Requeue{store: store, ingest: in, kafka: kafka, pod: pod, log: log, done: map[string]uint32{},
		requeued: telemetry.Register(reg, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "busyhour_provisioning_requeued_total",
			Help: "Requests without an outcome that were taken in again after a new epoch.",
		}))}
}

// Run requeues after each opening, until ctx ends.
func (q *Requeue) Run(ctx context.Context) error {
	signs := make(chan struct{}, 1)
	q.store.OnGate(func(string, uint32, bool) {
		select {
		case signs <- struct{}{}:
		default:
		}
	})
	for {
		left, err := q.requeue(ctx)
		if err != nil && ctx.Err() == nil {
			q.log.Warn("requests without an outcome are not all back in the stream; trying again", zap.Error(err))
		}
		var retry <-chan time.Time
		if left || err != nil {
			retry = time.After(retryEvery)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-signs:
		case <-retry:
		}
	}
}

// requeue does what this pod can do now. left says that another pod is at some tenant.
func (q *Requeue) requeue(ctx context.Context) (left bool, err error) {
	todo := map[string]uint32{}
	defer func() { q.release(todo) }()
	for _, tenant := range q.store.Tenants() {
		epoch, open := q.store.Verified(tenant)
		if !open || q.done[tenant] == epoch {
			continue
		}
		mine, done, err := q.lease(ctx, tenant, epoch)
		if err != nil {
			return true, err
		}
		switch {
		case done:
			q.done[tenant] = epoch
		case mine:
			todo[tenant] = epoch
		default:
			left = true
		}
	}
	if len(todo) == 0 {
		return left, nil
	}
	if err := q.read(ctx, todo); err != nil {
		return true, err
	}
	for tenant, epoch := range todo {
		if err := q.note(ctx, tenant, epoch); err != nil {
			return true, err
		}
		q.done[tenant] = epoch
	}
	return left, nil
}

// note keeps in the epoch's own namespace that it is done. The record has no event: a new epoch begins without it.
func (q *Requeue) note(ctx context.Context, tenant string, epoch uint32) error {
	_, err := q.store.Do(ctx, tenant, "requeued", func(ctx context.Context, tx *commit.Tx) error {
		r := tx.Record(state.Requeued)
		if err := tx.Fetch(ctx); err != nil || r.Exists() {
			return err
		}
		if tx.Epoch() != epoch {
			return fmt.Errorf("epoch %d of tenant %s has ended meanwhile", epoch, tenant)
		}
		tx.Put(r, []byte(q.pod), nil)
		return nil
	})
	return err
}

func (q *Requeue) lease(ctx context.Context, tenant string, epoch uint32) (mine, done bool, err error) {
	_, err = q.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		r := tx.Record(state.Requeued)
		err := tx.Fetch(ctx)
		done = r.Exists() && tx.Epoch() == epoch
		return err
	})
	if err != nil || done {
		return false, done, err
	}
	mine, err = q.store.Redis().SetNX(ctx, leaseKey(tenant, epoch), q.pod, leaseTime).Result()
	return mine, false, err
}

func leaseKey(tenant string, epoch uint32) string {
	return commit.Key(tenant, state.Service, epoch, "requeue-lease")
}

func (q *Requeue) release(tenants map[string]uint32) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for tenant, epoch := range tenants {
		if err := q.store.Redis().Del(ctx, leaseKey(tenant, epoch)).Err(); err != nil {
			q.log.Warn("lease not given back; it runs out by itself", zap.String("tenant", tenant), zap.Error(err))
		}
	}
}

// read goes through all requests once, for all tenants.
func (q *Requeue) read(ctx context.Context, tenants map[string]uint32) error {
	began := time.Now()
	p := &portions{q: q, ctx: ctx, waiting: map[shelf][]*provisioningv1.Request{}}
	err := eventlog.ReadTopic(ctx, q.kafka, topics.Requests, nil, nil, func(m eventlog.Message) error {
		if _, ours := tenants[m.Header(eventlog.HeaderTenant)]; !ours {
			return nil
		}
		r, err := q.ingest.Decode(m)
		if err != nil {
			return nil // the consumer group has put it, or will put it, into the dead letters
		}
		return p.add(m.Partition, r)
	})
	if err == nil {
		err = p.flush()
	}
	if err == nil && p.taken > 0 {
		q.log.Info("requests without an outcome are back in the stream", zap.Int("requests", p.taken), zap.Duration("took", time.Since(began)))
	}
	return err
}

// portions collects requests, so that the many that have an outcome cost next to nothing.
type portions struct {
	q   *Requeue
	ctx context.Context

	mu      sync.Mutex
	waiting map[shelf][]*provisioningv1.Request
	taken   int
}

// shelf is what may be looked up together; partitions are read at once, and do not wait for one another.
type shelf struct {
	tenant    string
	partition int32
}

func (p *portions) add(partition int32, r *provisioningv1.Request) error {
	s := shelf{r.GetTenant(), partition}
	p.mu.Lock()
	p.waiting[s] = append(p.waiting[s], r)
	full := p.waiting[s]
	if len(full) < portion {
		p.mu.Unlock()
		return nil
	}
	delete(p.waiting, s)
	p.mu.Unlock()
	return p.take(s.tenant, full)
}

func (p *portions) flush() error {
	for s, requests := range p.waiting {
		if err := p.take(s.tenant, requests); err != nil {
			return err
		}
	}
	return nil
}

func (p *portions) take(tenant string, requests []*provisioningv1.Request) error {
	taken, err := p.q.ingest.Take(p.ctx, tenant, requests)
	p.q.requeued.Add(float64(len(taken.Items)))
	p.mu.Lock()
	p.taken += len(taken.Items)
	p.mu.Unlock()
	return err
}
