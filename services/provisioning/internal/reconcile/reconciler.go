// Package reconcile compares what the downstream has of the agents with what the directory says, and repairs what differs:
// by itself, round after round, and when somebody asks.
//
//	directory, agent by agent ─▶ pace ─▶ read back ─▶ same
//	                                              └─▶ differs ─▶ under way? read again ─▶ drift ─┐
//	the downstream's own list ─▶ deleted in the directory ───────────────────────────▶ extra ───┴─▶ jobs of 100 items
//
// A repair is an item of a job, so it is seen, repeated and audited as any other change, and it fails if the directory
// has changed meanwhile. What is still the same after three repairs is only reported.
package reconcile

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
	"github.com/busyhour/busyhour/services/provisioning/internal/flow"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
)

const (
	// Actor of the rounds whose time has come, and of all repairs.
	Actor = "reconciler"
	// How often a pod looks whether a round is due, that another may have begun or ended.
	lookEvery = 30 * time.Second
	// A round that was broken off is begun again after so long.
	brokenPause = 5 * time.Minute
)

// Gate says which tenants' state is verified.
type Gate interface {
	Tenants() []string
	Verified(tenant string) (epoch uint32, open bool)
	Changed(tenant string) <-chan struct{}
}

// Directory is how agents should stand.
type Directory interface {
	Next(ctx context.Context, tenant, index, after string, n int) (entries []*directory.Entry, last string, err error)
	Page(ctx context.Context, tenant, index string, skip, n int) (entries []*directory.Entry, total int, err error)
	Entries(ctx context.Context, tenant string, names ...string) ([]*directory.Entry, error)
	Current(ctx context.Context, tenant, record string) (flow.Standing, error)
}

// Downstream is how they stand there.
type Downstream interface {
	Readable() error
	Read(ctx context.Context, tenant string, agent *provisioningv1.Agent) (differences []string, found bool, err error)
	List(ctx context.Context, tenant string, from int) (ids []string, next int, err error)
}

// Jobs repair.
type Jobs interface {
	CreateJob(ctx context.Context, o job.Order) (*provisioningv1.Job, error)
}

// Items that have not ended.
type Items interface {
	// Changing are the ids of their agents.
	Changing(ctx context.Context, tenant string) (map[string]bool, error)
}

// Reports keeps the last report of a tenant.
type Reports interface {
	Reconciliation(ctx context.Context, tenant string) (r *provisioningv1.Reconciliation, now time.Time, verified bool, err error)
	KeepReconciliation(ctx context.Context, tenant string, change func(have *provisioningv1.Reconciliation, now time.Time) *provisioningv1.Reconciliation) error
}

// Surroundings are what a Reconciler stands on.
type Surroundings struct {
	Gate       Gate
	Directory  Directory
	Downstream Downstream
	Jobs       Jobs
	Items      Items
	Reports    Reports
	Leases     Leases
	Tries      Tries
}

// Wish for a round.
type Wish struct {
	Tenant, Actor string
	// DryRun: compare only.
	DryRun bool
	// Agent is the only one that is looked at; empty: all are.
	Agent string
}

// Reconciler of one pod.
type Reconciler struct {
	Surroundings
	cfg     Config
	pod     string
	log     *zap.Logger
	metrics *metrics
	asked   map[string]chan *round // by tenant; never changed after New
}

// New makes a Reconciler.
func New(cfg Config, s Surroundings, pod string, log *zap.Logger, reg prometheus.Registerer) *Reconciler {
	c := &Reconciler{Surroundings: s, cfg: cfg, pod: pod, log: log, metrics: newMetrics(reg, s.Gate, s.Reports), asked: map[string]chan *round{}}
	for _, tenant := range s.Gate.Tenants() {
		c.asked[tenant] = make(chan *round, 1) // its lease is taken, so there is one at most
	}
	return c
}

// Run makes rounds until ctx ends.
func (c *Reconciler) Run(ctx context.Context) error {
	var tenants sync.WaitGroup
	for _, tenant := range c.Gate.Tenants() {
		tenants.Go(func() { c.serve(ctx, tenant) })
	}
	tenants.Wait()
	return nil
}

