package rebuild

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/refusal"
)

const (
	buckets = 256
	// Whether a record that has ended is forgotten by now can't be told closer than this: clocks differ, and deadlines
	// move by the length of a closure.
	forgetTime = time.Minute
)

// auditPace is how fast an auditor goes. What is tampered with is found within round and second look, or one round more
// if it moved meanwhile.
type auditPace struct {
	// A tenant is gone through in this time, in as many parts as there are buckets: what is asked of Redis is spread out.
	round time.Duration
	// What differs is looked at once more after this; a difference that stood still meanwhile is one. It is longer than
	// settle: an event that the compactor had not come to at the first look, it has come to at the second.
	second time.Duration
	// A record that changed, or a compactor that is behind, by less than this can't be compared.
	settle time.Duration
	// What a growth moved is told again when it has been still for so long: what lives moves by itself.
	moved time.Duration
}

var usualPace = auditPace{round: 4 * time.Second, second: 1500 * time.Millisecond, settle: time.Second, moved: 15 * time.Second}

// Compacted is what an auditor compares with: the newest revisions that the log has, of the partitions that this pod
// compacts.
type Compacted interface {
	Each(tenant string, f func(record string, e Entry))
	Entry(tenant, record string) (Entry, bool)
	Owns(tenant, record string) bool
	Latest(ctx context.Context, tenant, record string) (eventlog.Message, error)
	Settling(tenant, record string) bool
	Lag() time.Duration
	CatchUp(ctx context.Context) error
	Hash(value []byte) uint64
}

// Healing is a record that differs from the log, and what it should be.
type Healing struct {
	Tenant string
	Divergence
	// Value that the log has for the record; nil if it has none. Where Redis knows better (Ahead, Unknown), it is only for
	// the case that what Redis has cannot be read: the log is to hear of that again.
	Value []byte
}

// RedisKnows reports whether what Redis holds is to be told to the log, rather than the other way round.
func (h Healing) RedisKnows() bool { return h.Cause == Ahead || h.Cause == Unknown || h.Cause == Moved }

// Note says in words what was healed, for the event.
func (h Healing) Note() string {
	if h.Cause == Moved {
		return "told again: its topic grew, and its events go to another partition since"
	}
	return fmt.Sprintf("healed: %s, Redis at %s, log at %s", h.Cause, h.Redis, h.Log)
}

// AuditorConfig says what an Auditor works on.
type AuditorConfig struct {
	Store     *commit.Store
	Source    Source
	Compacted Compacted
	// Heal makes the record what it should be, by an ordinary commit with an event, if it still stands at h.Redis.
	Heal func(ctx context.Context, h Healing) error
	// Derived compares the records that have no events with those that they follow from, corrects what differs, and says
	// which those were. Nil: there are none.
	Derived  func(ctx context.Context, tenant string) ([]Divergence, error)
	Logger   *zap.Logger
	Registry prometheus.Registerer
}

// Auditor compares the stored records with the log, all the time, and heals what differs. It walks what Redis holds: a
// digest kept by commits could not see what was done to Redis behind their back.
//
//	every few seconds: bucket by bucket ─▶ differs? ─▶ a moment later: still the same? ─▶ count, name, heal
type Auditor struct {
	AuditorConfig
	pace    auditPace
	log     *zap.Logger
	metrics *auditMetrics
}

// NewAuditor makes an Auditor; Run starts it.
func NewAuditor(cfg AuditorConfig) *Auditor {
	return &Auditor{
		AuditorConfig: cfg, pace: usualPace,
		log:     cfg.Logger.With(zap.String("service", cfg.Store.Service()), zap.String("part", "auditor")),
		metrics: newAuditMetrics(cfg.Registry, cfg.Store.Service(), cfg.Store.Tenants()),
	}
}

// Run audits every tenant until ctx ends.
func (a *Auditor) Run(ctx context.Context) error {
	var loops sync.WaitGroup
	for _, tenant := range a.Store.Tenants() {
		loops.Go(func() {
			for ctx.Err() == nil {
				began := time.Now()
				a.skip(ctx, tenant, a.audit(ctx, tenant))
				a.skip(ctx, tenant, a.derived(ctx, tenant))
				pause(ctx, a.pace.round-time.Since(began))
			}
		})
	}
	loops.Wait()
	return nil
}

func pause(ctx context.Context, wait time.Duration) {
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
}

