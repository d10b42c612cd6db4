package rebuild

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/embedded"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

const tenant = "acme"

// Topics of the shop; on a broker that others use, too, each test has its own.
var (
	events = "shop.events"
	states = "shop.state"
	epochs = "shop.epochs"
)

// shop is one pod of a service with cups on shelves, on embedded servers.
type shop struct {
	*testing.T
	kafka    eventlog.Config
	redis    *embedded.Redis
	store    *commit.Store
	epochs   *eventlog.EpochLog
	producer *eventlog.Producer
	recovery *Recovery
	stop     func()
}

func servers(t *testing.T) (eventlog.Config, *embedded.Redis) {
	t.Helper()
	return serversOn(t, embeddedKafka(t))
}

func embeddedKafka(t *testing.T) string {
	t.Helper()
	kafka, err := embedded.StartKafka("", t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kafka.Close() })
	return kafka.Addr
}

func serversOn(t *testing.T, kafka string) (eventlog.Config, *embedded.Redis) {
	t.Helper()
	cache, err := embedded.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cache.Close() })
	cfg := eventlog.Config{Brokers: []string{kafka}, ClientID: "test", Logger: zap.NewNop(), Registry: prometheus.NewRegistry()}
	plan := []eventlog.TopicSpec{{Name: events, Partitions: 3}, {Name: epochs, Partitions: 1}}
	if _, err := eventlog.Ensure(t.Context(), cfg, plan, 1); err != nil {
		t.Fatal(err)
	}
	return cfg, cache
}

// openShop starts a pod and waits until it is open.
func openShop(t *testing.T, cfg eventlog.Config, cache *embedded.Redis, change ...func(*Config)) *shop {
	t.Helper()
	s := startShop(t, cfg, cache, change...)
	s.waitOpen(1)
	return s
}

func startShop(t *testing.T, cfg eventlog.Config, cache *embedded.Redis, change ...func(*Config)) *shop {
	t.Helper()
	return startShopOn(t, cfg, cache, epochs, change...)
}

// startShopOn takes its epochs from another topic.
func startShopOn(t *testing.T, cfg eventlog.Config, cache *embedded.Redis, epochs string, change ...func(*Config)) *shop {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: cache.Addr})
	t.Cleanup(func() { rdb.Close() })
	s := startShopAt(t, cfg, rdb, epochs, change...)
	s.redis = cache
	return s
}

func startShopAt(t *testing.T, cfg eventlog.Config, rdb redis.UniversalClient, epochs string, change ...func(*Config)) *shop {
	t.Helper()
	s := &shop{T: t, kafka: cfg}
	var err error
	if s.producer, err = eventlog.NewProducer(cfg); err != nil {
		t.Fatal(err)
	}
	if s.epochs, err = eventlog.OpenEpochLog(cfg, epochs); err != nil {
		t.Fatal(err)
	}
	s.epochs.OnGrowth(s.producer.Heed)
	registry := prometheus.NewRegistry()
	s.store, err = commit.Open(commit.Config{
		Redis: rdb, Service: "shop", Tenants: []string{tenant}, Log: s.producer, Epochs: s.epochs, Logger: zap.NewNop(), Registry: registry,
	})
	if err != nil {
		t.Fatal(err)
	}
	config := Config{
		Store: s.store, Epochs: s.epochs, Kafka: cfg, Producer: s.producer, Pod: "pod", Logger: zap.NewNop(), Registry: registry,
		Source: Source{
			Topics: []Topic{{Events: events}},
			Value:  func(m eventlog.Message) ([]byte, error) { return m.Value, nil },
			Derive: func(b *Build) error {
				for _, r := range b.Records {
					b.Add("shelf", r.Name, float64(r.Revision.N))
					b.Deadline(r.Name, b.Now.Add(-time.Hour))
				}
				b.Put("count", fmt.Append(nil, len(b.Records)))
				return nil
			},
			Logged: func(r *commit.Record, _ time.Time) bool { return r.Name != "count" },
		},
	}
	for _, f := range change {
		f(&config)
	}
	s.recovery = New(config)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{}, 3)
	for _, run := range []func(context.Context) error{s.epochs.Run, s.store.Run, s.recovery.Run} {
		go func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
			ended <- struct{}{}
		}()
	}
	s.stop = func() {
		cancel()
		for range 3 {
			<-ended
		}
		s.producer.Close()
	}
	return s
}

// waitOpen waits until the tenant is open in this epoch or a later one.
func (s *shop) waitOpen(least uint32) (epoch uint32) {
	s.Helper()
	limit := time.After(30 * time.Second)
	for {
		changed := s.store.Changed(tenant)
		epoch, open := s.store.Verified(tenant)
		if open && epoch >= least {
			return epoch
		}
		select {
		case <-changed:
		case <-limit:
			s.Fatalf("not open in epoch %d: epoch %d, open %v", least, epoch, open)
		}
	}
}

func (s *shop) put(op, name, value string) commit.Result {
	s.Helper()
	return put(s.T, s.store, op, name, value)
}

