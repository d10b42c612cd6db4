// Package rebuild is the recovery thread: it verifies a tenant's state or builds it anew from the log.
//
//	ask ─▶ take an epoch ─▶ close ─▶ drain ─▶ fence ─▶ read ─▶ build ─▶ open
//
// A service says how its events become records (Source); everything else is here. A step that fails ends the recovery,
// and the next one takes a new epoch. Status says at any time which step a tenant is at.
package rebuild

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

const (
	// Living pods get this long to publish what they have decided before the fence goes up.
	grace = 200 * time.Millisecond
	// How often a closed tenant is looked at, by pods that wait for another pod's recovery.
	lookEvery = 50 * time.Millisecond
	// How often an open tenant is looked at without any sign.
	checkEvery = time.Second
	// No pod begins a recovery more often than this.
	recoverEvery = 2 * time.Second
)

// Epochs gives epochs out and tells of new ones.
type Epochs interface {
	commit.Epochs
	Ready(ctx context.Context) error
	Take(ctx context.Context, tenants []string, floor uint32, nonce string) (uint32, error)
	OnEpoch(func(tenant string, epoch uint32))
}

// Config says what a Recovery works on.
type Config struct {
	Store    *commit.Store
	Source   Source
	Epochs   Epochs
	Kafka    eventlog.Config
	Producer *eventlog.Producer
	Pod      string
	Logger   *zap.Logger
	Registry prometheus.Registerer
}

// Recovery opens every tenant of a store, verified or rebuilt, and does so again whenever one closes.
type Recovery struct {
	store    *commit.Store
	source   Source
	epochs   Epochs
	kafka    eventlog.Config
	producer *eventlog.Producer
	pod      string
	log      *zap.Logger
	metrics  *metrics
	standing *standing

	signs chan struct{}
	asked chan byHand

	// Only Run's goroutine touches these.
	shut   map[string]time.Time          // since when this pod has seen a tenant closed
	leases map[string]context.CancelFunc // ends the renewing
	last   time.Time                     // when the last recovery began
}

// New makes a Recovery. It does nothing before Run.
func New(cfg Config) *Recovery {
	r := &Recovery{
		store: cfg.Store, source: cfg.Source, epochs: cfg.Epochs, kafka: cfg.Kafka, producer: cfg.Producer, pod: cfg.Pod,
		log: cfg.Logger.With(zap.String("service", cfg.Store.Service())), metrics: newMetrics(cfg.Registry, cfg.Store.Service()),
		signs: make(chan struct{}, 1), asked: make(chan byHand), shut: map[string]time.Time{}, leases: map[string]context.CancelFunc{},
	}
	r.standing = newStanding(r.store.Tenants(), r.log, r.metrics)
	r.store.OnGate(func(string, uint32, bool) { r.sign() })
	r.epochs.OnEpoch(func(tenant string, epoch uint32) {
		r.store.Shut(tenant, epoch, "the log has a later epoch")
		r.sign()
	})
	return r
}

func (r *Recovery) sign() {
	select {
	case r.signs <- struct{}{}:
	default:
	}
}

