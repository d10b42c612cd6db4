package rebuild

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/eventlog/eventlogtest"
)

// cups is the shop's topic, compacted. A cup whose value begins with "broken" has ended; what follows is until when.
func cups() Topic {
	key := func(_, record string) string { return record }
	return Topic{
		Events: events, State: states, Key: key,
		EventKey: func(tenant, record string) (string, bool) { return key(tenant, record), true },
		Ended: func(m eventlog.Message) (time.Time, []byte, error) {
			text, ended := strings.CutPrefix(string(m.Value), "broken ")
			if !ended {
				return time.Time{}, nil, nil
			}
			until, err := time.Parse(time.RFC3339Nano, text)
			return until, m.Value, err
		},
	}
}

func broken(until time.Time) string { return "broken " + until.Format(time.RFC3339Nano) }

// compact starts a compactor of the shop.
func (s *shop) compact() (c *Compactor, stop func()) {
	s.Helper()
	c, err := NewCompactor(CompactorConfig{
		Store: s.store, Kafka: s.kafka, Growths: s.epochs, Logger: zap.NewNop(), Registry: prometheus.NewRegistry(),
		Source: Source{Topics: []Topic{cups()}, Value: func(m eventlog.Message) ([]byte, error) { return m.Value, nil }},
	})
	if err != nil {
		s.Fatal(err)
	}
	c.buryEvery, c.movedAfter = 50*time.Millisecond, 0
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := c.Run(ctx); err != nil {
			s.Error(err)
		}
	}()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); <-ended }) }
	s.Cleanup(stop)
	return c, stop
}

// raw publishes an event as some pod might.
func (s *shop) raw(name, value string, r commit.Revision, decided time.Time) {
	s.Helper()
	e := eventlog.CloudEvent{Service: "shop", Tenant: tenant, Record: name, Epoch: r.Epoch, N: r.N, Type: "cup", Op: "op", Time: decided}
	if err := s.producer.Send(s.Context(), eventlog.Message{Topic: events, Key: []byte(name), Value: []byte(value), Headers: e.Headers()}); err != nil {
		s.Fatal(err)
	}
}

// level waits until the compactor has dealt with all that was published, and gives the state topic's records and floors.
func (s *shop) level() (records map[string]string, floors int) {
	s.Helper()
	s.await("all is compacted", func() bool {
		offsets, err := eventlog.CommittedOffsets(s.Context(), s.kafka, CompactorGroup("shop"), events)
		if err != nil {
			s.Fatal(err)
		}
		done := true
		for p, next := range s.ends() {
			done = done && offsets[p] == next || next == 0
		}
		return done
	})
	return s.compacted()
}

// await looks again and again: for what tells nobody when it comes about.
func (s *shop) await(what string, done func() bool) {
	s.Helper()
	limit := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-limit:
			s.Fatalf("it did not come about that %s", what)
		}
	}
}

// ends are the offsets behind the last event.
func (s *shop) ends() []int64 {
	s.Helper()
	counts, err := eventlog.Partitions(s.kafka, events)
	if err != nil {
		s.Fatal(err)
	}
	ends := make([]int64, counts[events])
	if err := eventlog.ReadTopic(s.Context(), s.kafka, events, nil, nil, func(m eventlog.Message) error {
		ends[m.Partition] = m.Offset + 1
		return nil
	}); err != nil {
		s.Fatal(err)
	}
	return ends
}

// compacted is what compaction will leave of the state topic.
func (s *shop) compacted() (records map[string]string, floors int) {
	s.Helper()
	records = map[string]string{}
	keys := map[string]bool{}
	var mu sync.Mutex
	if err := eventlog.ReadTopic(s.Context(), s.kafka, states, nil, nil, func(m eventlog.Message) error {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case m.Header(eventlog.HeaderType) == eventlog.MarkerType:
			keys[fmt.Sprint(m.Partition, string(m.Key))] = true
		case m.Value == nil:
			delete(records, string(m.Key))
		default:
			records[string(m.Key)] = m.Header(eventlog.HeaderRevision) + " " + string(m.Value)
		}
		return nil
	}); err != nil {
		s.Fatal(err)
	}
	return records, len(keys)
}

