// Package sweep moves what nobody else would move: items and jobs whose deadline has passed. Every pod sweeps; whoever
// is first does the work.
package sweep

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/telemetry"
	"github.com/busyhour/busyhour/services/provisioning/internal/flow"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

const (
	// Deadlines are minutes, or a month; only who has resumed or cancelled a job waits for it.
	lookEvery = time.Second
	batch     = 100 // what is taken at once
	workers   = 16  // commits under way at once
)

// Queue puts an item back into the stream, if it is not in it.
type Queue interface {
	Queue(ctx context.Context, tenant string, t flow.Taken) error
}

// Sweep is the sweeper of one pod.
type Sweep struct {
	store *commit.Store
	flow  *flow.Flow
	queue Queue
	log   *zap.Logger
	swept *prometheus.CounterVec
}

// New makes a Sweep.
func New(store *commit.Store, f *flow.Flow, q Queue, log *zap.Logger, reg prometheus.Registerer) *Sweep {
	return &Sweep{store: store, flow: f, queue: q, log: log, swept: telemetry.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "busyhour_provisioning_swept_total",
		Help: "Items and jobs looked at because their deadline had passed.",
	}, []string{"record"}))}
}

// Run sweeps until ctx ends.
func (s *Sweep) Run(ctx context.Context) error {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		for _, tenant := range s.store.Tenants() {
			if _, open := s.store.Verified(tenant); !open {
				continue
			}
			if err := s.sweep(ctx, tenant); err != nil && ctx.Err() == nil {
				s.log.Warn("sweep failed, the next one tries again", zap.String("tenant", tenant), zap.Error(err))
			}
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *Sweep) sweep(ctx context.Context, tenant string) error {
	for {
		due, err := s.store.Claim(ctx, tenant, batch)
		if err != nil {
			return fmt.Errorf("claim deadlines: %w", err)
		}
		group, each := errgroup.WithContext(ctx)
		group.SetLimit(workers)
		for _, d := range due {
			group.Go(func() error { return s.move(each, tenant, d) })
		}
		if err := group.Wait(); err != nil || len(due) < batch {
			return err
		}
	}
}

// move moves a record. The operation's id makes of several pods' moves one.
func (s *Sweep) move(ctx context.Context, tenant string, d commit.Due) error {
	op := fmt.Sprintf("deadline:%s@%d", d.Name, d.At.UnixMilli())
	if id, ok := state.JobOf(d.Name); ok {
		s.swept.WithLabelValues("job").Inc()
		return s.flow.JobDue(ctx, tenant, id, op, s.queue.Queue)
	}
	if !state.IsItem(d.Name) {
		return nil
	}
	s.swept.WithLabelValues("item").Inc()
	t, err := s.flow.ItemDue(ctx, tenant, d.Name, op)
	if err != nil {
		return err
	}
	return s.queue.Queue(ctx, tenant, t)
}
