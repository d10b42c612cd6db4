package reconcile

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"
	"google.golang.org/protobuf/types/known/timestamppb"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

const (
	pageSize = 100 // agents of the directory that are read together
	// mostSilent agents in a row that cannot be read back end a round: it is the downstream, and not they.
	mostSilent = 5
	// How often a report says how far its round is.
	keepEvery = 5 * time.Second
)

// running is the reason of the refusal to begin a round while another is under way.
const running = "RUNNING"

// round through the agents of a tenant. It belongs to one goroutine.
type round struct {
	*Reconciler
	Wish
	holder  string // of its lease
	report  *provisioningv1.Reconciliation
	drifts  drifts
	pace    *rate.Limiter
	tries   map[string]try
	portion []repair
	silent  int       // agents in a row that could not be read back
	kept    time.Time // when the report was
}

func (c *Reconciler) round(w Wish, now time.Time) *round {
	return &round{
		Reconciler: c, Wish: w, holder: c.pod + "/" + rand.Text(), pace: rate.NewLimiter(rate.Limit(c.cfg.Rate), 1), kept: time.Now(),
		report: &provisioningv1.Reconciliation{Tenant: w.Tenant, Pod: c.pod, Actor: w.Actor, DryRun: w.DryRun, AgentId: w.Agent, StartedAt: timestamppb.New(now)},
	}
}

// begin takes the lease, and says in the report that a round is under way.
func (c *Reconciler) begin(ctx context.Context, w Wish) (*round, error) {
	r := c.round(w, time.Time{})
	taken, err := c.Leases.Take(ctx, w.Tenant, r.holder)
	if err != nil {
		return nil, err
	}
	if !taken {
		return nil, refusal.New(refusal.Impossible, running, "a round through the agents of tenant %s is under way", w.Tenant).
			To("wait until GetReconciliation says that it has ended")
	}
	if err := c.announce(ctx, r); err != nil {
		c.release(ctx, r)
		return nil, err
	}
	return r, nil
}

// announce keeps the report as the round begins.
func (c *Reconciler) announce(ctx context.Context, r *round) error {
	_, total, err := c.Directory.Page(ctx, r.Tenant, state.Agents, 0, 1)
	if err != nil {
		return err
	}
	r.report.Agents = uint32(total)
	return c.Reports.KeepReconciliation(ctx, r.Tenant, func(have *provisioningv1.Reconciliation, now time.Time) *provisioningv1.Reconciliation {
		r.report.StartedAt, r.report.CompletedAt, r.report.Unreconciled = timestamppb.New(now), have.GetCompletedAt(), have.GetUnreconciled()
		return r.report
	})
}

// one looks at one agent, without a lease, and keeps no report.
func (c *Reconciler) one(ctx context.Context, w Wish) (*provisioningv1.Reconciliation, error) {
	_, now, _, err := c.Reports.Reconciliation(ctx, w.Tenant)
	if err != nil {
		return nil, err
	}
	r, began := c.round(w, now), time.Now()
	r.report.Agents = 1
	if err := r.single(ctx); err != nil {
		return nil, err
	}
	r.report.EndedAt = timestamppb.New(now.Add(time.Since(began)))
	return r.report, nil
}

func (r *round) single(ctx context.Context) (err error) {
	if r.tries, err = r.Tries.Load(ctx, r.Tenant); err != nil {
		return err
	}
	s, err := r.Directory.Current(ctx, r.Tenant, state.Agent(r.Agent))
	if err != nil {
		return err
	}
	if s.Entry != nil && !s.Entry.GetDeleted() {
		err = r.agent(ctx, s.Entry, r.open(ctx))
	} else {
		r.report.LookedAt++
		err = r.stranger(ctx, r.Agent, r.open(ctx))
	}
	if err != nil {
		return err
	}
	err = r.repair(ctx)
	r.report.Drifts = r.drifts.list()
	return err
}

// all looks at all agents, and repairs what can be repaired. An error says why it did not come to its end.
func (r *round) all(ctx context.Context) (err error) {
	if r.tries, err = r.Tries.Load(ctx, r.Tenant); err != nil {
		return err
	}
	for after := ""; ; {
		entries, last, err := r.Directory.Next(ctx, r.Tenant, state.Agents, after, pageSize)
		if err != nil {
			return err
		}
		open := r.open(ctx)
		for _, e := range entries {
			if err := r.agent(ctx, e, open); err != nil {
				return err
			}
		}
		if after = last; after == "" {
			break
		}
	}
	if err := r.strangers(ctx); err != nil {
		return err
	}
	return r.repair(ctx)
}

// open is to be made after the entries were read that it is asked about.
func (r *round) open(ctx context.Context) changing {
	return sync.OnceValues(func() (map[string]bool, error) { return r.Items.Changing(ctx, r.Tenant) })
}

func (r *round) agent(ctx context.Context, e *directory.Entry, open changing) error {
	f, err := r.compare(ctx, finding{agent: e.GetAgent(), revision: e.GetRevision()}, open)
	if err != nil {
		return err
	}
	r.report.LookedAt++
	return r.take(ctx, f)
}