func compactedServers(t *testing.T) *shop {
	t.Helper()
	cfg, cache := serversOn(t, compactedKafka(t))
	plan := []eventlog.TopicSpec{{Name: states, Partitions: 3, Cleanup: "compact"}}
	if _, err := eventlog.Ensure(t.Context(), cfg, plan, 1); err != nil {
		t.Fatal(err)
	}
	s := openShop(t, cfg, cache)
	t.Cleanup(s.stop)
	return s
}

func TestTheStateTopicHasTheLatestOfEach(t *testing.T) {
	s := compactedServers(t)
	epoch, _ := s.store.Verified(tenant)
	s.put("op1", "cup:1", "full")
	s.put("op2", "cup:2", "full")
	s.durable(s.put("op3", "cup:1", "half"))
	s.durable(s.put("op4", "cup:2", "empty"))
	c, _ := s.compact()
	records, floors := s.level()
	want := fmt.Sprint(map[string]string{
		"cup:1": fmt.Sprint(commit.Revision{Epoch: epoch, N: 2}.Number(), " half"),
		"cup:2": fmt.Sprint(commit.Revision{Epoch: epoch, N: 2}.Number(), " empty"),
	})
	if fmt.Sprint(records) != want || floors != 3 {
		t.Errorf("got %v and %d floors, want %s and 3", records, floors, want)
	}
	e, ok := c.Entry(tenant, "cup:1")
	if !ok || e.Revision.N != 2 || e.Hash != c.Hash([]byte("half")) || e.Ended() || !c.Owns(tenant, "cup:1") {
		t.Errorf("cup:1 is known as %+v, %v", e, ok)
	}
	m, err := c.Latest(t.Context(), tenant, "cup:1")
	if err != nil || string(m.Value) != "half" {
		t.Errorf("the latest of cup:1 is %q, %v", m.Value, err)
	}
}

// The original sin: a repeat of an old revision, compacted last, would make compaction delete the newer one.
func TestARepeatDoesNotComeBehindTheNewer(t *testing.T) {
	s := compactedServers(t)
	epoch, _ := s.store.Verified(tenant)
	now := time.Now()
	s.raw("cup:1", "one", commit.Revision{Epoch: epoch, N: 1}, now)
	s.raw("cup:1", "two", commit.Revision{Epoch: epoch, N: 2}, now)
	_, stop := s.compact()
	s.level()
	s.raw("cup:1", "one", commit.Revision{Epoch: epoch, N: 1}, now)
	s.level()
	stop()
	c, _ := s.compact() // knows it from the state topic only
	s.raw("cup:1", "one", commit.Revision{Epoch: epoch, N: 1}, now)
	records, _ := s.level()
	if !strings.HasSuffix(records["cup:1"], " two") {
		t.Errorf("the state topic has %v", records)
	}
	if n := testutil.ToFloat64(c.metrics.dropped.WithLabelValues("repeat")); n != 1 {
		t.Errorf("%v repeats were counted", n)
	}
}

func TestVoidEventsAreNotCompactedAlsoByALaterOwner(t *testing.T) {
	s := compactedServers(t)
	epoch, _ := s.store.Verified(tenant)
	_, stop := s.compact()
	s.level()
	s.raw("cup:1", "ghost", commit.Revision{Epoch: epoch - 1, N: 1}, time.Now())
	s.level()
	stop()
	c, _ := s.compact() // the marker is below its offsets: the floor in the state topic has to tell
	s.raw("cup:1", "ghost", commit.Revision{Epoch: epoch - 1, N: 1}, time.Now())
	records, _ := s.level()
	if len(records) != 0 || testutil.ToFloat64(c.metrics.dropped.WithLabelValues("void")) != 1 {
		t.Errorf("the state topic has %v", records)
	}
}

func TestWhatHasEndedGetsATombstoneAndARepeatDoesNotRevive(t *testing.T) {
	s := compactedServers(t)
	epoch, _ := s.store.Verified(tenant)
	now := time.Now()
	s.raw("cup:1", "full", commit.Revision{Epoch: epoch, N: 1}, now)
	s.raw("cup:1", broken(now.Add(-time.Millisecond)), commit.Revision{Epoch: epoch, N: 2}, now)
	c, _ := s.compact()
	s.await("there is a tombstone", func() bool { return testutil.ToFloat64(c.metrics.tombstones) == 1 })
	s.raw("cup:1", "full", commit.Revision{Epoch: epoch, N: 2}, now)                   // n > 1, and Redis does not hold it
	s.raw("cup:1", "full", commit.Revision{Epoch: epoch, N: 1}, now.Add(-time.Hour*3)) // the first, but late
	records, _ := s.level()
	if len(records) != 0 || testutil.ToFloat64(c.metrics.dropped.WithLabelValues("forgotten")) != 2 {
		t.Errorf("the state topic has %v", records)
	}
}

