//go:build stack

package commit

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"

	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/pkg/stacktest"
)

// A full Redis refuses what is new. What ends frees memory and passes, the outbox drains, and then there is room again.
func TestFullRedisLetsWhatLivesEnd(t *testing.T) {
	server := stacktest.StartRedis(t, "--maxmemory", "6mb", "--maxmemory-policy", "noeviction")
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { rdb.Close() })
	w := newWorld(t, rdb, "acme")
	w.log.hold() // Kafka is away, so outboxes fill Redis
	value := strings.Repeat("x", 8<<10)
	made := 0
	for ; ; made++ {
		_, err := w.store.Do(t.Context(), w.tenant, "", func(ctx context.Context, tx *Tx) error {
			tx.Add("live", cupNo(made), 1)
			return growing(cupNo(made), value)(ctx, tx)
		})
		if err == nil {
			continue
		}
		if r, ok := refusal.As(err); !ok || r.Reason != "STORE_FULL" || r.Code != refusal.Unavailable || !NoRoom(err) {
			t.Fatalf("the first that did not fit: %v", err)
		}
		break
	}
	if made < 10 {
		t.Fatalf("only %d fitted", made)
	}
	t.Logf("%d records fitted", made)

	// In one batch with new work, what ends passes too.
	ends := make(chan error, made)
	for i := range made / 2 {
		go func() { ends <- w.end(cupNo(i)) }()
		go func() { _, _ = w.store.Do(context.Background(), w.tenant, "", growing(fmt.Sprint("new:", i), value)) }()
	}
	for range made / 2 {
		if err := <-ends; err != nil {
			t.Errorf("an end was refused: %v", err)
		}
	}
	w.log.release(nil)
	w.emptyOutbox()
	if err := w.durable(w.store, w.put(w.store, "after", "cup:after", value)); err != nil {
		t.Errorf("after the drain: %v", err)
	}
}

func cupNo(n int) string { return fmt.Sprint("cup:", n) }

// end makes a small stub of a record and takes it from the index, as a contact that ends.
func (w *world) end(name string) error {
	_, err := w.store.Do(context.Background(), w.tenant, "", func(ctx context.Context, tx *Tx) error {
		tx.Remove("live", name)
		return putting(name, "ended")(ctx, tx)
	})
	return err
}

// Redis' own time-outs: a command gives up fast, its caller is told to come again, and it is done once.
func TestStoppedRedisFailsFastAndGoesOn(t *testing.T) {
	server := stacktest.StartRedis(t)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr, MaxRetries: 1, ReadTimeout: 400 * time.Millisecond, ContextTimeoutEnabled: true})
	t.Cleanup(func() { rdb.Close() })
	w := newWorld(t, rdb, "acme")
	w.put(w.store, "op1", "cup:1", "one")
	server.Stop()
	began := time.Now()
	_, err := w.store.Do(t.Context(), w.tenant, "op2", putting("cup:1", "two"))
	t.Logf("given up after %s", time.Since(began).Round(time.Millisecond))
	if r, ok := refusal.As(err); !ok || r.Reason != "STORE_AWAY" {
		t.Errorf("while Redis is stopped: %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("given up only after %s", took)
	}
	server.Continue()
	if r := w.put(w.store, "op2", "cup:1", "two"); r.Revision != (Revision{1, 2}) {
		t.Errorf("done %d times", r.Revision.N-1)
	}
}

