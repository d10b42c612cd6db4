package rebuild

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/embedded"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

// waitPhase waits until the tenant is in the phase, and returns how it stands then.
func (s *shop) waitPhase(phase Phase) TenantStatus {
	s.Helper()
	limit := time.After(30 * time.Second)
	for {
		status := s.recovery.Status()[0]
		if status.Phase == phase {
			return status
		}
		select {
		case <-time.After(time.Millisecond): // nobody tells of phases but Status
		case <-limit:
			s.Fatalf("not %s: %+v", phase, status)
		}
	}
}

// waitWhy waits until the tenant says that it is closed for this reason.
func (s *shop) waitWhy(reason string) {
	s.Helper()
	limit := time.After(30 * time.Second)
	for {
		status := s.recovery.Status()[0]
		if strings.Contains(status.Why, reason) {
			return
		}
		select {
		case <-time.After(time.Millisecond): // nobody tells of reasons but Status
		case <-limit:
			s.Fatalf("not %q: %+v", reason, status)
		}
	}
}

func TestAfterThreeRecoveriesAPersonHasToLook(t *testing.T) {
	cfg, cache := servers(t)
	limited := func(c *Config) { c.Limit = 3 }
	s := openShop(t, cfg, cache, limited)
	s.durable(s.put("op1", "cup:1", "full"))
	epoch, _ := s.store.Verified(tenant)
	for range 3 {
		cache.Flush()
		epoch = s.waitOpen(epoch + 1)
	}
	cache.Flush()
	if status := s.waitPhase(Held); !strings.Contains(status.Why, "3 reigns ended") || status.Open {
		t.Errorf("%+v", status)
	}
	s.stop()

	// The log has the count: a new pod holds too, and a person's word releases it for all.
	s = startShop(t, cfg, cache, limited)
	defer s.stop()
	s.waitPhase(Held)
	if err := s.recovery.Rebuild(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	if value, _, _ := s.get("cup:1"); value != "full" {
		t.Errorf("cup:1 came back as %q", value)
	}
	epoch, _ = s.store.Verified(tenant)
	cache.Flush()
	s.waitOpen(epoch + 1)
}

func TestFailedRecoveriesOfOneReignCountOnce(t *testing.T) {
	now := time.Now()
	takes := []eventlog.Taken{
		{Epoch: 1, At: now}, {Epoch: 2, Ends: 1, At: now}, {Epoch: 3, Ends: 1, At: now}, // of 3 nobody knows that it opened
		{Epoch: 5, Ends: 3, At: now.Add(-time.Hour)}, {Epoch: 6, Ends: 5, At: now},
	}
	since := now.Add(-heldWindow)
	if n := endedReigns(takes, since, 0); n != 2 {
		t.Errorf("%d reigns ended, want 1 and 5", n)
	}
	if n := endedReigns(takes, since, 5); n != 1 {
		t.Errorf("%d reigns ended beside the present one, want 1", n)
	}
	takes = append(takes, eventlog.Taken{Epoch: 7, Hand: true, At: now}, eventlog.Taken{Epoch: 8, Ends: 7, At: now})
	if n := endedReigns(takes, since, 0); n != 1 {
		t.Errorf("%d reigns ended after a person looked, want 1", n)
	}
}

func TestOneEpochNumberTakenTwiceIsHeld(t *testing.T) {
	cfg, cache := servers(t)
	s := openShop(t, cfg, cache)
	defer s.stop()
	s.durable(s.put("op1", "cup:1", "full"))
	// As if this were another cluster's Redis, or the log had lost its end and counted again.
	if err := s.store.Redis().HSet(t.Context(), commit.MarkKey(tenant, "shop"), "nonce", "another").Err(); err != nil {
		t.Fatal(err)
	}
	if status := s.waitPhase(Held); !strings.Contains(status.Why, "taken twice") || status.Open {
		t.Errorf("%+v", status)
	}
	if err := s.recovery.Rebuild(t.Context(), tenant); err != nil {
		t.Error(err)
	}
}

func TestAServerThatIsNotThePrimaryIsNotRecovered(t *testing.T) {
	cfg, cache := servers(t)
	elected := make(chan struct{})
	s := startShop(t, cfg, cache, func(c *Config) {
		c.Discovery = func(context.Context, string) error {
			select {
			case <-elected:
				return nil
			default:
				return errors.New("another server is")
			}
		}
	})
	defer s.stop()
	s.waitWhy("another server is")
	if newest := s.epochs.Newest(tenant); newest != 0 {
		t.Errorf("epoch %d was taken", newest)
	}
	if err := s.recovery.Rebuild(t.Context(), tenant); err == nil {
		t.Error("a person could rebuild what is not the primary")
	}
	close(elected)
	s.waitOpen(1)
}

// The epoch topic was made anew, and Redis and the pods that remember died: only the markers know the number.
func TestAnEpochIsAboveEveryMarkerInTheLog(t *testing.T) {
	cfg, cache := servers(t)
	s := openShop(t, cfg, cache)
	s.durable(s.put("op1", "cup:1", "full"))
	for range 3 {
		if err := s.recovery.Rebuild(t.Context(), tenant); err != nil {
			t.Fatal(err)
		}
	}
	last, _ := s.store.Verified(tenant)
	s.stop()
	cache.Flush()
	const anew = "shop.epochs-anew"
	if _, err := eventlog.Ensure(t.Context(), cfg, []eventlog.TopicSpec{{Name: anew, Partitions: 1}}, 1); err != nil {
		t.Fatal(err)
	}
	s = startShopOn(t, cfg, cache, anew)
	defer s.stop()
	if epoch := s.waitOpen(1); epoch <= last {
		t.Errorf("epoch %d was taken after %d", epoch, last)
	}
	if value, _, _ := s.get("cup:1"); value != "full" {
		t.Errorf("cup:1 came back as %q", value)
	}
}

// A recovery that is cut off after it closed the mark leaves the outbox of the reign before it to the next one.
func TestTheNextRecoveryDrainsWhatAFailedOneLeft(t *testing.T) {
	cfg, cache := servers(t)
	s := openShop(t, cfg, cache)
	s.durable(s.put("op1", "cup:1", "full"))
	first, _ := s.store.Verified(tenant)
	s.stop()
	deaf := deafPod(t, cache, first)
	r := put(t, deaf, "op2", "cup:1", "half")
	if r.Revision != (commit.Revision{Epoch: first, N: 2}) {
		t.Fatal(r.Revision)
	}
	if _, err := deaf.Begin(t.Context(), tenant, first+1, "cut off"); err != nil {
		t.Fatal(err)
	}
	next := openShop(t, cfg, cache)
	defer next.stop()
	if value, _, revision := next.get("cup:1"); value != "half" || revision != r.Revision {
		t.Errorf("cup:1 came back as %q at %s", value, revision)
	}
	next.await("the namespace before is gone", func() bool { // it opens first
		keys, err := next.store.Redis().Keys(t.Context(), fmt.Sprintf("{%s}:shop:%d:*", tenant, first)).Result()
		return err == nil && len(keys) == 0
	})
}

// deafPod is a pod whose events never leave Redis.
func deafPod(t *testing.T, cache *embedded.Redis, epoch uint32) *commit.Store {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: cache.Addr})
	t.Cleanup(func() { rdb.Close() })
	store, err := commit.Open(commit.Config{
		Redis: rdb, Service: "shop", Tenants: []string{tenant}, Log: deafLog{}, Logger: zap.NewNop(), Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	store.Adopt(tenant, epoch)
	return store
}

type deafLog struct{}

func (deafLog) Produce(eventlog.Message, func(error)) {}

// Redis is as it was in an earlier epoch, mark and all, as from a backup: only the log knows of the later one.
func TestAMarkThatTheLogHasOutlivedIsNotAdopted(t *testing.T) {
	cfg, cache := servers(t)
	s := openShop(t, cfg, cache)
	s.durable(s.put("op1", "cup:1", "full"))
	first, _ := s.store.Verified(tenant)
	key := commit.MarkKey(tenant, "shop")
	old, err := s.store.Redis().HGetAll(t.Context(), key).Result()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.recovery.Rebuild(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	s.stop()
	rdb := redis.NewClient(&redis.Options{Addr: cache.Addr})
	defer rdb.Close()
	if err := rdb.HSet(t.Context(), key, old).Err(); err != nil {
		t.Fatal(err)
	}
	next := openShop(t, cfg, cache)
	defer next.stop()
	if epoch, _ := next.store.Verified(tenant); epoch <= first+1 {
		t.Errorf("epoch %d was adopted; the log has %d", epoch, first+1)
	}
	if value, _, _ := next.get("cup:1"); value != "full" {
		t.Errorf("cup:1 came back as %q", value)
	}
}