// A key that moved to a partition whose compactor has never heard of it: Redis holds it, so it is no repeat.
func TestARecordThatRedisHoldsIsKeptAtAnyRevision(t *testing.T) {
	s := compactedServers(t)
	s.put("op1", "cup:1", "full")
	r := s.put("op2", "cup:1", "half")
	s.durable(r)
	_, stop := s.compact()
	s.level()
	stop()
	other := (eventlog.PartitionOf([]byte("cup:1"), 3) + 1) % 3
	e := eventlog.CloudEvent{Service: "shop", Tenant: tenant, Record: "cup:1", Epoch: r.Revision.Epoch, N: 3, Type: "cup", Time: time.Now()}
	done := make(chan error, 1)
	s.producer.ProduceTo(eventlog.Message{Topic: events, Key: []byte("cup:1"), Value: []byte("moved"), Headers: e.Headers()}, other, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	c, _ := s.compact()
	s.level()
	if e, ok := c.Entry(tenant, "cup:1"); !ok || e.Revision.N != 3 {
		t.Errorf("known as %+v, %v", e, ok)
	}
}

func TestTwoCompactorsShareAndOneTakesOver(t *testing.T) {
	s := compactedServers(t)
	a, stopA := s.compact()
	b, _ := s.compact()
	owns := func(c *Compactor) int { return len(c.ready()) }
	s.await("both have partitions", func() bool { return owns(a) > 0 && owns(b) > 0 && owns(a)+owns(b) == 3 })
	for i := range 30 {
		s.durable(s.put(fmt.Sprint("op", i), fmt.Sprint("cup:", i%10), fmt.Sprint(i)))
		if i == 15 {
			stopA()
		}
	}
	records, _ := s.level()
	for i := range 10 {
		if name := fmt.Sprint("cup:", i); !strings.HasSuffix(records[name], fmt.Sprint(" ", 20+i)) {
			t.Errorf("%s is compacted as %q", name, records[name])
		}
	}
	if owns(b) != 3 {
		t.Errorf("the one that stayed has %d partitions", owns(b))
	}
}

// A key that moved when the topic grew leaves its old record behind, and the tombstone goes to the new place: once Redis
// no longer holds it, the old place gets one too.
func TestWhatMovedAwayIsForgottenWhereItWas(t *testing.T) {
	s := compactedServers(t)
	epoch, _ := s.store.Verified(tenant)
	s.raw("cup:1", "gone", commit.Revision{Epoch: epoch, N: 1}, time.Now())
	s.durable(s.put("op", "cup:2", "held")) // Redis holds this one
	_, stop := s.compact()
	s.level()
	stop()
	for _, topic := range []string{states, events} {
		eventlogtest.Grow(t, s.kafka, topic, 7)
	}
	c, _ := s.compact()
	s.await("the new partitions are there", func() bool { return len(c.ready()) == 7 })
	s.await("there is a tombstone", func() bool { return testutil.ToFloat64(c.metrics.tombstones) == 1 })
	if records, _ := s.compacted(); records["cup:1"] != "" || records["cup:2"] == "" {
		t.Errorf("the state topic has %v", records)
	}
}

// Whatever was in the log when it was asked to catch up, it knows after.
func TestACompactorCatchesUp(t *testing.T) {
	s := compactedServers(t)
	c, _ := s.compact()
	s.await("it has its partitions", func() bool { return c.Owns(tenant, "cup") })
	for range 5 {
		r := s.put("", "cup", "x")
		s.durable(r)
		if err := c.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if e, ok := c.Entry(tenant, "cup"); !ok || e.Revision != r.Revision {
			t.Fatalf("it knows %v, the log has %v", e.Revision, r.Revision)
		}
	}
}