// strangers are agents in the downstream that are not in the directory. Those that were deleted there are deleted.
func (r *round) strangers(ctx context.Context) error {
	for from := 1; from > 0; {
		if err := r.pace.Wait(ctx); err != nil {
			return err
		}
		ids, next, err := r.Downstream.List(ctx, r.Tenant, from)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			r.report.Blind = err.Error()
			return nil
		}
		if err := r.among(ctx, ids); err != nil {
			return err
		}
		from = next
	}
	return nil
}

// among looks for strangers among the agents that the downstream has.
func (r *round) among(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = state.Agent(id)
	}
	entries, err := r.Directory.Entries(ctx, r.Tenant, names...)
	if err != nil {
		return err
	}
	open := r.open(ctx)
	for i, e := range entries {
		if e != nil {
			continue
		}
		if err := r.stranger(ctx, ids[i], open); err != nil {
			return err
		}
	}
	return nil
}

func (r *round) stranger(ctx context.Context, id string, open changing) error {
	s, err := r.Directory.Current(ctx, r.Tenant, state.Agent(id))
	if err != nil {
		return err
	}
	f := finding{kind: extra, agent: &provisioningv1.Agent{Id: id}, revision: state.Revision(s.Revision)}
	switch {
	case s.Entry == nil:
		f.words = []string{"is there, and not in the directory"}
	case !s.Entry.GetDeleted():
		return nil
	default:
		f.words = []string{"is there, and was deleted in the directory at " + s.Entry.GetAt().AsTime().Format(time.RFC3339)}
	}
	if f, err = r.compare(ctx, f, open); err != nil || f.kind == same {
		return err
	}
	return r.take(ctx, f)
}

// take counts a finding, and sees to it.
func (r *round) take(ctx context.Context, f finding) error {
	r.metrics.results.WithLabelValues(results[f.kind]).Inc()
	r.count(f.kind)
	r.silent++
	if f.kind != unreadable {
		r.silent = 0
	}
	switch {
	case f.kind == same:
		if err := r.settled(ctx, f.agent.GetId()); err != nil {
			return err
		}
	case f.kind == unreadable:
		r.leave(f, "it is not known how they stand there")
	case f.kind != leftOut:
		if err := r.mend(ctx, f); err != nil {
			return err
		}
	}
	if r.silent == mostSilent {
		return fmt.Errorf("%d agents in a row could not be read back, at last: %s", r.silent, f.words[0])
	}
	return r.progress(ctx)
}

func (r *round) count(k kind) {
	counts := map[kind]*uint32{
		same: &r.report.Same, drifted: &r.report.Drifted, missing: &r.report.Missing, extra: &r.report.Extra,
		unreadable: &r.report.Unreadable, leftOut: &r.report.LeftOut,
	}
	*counts[k]++
}

// settled forgets the repairs of an agent who is as they should be.
func (r *round) settled(ctx context.Context, id string) error {
	if _, ok := r.tries[id]; !ok || r.DryRun {
		return nil
	}
	delete(r.tries, id)
	return r.Tries.Keep(ctx, r.Tenant, map[string]try{id: {}})
}

// progress keeps the report now and then. One agent's is nobody's but the caller's.
func (r *round) progress(ctx context.Context) error {
	if r.Agent != "" || time.Since(r.kept) < keepEvery {
		return nil
	}
	r.kept = time.Now()
	return r.keep(ctx, func(time.Time) {})
}

func (r *round) keep(ctx context.Context, stamp func(now time.Time)) error {
	r.report.Drifts = r.drifts.list()
	return r.Reports.KeepReconciliation(ctx, r.Tenant, func(_ *provisioningv1.Reconciliation, now time.Time) *provisioningv1.Reconciliation {
		stamp(now)
		return r.report
	})
}

// end keeps how it ended. What has begun, and ctx may have ended, is still to be known.
func (r *round) end(ctx context.Context, broken error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if broken != nil {
		r.report.Problem = broken.Error()
	}
	err := r.keep(ctx, func(now time.Time) {
		r.report.EndedAt = timestamppb.New(now)
		if broken == nil && !r.DryRun {
			r.report.CompletedAt, r.report.Unreconciled = r.report.EndedAt, r.report.Unrepaired
		}
	})
	r.tell(broken)
	return err
}

func (r *round) tell(broken error) {
	counts := []zap.Field{
		zap.String("tenant", r.Tenant), zap.Bool("dry_run", r.DryRun), zap.Uint32("looked_at", r.report.LookedAt),
		zap.Uint32("drifted", r.report.Drifted), zap.Uint32("missing", r.report.Missing), zap.Uint32("extra", r.report.Extra),
		zap.Uint32("unreadable", r.report.Unreadable), zap.Uint32("repaired", r.report.Repaired), zap.Uint32("unrepaired", r.report.Unrepaired),
	}
	switch {
	case broken != nil:
		r.log.Warn("a round of the reconciler was broken off, the next one begins anew", append(counts, zap.Error(broken))...)
	case r.report.Unrepaired > 0:
		r.log.Warn("agents of the downstream differ from the directory and cannot be repaired", append(counts, zap.Strings("agents", r.drifts.ids()))...)
	default:
		r.log.Info("the downstream was compared with the directory", counts...)
	}
}
