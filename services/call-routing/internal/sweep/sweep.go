// Package sweep moves what does not move by itself: deadlines that pass, wishes that no switch takes, contacts that wait
// beside agents who are ready, and agents who should be ready and are not. Whatever a push lost or a pod left half done,
// it finds.
package sweep

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/telemetry"
	"github.com/busyhour/busyhour/services/call-routing/internal/flow"
)

const (
	deadlinesEvery = 50 * time.Millisecond
	deadlinesLimit = 256
	wishesEvery    = 100 * time.Millisecond
	wishesLimit    = 128
	queuesEvery    = time.Second
	readyEvery     = 10 * time.Second
	placesEvery    = 30 * time.Second
	figuresEvery   = 5 * time.Second
	hurriedEvery   = time.Second // while contacts wait that nobody is ready for
)

// Sweep is all loops of all tenants.
type Sweep struct {
	store *commit.Store
	flow  *flow.Flow
	log   *zap.Logger

	figures *figures
	mended  prometheus.Counter
	alarms  *prometheus.GaugeVec

	replaced prometheus.Counter

	// By tenant, never changed after New.
	hurry  map[string]chan struct{} // the ready indexes are to be looked through now
	opened map[string]chan struct{} // the gate has opened
}

// New makes a Sweep.
func New(store *commit.Store, f *flow.Flow, log *zap.Logger, registry prometheus.Registerer) *Sweep {
	s := &Sweep{
		store: store, flow: f, log: log, hurry: map[string]chan struct{}{}, opened: map[string]chan struct{}{},
		figures: telemetry.Register(registry, newFigures()),
		alarms: telemetry.Register(registry, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "busyhour_routing_switch_alarms",
			Help: "Switches that lack calls without anything being closed: a person is to look at them.",
		}, []string{"tenant"})),
		replaced: telemetry.Register(registry, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "busyhour_routing_contacts_replaced_total",
			Help: "Contacts whose deadline or place in an index was gone and has been put back.",
		})),
		mended: telemetry.Register(registry, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "busyhour_routing_ready_mended_total",
			Help: "Agents who stood in a ready index and should not have, or the other way round.",
		})),
	}
	for _, t := range store.Tenants() {
		s.hurry[t], s.opened[t] = make(chan struct{}, 1), make(chan struct{}, 1)
	}
	store.OnGate(func(tenant string, _ uint32, open bool) {
		if open {
			sign(s.opened[tenant])
			s.Hurry(tenant)
		}
	})
	return s
}

// Hurry has the tenant's ready indexes looked through now: pushes may have been missed. It does not block.
func (s *Sweep) Hurry(tenant string) { sign(s.hurry[tenant]) }

func sign(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// HurryAll is Hurry for every tenant.
func (s *Sweep) HurryAll() {
	for _, t := range s.store.Tenants() {
		s.Hurry(t)
	}
}

// Run sweeps until ctx ends.
func (s *Sweep) Run(ctx context.Context) error {
	var loops sync.WaitGroup
	for _, tenant := range s.store.Tenants() {
		loops.Go(func() { s.every(ctx, tenant, "deadlines", deadlinesEvery, s.deadlines) })
		loops.Go(func() { s.every(ctx, tenant, "wishes", wishesEvery, s.wishes) })
		loops.Go(func() { s.every(ctx, tenant, "queues", queuesEvery, s.queues) })
		loops.Go(func() { s.every(ctx, tenant, "places", placesEvery, s.Places) })
		loops.Go(func() { s.every(ctx, tenant, "figures", figuresEvery, s.readFigures) })
		loops.Go(func() { s.doubtsLoop(ctx, tenant) })
		loops.Go(func() { s.readyLoop(ctx, tenant) })
	}
	loops.Wait()
	return nil
}

// every calls work about so often while the tenant is open. Pods differ by a fifth, so that they do not march in step.
func (s *Sweep) every(ctx context.Context, tenant, name string, interval time.Duration, work func(context.Context, string) error) {
	for pause(ctx, interval+rand.N(interval/5)) {
		if _, open := s.store.Verified(tenant); !open {
			continue
		}
		if err := work(ctx, tenant); err != nil && ctx.Err() == nil {
			s.log.Debug("sweep", zap.String("work", name), zap.String("tenant", tenant), zap.Error(err))
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