// Every way in which a server is not the verified one closes the gate, and nothing is committed.
func TestEverySignOfAnotherServerCloses(t *testing.T) {
	for name, hurt := range map[string]func(t *testing.T, primary, replica *stacktest.Redis){
		"flushed": func(_ *testing.T, primary, _ *stacktest.Redis) { primary.Do("FLUSHALL") },
		"restarted with all its data": func(_ *testing.T, primary, _ *stacktest.Redis) {
			primary.Kill()
			primary.Start()
		},
		"a replica of another now": func(_ *testing.T, primary, replica *stacktest.Redis) {
			replica.Promote()
			primary.Follow(replica)
		},
		"a replica there and back": func(_ *testing.T, primary, replica *stacktest.Redis) {
			replica.Promote()
			primary.Follow(replica)
			primary.Promote()
		},
		"swapped": func(_ *testing.T, primary, _ *stacktest.Redis) { primary.Do("SWAPDB", 0, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			primary, replica := stacktest.StartRedis(t), stacktest.StartRedis(t)
			rdb := redis.NewClient(&redis.Options{Addr: primary.Addr, MaxRetries: 2})
			t.Cleanup(func() { rdb.Close() })
			replica.Follow(primary) // the first replica of a primary makes it draw a new replid
			w := newWorld(t, rdb, "acme")
			w.put(w.store, "op1", "cup:1", "one")
			hurt(t, primary, replica)
			_, err := w.store.Do(t.Context(), w.tenant, "op2", putting("cup:1", "two"))
			if r, ok := refusal.As(err); !ok || r.Reason != "UNVERIFIED" {
				t.Fatalf("committed or failed otherwise: %v", err)
			}
			if _, open := w.store.Verified(w.tenant); open {
				t.Error("the gate is still open")
			}
			if verified, _ := w.store.Read(t.Context(), w.tenant, func(ctx context.Context, tx *Tx) error { return tx.Fetch(ctx) }); verified {
				t.Error("a read counts as verified")
			}
		})
	}
}

// A replica has the primary's replid and an open mark: what it says may be old.
func TestReplicaIsNeverVerified(t *testing.T) {
	primary, replica := stacktest.StartRedis(t), stacktest.StartRedis(t)
	rdb := redis.NewClient(&redis.Options{Addr: primary.Addr})
	t.Cleanup(func() { rdb.Close() })
	replica.Follow(primary)
	w := newWorld(t, rdb, "acme")
	w.put(w.store, "op1", "cup:1", "one")
	late := w.pod2()
	late.redis = replica.Client()
	late.Adopt(w.tenant, 1)
	mark, err := late.Mark(t.Context(), w.tenant)
	if err != nil || !mark.Replica || mark.Why == "" {
		t.Errorf("%+v, %v", mark, err)
	}
	if _, err := late.Do(t.Context(), w.tenant, "op2", putting("cup:1", "two")); err == nil {
		t.Error("committed on a replica")
	}
	if _, open := late.Verified(w.tenant); open {
		t.Error("the gate is still open")
	}
}

// While the log is away Redis alone has what is decided: a commit waits a moment for a replica to have it too.
func TestWhileTheLogIsAwayAReplicaHasEveryCommit(t *testing.T) {
	primary, replica := stacktest.StartRedis(t), stacktest.StartRedis(t)
	rdb := redis.NewClient(&redis.Options{Addr: primary.Addr})
	t.Cleanup(func() { rdb.Close() })
	replica.Follow(primary)
	w := newWorld(t, rdb, "acme")
	w.log.hold()
	w.put(w.store, "op0", "cup:0", "full")
	for w.store.LogAway() <= logSlow {
		<-time.After(10 * time.Millisecond) // the clock is what it waits for
	}
	for i := range 20 {
		w.put(w.store, fmt.Sprint("op", i+1), cupNo(i+1), "full")
		if n := replica.Client().Exists(t.Context(), Key(w.tenant, "shop", 1, cupNo(i+1))).Val(); n != 1 {
			t.Fatalf("the replica has not heard of commit %d", i+1)
		}
	}
	if n := testutil.ToFloat64(w.store.metrics.unreplicated); n != 0 {
		t.Errorf("%v scripts are counted as not replicated", n)
	}
	replica.Stop()
	w.put(w.store, "last", "cup:last", "full") // goes on, and is counted
	if n := testutil.ToFloat64(w.store.metrics.unreplicated); n != 1 {
		t.Errorf("%v scripts are counted as not replicated, want 1", n)
	}
	replica.Continue()
	w.log.release(nil)
	w.emptyOutbox()
	if away := w.store.LogAway(); away != 0 {
		t.Errorf("the log owes nothing, and yet is away for %s", away)
	}
}