func put(t *testing.T, store *commit.Store, op, name, value string) commit.Result {
	t.Helper()
	r, err := putOnce(t, store, op, name, value)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func putOnce(t *testing.T, store *commit.Store, op, name, value string) (commit.Result, error) {
	return store.Do(t.Context(), tenant, op, func(ctx context.Context, tx *commit.Tx) error {
		cup := tx.Record(name)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		tx.Put(cup, []byte(value), &commit.Event{Topic: events, Key: name, Type: "cup", Data: []byte(value)})
		return nil
	})
}

func (s *shop) durable(r commit.Result) {
	s.Helper()
	done := make(chan error, 1)
	s.store.WhenDurable(tenant, r, func(err error) { done <- err })
	if err := <-done; err != nil {
		s.Fatal(err)
	}
}

func (s *shop) get(name string) (value, op string, revision commit.Revision) {
	s.Helper()
	verified, err := s.store.Read(s.Context(), tenant, func(ctx context.Context, tx *commit.Tx) error {
		r := tx.Record(name)
		err := tx.Fetch(ctx)
		value, op, revision = string(r.Value), r.Op, r.Revision
		return err
	})
	if err != nil || !verified {
		s.Fatal(verified, err)
	}
	return value, op, revision
}

func TestFlushedRedisComesBackFromTheLog(t *testing.T) {
	cfg, cache := servers(t)
	s := openShop(t, cfg, cache)
	defer s.stop()
	first, _ := s.store.Verified(tenant)
	s.put("op1", "cup:1", "full")
	s.put("op2", "cup:2", "full")
	s.durable(s.put("op3", "cup:1", "half"))
	cache.Flush()
	second := s.waitOpen(first + 1)
	value, op, revision := s.get("cup:1")
	if value != "half" || op != "op3" || revision != (commit.Revision{Epoch: first, N: 2}) {
		t.Errorf("cup:1 came back as %q by %s at %s", value, op, revision)
	}
	if value, _, revision := s.get("count"); value != "2" || revision != (commit.Revision{Epoch: second, N: 1}) {
		t.Errorf("derived: %q at %s", value, revision)
	}
	if next := s.put("op4", "cup:1", "empty"); next.Revision != (commit.Revision{Epoch: second, N: 3}) {
		t.Errorf("the next revision is %s, want %d.3", next.Revision, second)
	}
	due, err := s.store.Claim(t.Context(), tenant, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range due {
		if d.Late > spread {
			t.Errorf("deadline of %s is %s late: it was not moved", d.Name, d.Late)
		}
	}
}

// A server whose memory went back, and that shows nothing of it but its sequence, is recovered like one that lost all.
func TestMemoryThatWentBackIsRecovered(t *testing.T) {
	cfg, cache := servers(t)
	s := openShop(t, cfg, cache)
	defer s.stop()
	first, _ := s.store.Verified(tenant)
	for range 3 {
		s.durable(s.put("", "cup:1", "full"))
	}
	if err := s.store.Redis().HSet(t.Context(), commit.MarkKey(tenant, "shop"), "seq", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.Do(t.Context(), tenant, "", func(ctx context.Context, tx *commit.Tx) error {
		cup := tx.Record("cup:2")
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		tx.Put(cup, []byte("lost"), nil)
		return nil
	}); err == nil {
		t.Error("a commit behind a sequence that went back was answered")
	}
	s.waitOpen(first + 1)
	if value, _, _ := s.get("cup:1"); value != "full" {
		t.Errorf("cup:1 came back as %q", value)
	}
}

func TestSecondPodAdoptsWhatIsOpen(t *testing.T) {
	cfg, cache := servers(t)
	a := openShop(t, cfg, cache)
	defer a.stop()
	a.durable(a.put("op1", "cup:1", "full"))
	b := openShop(t, cfg, cache)
	defer b.stop()
	ofA, _ := a.store.Verified(tenant)
	ofB, _ := b.store.Verified(tenant)
	if ofA != ofB {
		t.Errorf("the second pod opened epoch %d beside %d", ofB, ofA)
	}
	if value, _, _ := b.get("cup:1"); value != "full" {
		t.Errorf("the second pod reads %q", value)
	}
}

// An event that a stalled pod of the old epoch publishes behind the marker counts for nothing.
func TestEventBehindTheMarkerIsVoid(t *testing.T) {
	cfg, cache := servers(t)
	s := openShop(t, cfg, cache)
	defer s.stop()
	first, _ := s.store.Verified(tenant)
	s.durable(s.put("op1", "cup:1", "full"))
	cache.Flush()
	second := s.waitOpen(first + 1)
	zombie := eventlog.Message{Topic: events, Key: []byte("cup:1"), Value: []byte("ghost"), Headers: []eventlog.Header{
		{Key: "ce_tenant", Value: tenant}, {Key: "ce_subject", Value: "cup:1"}, {Key: "ce_type", Value: "cup"},
		{Key: "ce_revision", Value: fmt.Sprint(commit.Revision{Epoch: first, N: 2}.Number())},
	}}
	if err := s.producer.Send(t.Context(), zombie); err != nil {
		t.Fatal(err)
	}
	cache.Flush()
	s.waitOpen(second + 1)
	if value, _, revision := s.get("cup:1"); value != "full" || revision.N != 1 {
		t.Errorf("cup:1 came back as %q at %s", value, revision)
	}
}

func TestRestartOfEverythingButTheLog(t *testing.T) {
	cfg, cache := servers(t)
	s := openShop(t, cfg, cache)
	s.durable(s.put("op1", "cup:1", "full"))
	before, _ := s.store.Verified(tenant)
	s.stop()
	cache.Flush()
	s = openShop(t, cfg, cache)
	defer s.stop()
	if after, _ := s.store.Verified(tenant); after <= before {
		t.Errorf("epoch %d after epoch %d", after, before)
	}
	if value, _, _ := s.get("cup:1"); value != "full" {
		t.Errorf("cup:1 came back as %q", value)
	}
}
