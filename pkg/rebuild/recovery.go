// Package rebuild is the recovery thread: it verifies a tenant's state or builds it anew from the log.
//
//	ask ─▶ take an epoch ─▶ close ─▶ drain ─▶ fence ─▶ read ─▶ build ─▶ open
//
// A service says how its events become records (Source); everything else is here. A step that fails ends the recovery,
// and the next one takes a new epoch. Status says at any time which step a tenant is at.
package rebuild

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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
	// Whoever is asked whether a recovery may begin has this long to answer.
	askTimeout = 2 * time.Second
)

// Epochs gives epochs out and tells of new ones.
type Epochs interface {
	commit.Epochs
	Ready(ctx context.Context) error
	TakeAs(ctx context.Context, m eventlog.Marker) (uint32, error)
	Takes(tenant string) []eventlog.Taken
	OnEpoch(func(tenant string, epoch uint32))
	Grown(topic string) (eventlog.Grown, bool)
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
	// Discovery may be nil: then what the server says of itself is all there is to ask.
	Discovery Discovery
	// Limit is how many reigns of a tenant may end within ten minutes before a person has to look; zero is no limit.
	Limit int
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

	discovery Discovery
	limit     int

	signs chan struct{}
	asked chan byHand

	// Only Run's goroutine touches these.
	shut   map[string]time.Time          // since when this pod has seen a tenant closed
	reigns map[string]uint32             // the last epoch that it has seen open
	tried  map[string]string             // the replid of the server that it last recovered or found verified
	leases map[string]context.CancelFunc // ends the renewing
	floor  map[string]uint32             // the highest epoch that a marker in the log named
}