func (c *Reconciler) serve(ctx context.Context, tenant string) {
	for ctx.Err() == nil {
		changed := c.Gate.Changed(tenant)
		wait, err := c.turn(ctx, tenant)
		if err != nil && ctx.Err() == nil {
			c.log.Warn("no round of the reconciler, trying again", zap.String("tenant", tenant), zap.Error(err))
			wait = lookEvery
		}
		look := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-look.C:
		case <-changed:
		case r := <-c.asked[tenant]:
			c.run(ctx, r)
		}
		look.Stop()
	}
}

// turn makes a round if its time has come, and says after how long to look again.
func (c *Reconciler) turn(ctx context.Context, tenant string) (time.Duration, error) {
	if _, open := c.Gate.Verified(tenant); !open || !c.cfg.Enabled || c.Downstream.Readable() != nil {
		return lookEvery, nil
	}
	left, err := c.left(ctx, tenant)
	if err != nil || left > 0 {
		return min(left, lookEvery), err
	}
	r, err := c.begin(ctx, Wish{Tenant: tenant, Actor: Actor})
	if no, ok := refusal.As(err); ok && no.Reason == running {
		return lookEvery, nil
	}
	if err != nil {
		return 0, err
	}
	c.run(ctx, r)
	return 0, nil
}

// left is how long it is until the next round is due; zero or less: it is. One that has not ended is due, too: if its pod
// lives, it holds the lease.
func (c *Reconciler) left(ctx context.Context, tenant string) (time.Duration, error) {
	last, now, _, err := c.Reports.Reconciliation(ctx, tenant)
	if err != nil || last == nil || last.EndedAt == nil {
		return 0, err
	}
	if last.Problem != "" {
		return last.EndedAt.AsTime().Add(min(brokenPause, c.cfg.Every)).Sub(now), nil
	}
	if last.CompletedAt == nil {
		return 0, nil
	}
	return last.CompletedAt.AsTime().Add(c.cfg.Every).Sub(now), nil
}

// Ask begins a round that somebody asked for, and gives its report as it begins; of a single agent, as it ends.
//
// Errors: refusals, NOTHING_TO_COMPARE if there is no downstream or it cannot be read, RUNNING while a round is under way, and
// those of the state; what Redis said.
func (c *Reconciler) Ask(ctx context.Context, w Wish) (*provisioningv1.Reconciliation, error) {
	if err := c.Downstream.Readable(); err != nil {
		return nil, refusal.New(refusal.Impossible, "NOTHING_TO_COMPARE", "nothing to compare: %v", err)
	}
	if _, _, _, err := c.Reports.Reconciliation(ctx, w.Tenant); err != nil {
		return nil, err
	}
	if w.Agent != "" {
		return c.one(ctx, w)
	}
	r, err := c.begin(ctx, w)
	if err != nil {
		return nil, err
	}
	report := proto.CloneOf(r.report)
	select {
	case c.asked[w.Tenant] <- r:
		return report, nil
	case <-ctx.Done():
		c.release(ctx, r)
		return nil, ctx.Err()
	}
}

// Report is that of the round under way, or of the last one. verified is false while the state is rebuilt.
//
// Errors: a refusal, NOT_FOUND if there was none since then; what Redis said.
func (c *Reconciler) Report(ctx context.Context, tenant string) (r *provisioningv1.Reconciliation, verified bool, err error) {
	r, _, verified, err = c.Reports.Reconciliation(ctx, tenant)
	if err == nil && r == nil {
		err = refusal.New(refusal.NotFound, "NOT_FOUND", "tenant %s has had no round of the reconciler since its state was last rebuilt", tenant).
			To("ask for one: busyhour provision reconcile")
	}
	return r, verified, err
}

// run makes a round to its end, and keeps how it ended.
func (c *Reconciler) run(ctx context.Context, r *round) {
	held, stop := c.hold(ctx, r)
	err := r.all(held)
	stop()
	defer c.release(ctx, r)
	if errors.Is(context.Cause(held), errLost) {
		c.log.Warn("a round of the reconciler goes on elsewhere", zap.String("tenant", r.Tenant), zap.Error(errLost))
		return
	}
	if ctx.Err() != nil {
		err = errors.New("pod " + c.pod + " was stopped")
	}
	if kept := r.end(ctx, err); kept != nil {
		c.log.Warn("the report of a round of the reconciler is lost", zap.String("tenant", r.Tenant), zap.Error(kept))
	}
}
