package rebuild

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/commit"
)

// auditor of the shop that goes fast, beside a compactor.
func (s *shop) auditor(heal func(context.Context, Healing) error) (*Auditor, *Compactor) {
	s.Helper()
	c, _ := s.compact()
	a := NewAuditor(AuditorConfig{
		Store: s.store, Source: s.recovery.source, Compacted: c, Heal: heal, Logger: zap.NewNop(), Registry: prometheus.NewRegistry(),
	})
	a.pace = auditPace{round: 100 * time.Millisecond, second: 700 * time.Millisecond, settle: 500 * time.Millisecond}
	return a, c
}

// audit starts an auditor.
func (s *shop) audit() (*Auditor, *Compactor) {
	s.Helper()
	a, c := s.auditor(s.heal)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = a.Run(ctx) })
	s.Cleanup(func() { cancel(); running.Wait() })
	return a, c
}

func (s *shop) heal(ctx context.Context, h Healing) error {
	_, err := s.store.Do(ctx, h.Tenant, "", func(ctx context.Context, tx *commit.Tx) error {
		r := tx.Record(h.Record)
		if err := tx.Fetch(ctx); err != nil || r.Revision != h.Redis {
			return err
		}
		value := h.Value
		if h.RedisKnows() {
			value = r.Value
		}
		tx.Beyond(r, h.Log)
		tx.Put(r, value, &commit.Event{Topic: events, Key: h.Record, Type: "healed", Data: value})
		return nil
	})
	return err
}

// counted is how many divergences an auditor has counted.
func counted(a *Auditor) (n float64) {
	for _, cause := range []Cause{Missing, Behind, Ahead, Altered, Unknown} {
		n += testutil.ToFloat64(a.metrics.divergences.WithLabelValues(tenant, string(cause)))
	}
	return n
}

// found waits until so many divergences are healed, and gives their causes.
func (s *shop) found(a *Auditor, want int) map[Cause]int {
	s.Helper()
	s.await("they are healed", func() bool { return int(testutil.ToFloat64(a.metrics.healed.WithLabelValues("healed"))) >= want })
	causes := map[Cause]int{}
	for _, cause := range []Cause{Missing, Behind, Ahead, Altered, Unknown} {
		if n := int(testutil.ToFloat64(a.metrics.divergences.WithLabelValues(tenant, string(cause)))); n > 0 {
			causes[cause] = n
		}
	}
	return causes
}

// Redis is edited by hand in every way there is, and each time the log and Redis come to agree again: where the log knows
// better on what it says, else on what Redis has.
func TestTheAuditorHealsInBothDirections(t *testing.T) {
	s := compactedServers(t)
	a, _ := s.audit()
	for _, cup := range []string{"edited", "deleted", "rolled-back", "advanced", "defaced", "left-alone"} {
		s.put("", cup, "one")
		s.durable(s.put("", cup, "two"))
	}
	epoch, _ := s.store.Verified(tenant)
	rdb := redis.NewClient(&redis.Options{Addr: s.redis.Addr})
	defer rdb.Close()
	key := func(name string) string { return commit.Key(tenant, "shop", epoch, name) }
	number := func(n uint32) uint64 { return commit.Revision{Epoch: epoch, N: n}.Number() }
	rdb.HSet(t.Context(), key("edited"), "v", "TWO")
	rdb.Del(t.Context(), key("deleted"))
	rdb.HSet(t.Context(), key("rolled-back"), "r", number(1), "v", "one")
	rdb.HSet(t.Context(), key("advanced"), "r", number(5), "v", "three")
	rdb.HSet(t.Context(), key("defaced"), "r", "nonsense")
	rdb.HSet(t.Context(), key("invented"), "r", number(1), "o", "", "v", "one")

	want := map[Cause]int{Altered: 1, Missing: 2, Behind: 1, Ahead: 1, Unknown: 1}
	if got := s.found(a, 6); !maps.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	for cup, want := range map[string]struct {
		value string
		n     uint32
	}{"edited": {"two", 3}, "deleted": {"two", 3}, "rolled-back": {"two", 3}, "advanced": {"three", 6}, "defaced": {"two", 3}, "invented": {"one", 2}, "left-alone": {"two", 2}} {
		if value, _, r := s.get(cup); value != want.value || r.N != want.n {
			t.Errorf("%s is %q at %s, want %q at n %d", cup, value, r, want.value, want.n)
		}
	}
	if v := s.verify(); len(v.Divergences) != 0 {
		t.Errorf("still differ: %v", v.Divergences)
	}
}