// Run keeps every tenant open until ctx ends.
func (r *Recovery) Run(ctx context.Context) error {
	for {
		wait := checkEvery
		lost, err := r.look(ctx)
		if err != nil && ctx.Err() == nil {
			r.log.Warn("cannot tell whether the state is verified; looking again", zap.Error(err))
		}
		if len(lost) > 0 {
			wait = lookEvery
			if err := r.recoverLeased(ctx, lost); err != nil && ctx.Err() == nil {
				r.metrics.failed.Inc()
				r.log.Error("recovery ended; the next one takes a new epoch", zap.Strings("tenants", lost), zap.Error(err))
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-r.signs:
		case asked := <-r.asked:
			asked.done <- r.recoverByHand(ctx, asked)
		case <-time.After(wait):
		}
	}
}

// look adopts what is verified and returns the tenants that are not.
func (r *Recovery) look(ctx context.Context) (lost []string, err error) {
	// The log first: an epoch that it has and Redis has not means that Redis is behind.
	if err := r.epochs.Ready(ctx); err != nil {
		return nil, err
	}
	for _, tenant := range r.store.Tenants() {
		mark, err := r.store.Mark(ctx, tenant)
		if err != nil {
			return nil, err
		}
		epoch, open := r.store.Verified(tenant)
		switch {
		case mark.Why == "" && mark.Epoch >= r.epochs.Newest(tenant):
			delete(r.shut, tenant)
			r.store.Adopt(tenant, mark.Epoch)
			r.standing.enter(Open, "", tenant)
			continue
		case open:
			r.store.Shut(tenant, epoch+1, "mark: "+mark.Why)
		}
		if _, known := r.shut[tenant]; !known {
			r.shut[tenant] = time.Now()
		}
		lost = append(lost, tenant)
	}
	return lost, nil
}

// recoverLeased recovers those tenants that no other pod is at. The lease saves work; correctness does not need it.
func (r *Recovery) recoverLeased(ctx context.Context, lost []string) error {
	if time.Since(r.last) < recoverEvery && !r.last.IsZero() {
		return nil
	}
	var leased []string
	defer func() { r.release(leased) }()
	for _, tenant := range lost {
		got, err := r.lease(ctx, tenant)
		if err != nil {
			return err
		}
		if got {
			leased = append(leased, tenant)
		} else {
			r.standing.enter(Waiting, "another pod is at its recovery", tenant)
		}
	}
	if len(leased) == 0 {
		return nil
	}
	return r.recover(ctx, leased)
}

// recover is one recovery of several tenants: one epoch, one reading of the log.
func (r *Recovery) recover(ctx context.Context, tenants []string) (err error) {
	r.last = time.Now()
	began := r.last
	far := r.standing.begin(tenants)
	log := r.log.With(zap.Strings("tenants", tenants))
	step := func(phase Phase) {
		r.standing.enter(phase, "", tenants...)
		log.Info("recovery", zap.String("phase", string(phase)), zap.Duration("after", time.Since(began)),
			zap.Int64("events", far.read.Load()), zap.Int64("built", far.built.Load()))
	}
	defer func() { r.ended(log, began, tenants, err) }()

	step(Taking)
	nonce := ulid.Make().String()
	epoch, before, err := r.take(ctx, tenants, nonce)
	if err != nil {
		return err
	}
	log = log.With(zap.Uint32("epoch", epoch))
	step(Closing)
	builders, err := r.close(ctx, tenants, epoch, nonce)
	if err != nil {
		return err
	}
	step(Draining)
	if err := r.drain(ctx, builders, before); err != nil {
		return err
	}
	step(Fencing)
	ends, err := r.fence(ctx, tenants, epoch, nonce)
	if err != nil {
		return err
	}
	step(Reading)
	found, err := r.read(ctx, tenants, ends, far)
	if err != nil {
		return err
	}
	step(Building)
	err = r.buildAll(ctx, epoch, builders, found, far)
	for tenant, b := range builders {
		if err := b.Unlink(ctx); err != nil {
			log.Warn("the old namespace is still there; unlink it by hand or with the next recovery", zap.String("tenant", tenant), zap.Error(err))
		}
	}
	return err
}

// ended says how a recovery went.
func (r *Recovery) ended(log *zap.Logger, began time.Time, tenants []string, err error) {
	if err != nil {
		r.standing.enter(Waiting, err.Error(), tenants...)
		return
	}
	r.metrics.seconds.Observe(time.Since(began).Seconds())
	log.Info("recovery", zap.String("phase", string(Open)), zap.Duration("after", time.Since(began)))
}

// take takes an epoch above all that was ever seen: in the log, and in the marks.
func (r *Recovery) take(ctx context.Context, tenants []string, nonce string) (epoch, before uint32, err error) {
	for _, tenant := range tenants {
		mark, err := r.store.Mark(ctx, tenant)
		if err != nil {
			return 0, 0, err
		}
		before = max(before, mark.Epoch, r.epochs.Newest(tenant))
	}
	epoch, err = r.epochs.Take(ctx, tenants, before+1, nonce)
	if err != nil {
		return 0, 0, fmt.Errorf("take an epoch: %w", err)
	}
	return epoch, before, nil
}

// close closes the marks in the new epoch.
func (r *Recovery) close(ctx context.Context, tenants []string, epoch uint32, nonce string) (map[string]*commit.Builder, error) {
	builders := map[string]*commit.Builder{}
	for _, tenant := range tenants {
		b, err := r.store.Begin(ctx, tenant, epoch, nonce)
		if err != nil {
			return nil, err
		}
		builders[tenant] = b
		if _, known := r.shut[tenant]; !known {
			r.shut[tenant] = time.Now()
		}
	}
	return builders, nil
}

// drain publishes what the old namespaces' outboxes have, and gives living pods a moment to publish theirs.
func (r *Recovery) drain(ctx context.Context, builders map[string]*commit.Builder, before uint32) error {
	if before == 0 {
		return nil // there has never been an epoch: nobody has anything to publish
	}
	grace := time.NewTimer(grace)
	defer grace.Stop()
	for tenant, b := range builders {
		n, err := b.Drain(ctx)
		if err != nil {
			return fmt.Errorf("drain %s: %w", tenant, err)
		}
		if n > 0 {
			r.log.Info("recovery: old outbox drained", zap.String("tenant", tenant), zap.Int("events", n))
		}
	}
	select {
	case <-grace.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fence puts a marker into every partition of the events topics: behind it, events of lower epochs are void.
func (r *Recovery) fence(ctx context.Context, tenants []string, epoch uint32, nonce string) (map[string][]int64, error) {
	ends := map[string][]int64{}
	for _, topic := range r.source.EventTopics {
		offsets, err := eventlog.FenceTopic(ctx, r.kafka, r.producer, topic, tenants, epoch, nonce)
		if err != nil {
			return nil, fmt.Errorf("fence %s: %w", topic, err)
		}
		ends[topic] = offsets
	}
	return ends, nil
}

// buildAll builds and opens each tenant that it can.
func (r *Recovery) buildAll(ctx context.Context, epoch uint32, builders map[string]*commit.Builder, found *latest, far *progress) error {
	var failed error
	for tenant, b := range builders {
		if err := r.build(ctx, tenant, epoch, b, found, far); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		delete(r.shut, tenant)
		r.standing.enter(Open, "", tenant)
	}
	return failed
}

func (r *Recovery) build(ctx context.Context, tenant string, epoch uint32, b *commit.Builder, found *latest, far *progress) error {
	records, err := found.records(tenant, r.source.Value)
	if err != nil {
		return err
	}
	now, err := r.store.Clock(ctx, tenant)
	if err != nil {
		return err
	}
	build := &Build{
		Tenant: tenant, Epoch: epoch, Now: now, Closed: r.closedFor(tenant), Records: records,
		drop: map[string]bool{}, values: map[string][]byte{},
	}
	if err := r.source.Derive(build); err != nil {
		return fmt.Errorf("derive the state of %s: %w", tenant, err)
	}
	if err := b.Write(ctx, build.finish(), func(n int) { far.built.Add(int64(n)) }); err != nil {
		return err
	}
	r.metrics.records.WithLabelValues(tenant).Set(float64(len(records)))
	return b.Open(ctx)
}

// closedFor is how long this pod has seen the tenant closed.
func (r *Recovery) closedFor(tenant string) time.Duration {
	since, ok := r.shut[tenant]
	if !ok {
		return 0
	}
	return time.Since(since)
}