// New makes a Recovery. It does nothing before Run.
func New(cfg Config) *Recovery {
	r := &Recovery{
		store: cfg.Store, source: cfg.Source, epochs: cfg.Epochs, kafka: cfg.Kafka, producer: cfg.Producer, pod: cfg.Pod,
		log: cfg.Logger.With(zap.String("service", cfg.Store.Service())), metrics: newMetrics(cfg.Registry, cfg.Store.Service()),
		discovery: cfg.Discovery, limit: cfg.Limit,
		signs: make(chan struct{}, 1), asked: make(chan byHand),
		shut: map[string]time.Time{}, reigns: map[string]uint32{}, tried: map[string]string{},
		leases: map[string]context.CancelFunc{}, floor: map[string]uint32{},
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
		if lost := r.look(ctx); len(lost) > 0 {
			wait = lookEvery
			if err := r.recoverLeased(ctx, lost); err != nil && ctx.Err() == nil {
				r.metrics.failed.Inc()
				r.log.Error("recovery ended; the next one takes a new epoch", zap.Error(err))
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

// look adopts what is verified and returns the tenants that are lost and may be recovered now, with their marks.
func (r *Recovery) look(ctx context.Context) map[string]commit.Mark {
	// The log first: an epoch that it has and Redis has not means that Redis is behind.
	silent := r.askLog(ctx)
	lost := map[string]commit.Mark{}
	for _, tenant := range r.store.Tenants() {
		mark, err := r.store.Mark(ctx, tenant)
		switch {
		case err != nil:
			r.waitIfClosed(ctx, "Redis does not tell the mark: "+err.Error(), tenant)
		case silent != nil:
			r.closeUnless(tenant, mark.Why)
			r.waitIfClosed(ctx, "Kafka does not tell the newest epoch: "+silent.Error(), tenant)
		case !r.verified(ctx, tenant, mark) && r.mayRecover(ctx, tenant, mark):
			lost[tenant] = mark
		}
	}
	return lost
}

func (r *Recovery) askLog(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return r.epochs.Ready(ctx)
}

// verified opens this pod's gate if the mark is open, or closes it.
func (r *Recovery) verified(ctx context.Context, tenant string, mark commit.Mark) bool {
	why := cmp.Or(mark.Why, r.store.Spoilt(tenant, mark.Epoch), nonceDiffers(r.epochs.Takes(tenant), mark))
	if why == "" && mark.Epoch < r.epochs.Newest(tenant) {
		why = "the log has a later epoch"
	}
	if why != "" {
		r.closeUnless(tenant, why)
		return false
	}
	delete(r.shut, tenant)
	r.reigns[tenant], r.tried[tenant] = mark.Epoch, mark.Replid
	r.store.Adopt(tenant, mark.Epoch)
	r.standing.enter(Open, "", tenant)
	r.confess(ctx, tenant)
	return true
}

// closeUnless closes this pod's gate, unless nothing speaks against it.
func (r *Recovery) closeUnless(tenant, why string) {
	if why == "" {
		return
	}
	if epoch, open := r.store.Verified(tenant); open {
		r.store.Shut(tenant, epoch+1, "mark: "+why)
	}
	if _, known := r.shut[tenant]; !known {
		r.shut[tenant] = time.Now()
	}
}

// mayRecover says whether a recovery may begin, and keeps why not.
func (r *Recovery) mayRecover(ctx context.Context, tenant string, mark commit.Mark) bool {
	if why := r.notPrimary(ctx, tenant, mark); why != "" {
		r.wait(ctx, why, tenant)
		return false
	}
	if why := r.heldFor(tenant, mark); why != "" {
		r.hold(tenant, why)
		return false
	}
	if why := r.tooSoon(tenant, mark); why != "" {
		r.wait(ctx, why, tenant)
		return false
	}
	return true
}

// wait says, once, why a tenant does not get on by itself.
func (r *Recovery) wait(ctx context.Context, why string, tenants ...string) {
	if ctx.Err() != nil {
		return
	}
	for _, tenant := range tenants {
		if r.standing.phase(tenant) != Waiting {
			r.log.Warn("closed, and waiting", zap.String("tenant", tenant), zap.String("why", why))
		}
		r.standing.enter(Waiting, why, tenant)
	}
}

func (r *Recovery) waitIfClosed(ctx context.Context, why, tenant string) {
	if _, open := r.store.Verified(tenant); !open {
		r.wait(ctx, why, tenant)
	}
}

// recoverLeased recovers those tenants that no other pod is at. The lease saves work; correctness does not need it.
func (r *Recovery) recoverLeased(ctx context.Context, lost map[string]commit.Mark) error {
	leased := map[string]commit.Mark{}
	defer func() { r.release(slices.Collect(maps.Keys(leased))) }()
	for tenant, mark := range lost {
		got, err := r.lease(ctx, tenant)
		if err != nil {
			return err
		}
		if got {
			leased[tenant] = mark
		} else {
			r.wait(ctx, "another pod is at its recovery", tenant)
		}
	}
	if len(leased) == 0 {
		return nil
	}
	return r.recover(ctx, leased, false)
}

// recover is one recovery of several tenants: one epoch, one reading of the log.
func (r *Recovery) recover(ctx context.Context, lost map[string]commit.Mark, hand bool) (err error) {
	began := time.Now()
	tenants := slices.Sorted(maps.Keys(lost))
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
	epoch, before, err := r.take(ctx, lost, eventlog.Marker{Tenants: tenants, Nonce: nonce, Hand: hand})
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
	if err := r.outranked(found, epoch, nonce); err != nil {
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

// take takes an epoch above all that was ever seen: in the epoch topic, in the marks, and in the markers of the events.
func (r *Recovery) take(ctx context.Context, lost map[string]commit.Mark, m eventlog.Marker) (epoch, before uint32, err error) {
	m.Ends = map[string]uint32{}
	for tenant, mark := range lost {
		before = max(before, mark.Epoch, r.epochs.Newest(tenant), r.floor[tenant])
		if reign := r.reign(tenant, mark); reign != 0 {
			m.Ends[tenant] = reign
		}
		r.tried[tenant] = mark.Replid
	}
	m.Floor = before + 1
	epoch, err = r.epochs.TakeAs(ctx, m)
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
	for _, topic := range r.source.EventTopics() {
		grown, _ := r.epochs.Grown(topic) // a broker may not know yet of partitions that acknowledged events stand in
		offsets, err := eventlog.FenceTopic(ctx, r.producer, eventlog.Fence{
			Topic: topic, Least: grown.Keys, Marker: eventlog.Marker{Tenants: tenants, Epoch: epoch, Nonce: nonce},
		})
		if err != nil {
			return nil, err
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
		r.reigns[tenant] = epoch
		r.standing.enter(Open, "", tenant)
		r.confess(ctx, tenant)
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
	build := newBuild(tenant, epoch, now, records)
	build.Closed = r.closedFor(tenant)
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