// Records that change all the time, and a log that does not have everything yet, are no divergence.
func TestTheAuditorRaisesNoFalseAlarm(t *testing.T) {
	s := compactedServers(t)
	a, _ := s.audit()
	for i := range 20 {
		s.put("", fmt.Sprint("quiet", i), "x")
	}
	changing := func() { // until the audit has gone through all a few times
		t.Helper()
		limit := time.Now().Add(time.Minute)
		for goal := testutil.ToFloat64(a.metrics.compared) + 200; testutil.ToFloat64(a.metrics.compared) < goal; {
			s.durable(s.put("", "busy", "x"))
			if time.Now().After(limit) {
				t.Fatal("the audit does not get through while a record changes")
			}
		}
	}
	changing()
	epoch, _ := s.store.Verified(tenant)
	s.redis.Flush() // a new epoch while the audit goes on
	s.waitOpen(epoch + 1)
	changing()
	if n := counted(a); n != 0 {
		t.Errorf("%g divergences where nothing was tampered with", n)
	}
}

// A pod that stops in the midst of many differences leaves the rest to others.
func TestAStoppedAuditorHealsNoMore(t *testing.T) {
	s := compactedServers(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	healed := 0
	a, _ := s.auditor(func(context.Context, Healing) error {
		healed++
		cancel()
		return nil
	})
	epoch, _ := s.store.Verified(tenant)
	rdb := redis.NewClient(&redis.Options{Addr: s.redis.Addr})
	defer rdb.Close()
	for i := range 10 {
		cup := fmt.Sprint("cup", i)
		s.durable(s.put("", cup, "x"))
		rdb.Del(t.Context(), commit.Key(tenant, "shop", epoch, cup))
	}
	err := a.Run(ctx)
	if failed := testutil.ToFloat64(a.metrics.healed.WithLabelValues("failed")); err != nil || healed != 1 || failed != 0 {
		t.Errorf("%d records were healed and %v tried in vain, want 1 and 0, for then it was stopped; %v", healed, failed, err)
	}
}

// deaf hears nothing from Kafka.
type deaf struct{ *Compactor }

func (deaf) CatchUp(context.Context) error { return context.DeadlineExceeded }

// A compactor that hears nothing from Kafka does not know that it is behind: what differs from what it knows is no
// divergence, and what it would be healed with may be old.
func TestNothingIsJudgedByACompactorThatHearsNothing(t *testing.T) {
	s := compactedServers(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a, c := s.auditor(s.heal)
	a.Compacted = deaf{c}
	s.durable(s.put("", "cup", "x"))
	epoch, _ := s.store.Verified(tenant)
	rdb := redis.NewClient(&redis.Options{Addr: s.redis.Addr})
	defer rdb.Close()
	rdb.Del(t.Context(), commit.Key(tenant, "shop", epoch, "cup"))
	var running sync.WaitGroup
	running.Go(func() { _ = a.Run(ctx) })
	s.await("it has refused to judge", func() bool { return testutil.ToFloat64(a.metrics.skipped.WithLabelValues("behind")) >= 2 })
	cancel()
	running.Wait()
	if n := counted(a); n != 0 {
		t.Errorf("%g divergences were counted", n)
	}
}

// gone has compacted nothing, and owns what it is told.
type gone struct {
	*Compactor
	owns bool
}

func (gone) Entry(string, string) (Entry, bool) { return Entry{}, false }
func (g gone) Owns(string, string) bool         { return g.owns }
func (gone) Hash([]byte) uint64                 { return 1 }
func (gone) Settling(string, string) bool       { return false }

// The pod knew a record when its round began; then Kafka went away, and the partition with it.
func TestAPartitionThatWentAwayIsNoDivergence(t *testing.T) {
	s := compactedServers(t)
	differs := func(owns bool) bool {
		a := NewAuditor(AuditorConfig{
			Store: s.store, Source: s.recovery.source, Compacted: gone{owns: owns}, Logger: zap.NewNop(), Registry: prometheus.NewRegistry(),
		})
		_, differs := a.differs(tenant, commit.Stored{Record: commit.Record{Name: "cup", Revision: commit.Revision{Epoch: 5, N: 5}}}, 5)
		return differs
	}
	if differs(false) {
		t.Error("a record of a partition that this pod does not have counts as a divergence")
	}
	if !differs(true) {
		t.Error("a record that this pod would have heard of counts for nothing")
	}
}