// audit is one round through a tenant.
func (a *Auditor) audit(ctx context.Context, tenant string) error {
	if why := a.cannot(tenant); why != "" {
		a.metrics.skipped.WithLabelValues(why).Inc()
		return nil
	}
	suspects, err := a.round(ctx, tenant)
	if err != nil || len(suspects) == 0 {
		return err
	}
	pause(ctx, a.pace.second)
	if a.Compacted.CatchUp(ctx) != nil {
		a.metrics.skipped.WithLabelValues("behind").Inc()
		return nil
	}
	return a.confirm(ctx, tenant, suspects)
}

// derived has the service look at what follows from its records.
func (a *Auditor) derived(ctx context.Context, tenant string) error {
	if _, open := a.Store.Verified(tenant); !open || a.Derived == nil {
		return nil
	}
	found, err := a.Derived(ctx, tenant)
	for _, d := range found {
		a.metrics.divergences.WithLabelValues(tenant, string(d.Cause)).Inc()
		a.metrics.healed.WithLabelValues("healed").Inc()
		a.log.Error("divergence: a record did not follow from the others and was healed", zap.String("tenant", tenant),
			zap.String("record", d.Record), zap.String("cause", string(d.Cause)), zap.Stringer("redis", d.Redis))
	}
	return err
}

// skip counts a round that came to no end.
func (a *Auditor) skip(ctx context.Context, tenant string, err error) {
	if no, refused := refusal.As(err); refused && no.Code == refusal.Unavailable {
		a.metrics.skipped.WithLabelValues("closed").Inc() // it closed meanwhile
	} else if err != nil && ctx.Err() == nil {
		a.metrics.skipped.WithLabelValues("failed").Inc()
		a.log.Warn("a round of the audit failed, the next one begins anew", zap.String("tenant", tenant), zap.Error(err))
	}
}

// cannot says why nothing can be compared now.
func (a *Auditor) cannot(tenant string) string {
	if _, open := a.Store.Verified(tenant); !open {
		return "closed"
	}
	if a.Compacted.Lag() > a.pace.settle {
		return "lag"
	}
	return ""
}

// look is what was found at one record, contents included: two looks that are equal mean that nothing moved.
type look struct {
	Divergence
	stored, logged uint64
}

// round looks at every record of the tenant that this pod can judge.
func (a *Auditor) round(ctx context.Context, tenant string) (map[string]look, error) {
	began := time.Now()
	known := a.known(tenant)
	suspects := map[string]look{}
	parts := time.NewTicker(a.pace.round / buckets)
	defer parts.Stop()
	for _, names := range known {
		if err := a.compare(ctx, tenant, names, suspects); err != nil {
			return nil, err
		}
		select {
		case <-parts.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	err := a.Store.Names(ctx, tenant, func(names []string) error {
		return a.compare(ctx, tenant, a.unheardOf(tenant, names), suspects)
	})
	a.metrics.round.Observe(time.Since(began).Seconds())
	return suspects, err
}

// known are the records that the log knows, in buckets.
func (a *Auditor) known(tenant string) *[buckets][]string {
	known := &[buckets][]string{}
	a.Compacted.Each(tenant, func(record string, _ Entry) {
		h := fnv.New32a()
		h.Write([]byte(record))
		b := h.Sum32() % buckets
		known[b] = append(known[b], record)
	})
	return known
}

// unheardOf are the records of which this pod would have heard if the log had.
func (a *Auditor) unheardOf(tenant string, names []string) (unheard []string) {
	for _, name := range names {
		if _, heard := a.Compacted.Entry(tenant, name); !heard && a.Compacted.Owns(tenant, name) {
			unheard = append(unheard, name)
		}
	}
	return unheard
}

// compare reads records and notes those that differ.
func (a *Auditor) compare(ctx context.Context, tenant string, names []string, suspects map[string]look) error {
	if len(names) == 0 {
		return nil
	}
	stored, err := a.Store.Stored(ctx, tenant, names)
	if err != nil {
		return err
	}
	epoch, _ := a.Store.Verified(tenant)
	for _, s := range stored {
		a.metrics.compared.Inc()
		if l, differs := a.differs(tenant, s, epoch); differs {
			suspects[s.Name] = l
		}
	}
	return nil
}

// differs compares one record. What moves, or is on its way to the log, is left for the next round.
func (a *Auditor) differs(tenant string, s commit.Stored, epoch uint32) (look, bool) {
	e, heard := a.Compacted.Entry(tenant, s.Name)
	if s.Unpublished || (heard && time.Since(e.Changed) < a.pace.settle) {
		a.metrics.skipped.WithLabelValues("moving").Inc()
		return look{}, false
	}
	if !heard && !a.Compacted.Owns(tenant, s.Name) {
		return look{}, false // its partition has gone to another pod since, or nowhere, with Kafka
	}
	l := look{stored: a.Compacted.Hash(s.Value), logged: e.Hash}
	same := l.stored == l.logged
	if !same && s.Revision.Epoch < epoch {
		same = a.Compacted.Hash(a.Source.lasting(s.Value)) == e.Lasting
	}
	over := e.Ended() && e.Until.Sub(s.At) < forgetTime // by Redis' clock: a pod's may be an hour wrong
	var differs bool
	l.Divergence, differs = a.Source.difference(s.Record, e.Revision, over, same, s.At)
	return a.moves(tenant, s, e, l, differs)
}

// moves heeds that the record's topic may have grown. Who compacts the partition that it was in judges what Redis has no
// newer revision of, and has it told again where it belongs; of the rest, the log may have a newer event elsewhere.
func (a *Auditor) moves(tenant string, s commit.Stored, e Entry, l look, differs bool) (look, bool) {
	newer := l.Cause == Ahead || l.Cause == Unknown
	switch {
	case e.Stray && !differs:
		l.Cause = Moved
		return l, s.Exists() && !e.Ended() && time.Since(e.Changed) > a.pace.moved
	case e.Stray && (newer || l.Cause == Missing), differs && newer && a.Compacted.Settling(tenant, s.Name):
		a.metrics.skipped.WithLabelValues("growing").Inc()
		return look{}, false
	}
	return l, differs
}

// valueOf reads what the log has for a record.
func (a *Auditor) valueOf(ctx context.Context, tenant, record string) ([]byte, error) {
	m, err := a.Compacted.Latest(ctx, tenant, record)
	if err != nil {
		return nil, fmt.Errorf("read what the log has of %s: %w", record, err)
	}
	return a.Source.Value(m)
}

// confirm looks again, and heals what has not moved.
func (a *Auditor) confirm(ctx context.Context, tenant string, suspects map[string]look) error {
	names := make([]string, 0, len(suspects))
	for name := range suspects {
		names = append(names, name)
	}
	still := map[string]look{}
	for len(names) > 0 {
		n := min(len(names), buckets)
		if err := a.compare(ctx, tenant, names[:n], still); err != nil {
			return err
		}
		names = names[n:]
	}
	if a.cannot(tenant) != "" {
		return nil // what was seen meanwhile says nothing
	}
	for name, l := range still {
		if ctx.Err() != nil {
			return nil // the pod stops: others find the rest
		}
		if l == suspects[name] {
			a.heal(ctx, tenant, l)
		}
	}
	return nil
}

func (a *Auditor) heal(ctx context.Context, tenant string, l look) {
	if l.Cause == Moved {
		a.tellAgain(ctx, tenant, l)
		return
	}
	a.metrics.divergences.WithLabelValues(tenant, string(l.Cause)).Inc()
	if epoch, _ := a.Store.Verified(tenant); l.Log.Epoch > epoch {
		return // a later reign has begun, and this pod is about to hear of it
	}
	log := a.log.With(zap.String("tenant", tenant), zap.String("record", l.Record), zap.String("cause", string(l.Cause)),
		zap.Stringer("redis", l.Redis), zap.Stringer("log", l.Log))
	h := Healing{Tenant: tenant, Divergence: l.Divergence}
	var err error
	if l.Cause != Unknown {
		h.Value, err = a.valueOf(ctx, tenant, l.Record)
	}
	if err == nil {
		err = a.Heal(ctx, h)
	}
	if err != nil {
		a.metrics.healed.WithLabelValues("failed").Inc()
		log.Error("divergence: a record differs from the log and is not healed; the next round tries again", zap.Error(err))
		return
	}
	a.metrics.healed.WithLabelValues("healed").Inc()
	log.Error("divergence: a record differed from the log and was healed")
}

// tellAgain has the record's event told where it belongs since its topic grew.
func (a *Auditor) tellAgain(ctx context.Context, tenant string, l look) {
	if err := a.Heal(ctx, Healing{Tenant: tenant, Divergence: l.Divergence}); err != nil {
		a.log.Warn("a record's topic grew, and it is not told again where it belongs; the next round tries again",
			zap.String("tenant", tenant), zap.String("record", l.Record), zap.Error(err))
		return
	}
	a.metrics.moved.Inc()
}
