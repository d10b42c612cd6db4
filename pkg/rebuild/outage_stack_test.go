//go:build stack

package rebuild

import (
	"context"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/stacktest"
)

// pair is a primary, a replica, and clients that go to whichever is in office.
type pair struct {
	primary, replica *stacktest.Redis
	office           atomic.Pointer[stacktest.Redis]
}

func newPair(t *testing.T) *pair {
	p := &pair{primary: stacktest.StartRedis(t), replica: stacktest.StartRedis(t)}
	p.replica.Follow(p.primary) // before anything is verified: the first replica of a primary makes it draw a new replid
	p.office.Store(p.primary)
	return p
}

func (p *pair) client(t *testing.T) redis.UniversalClient {
	rdb := redis.NewClient(&redis.Options{MaxRetries: 1, Dialer: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("tcp", p.office.Load().Addr)
	}})
	t.Cleanup(func() { rdb.Close() })
	return rdb
}

// failOver makes the replica the primary; the old one is dead.
func (p *pair) failOver() {
	p.primary.Kill()
	p.replica.Promote()
	p.office.Store(p.replica)
}

// However Redis is lost, what was acknowledged comes back, in a later epoch, and no revision is used twice.
func TestWhateverHappensToRedisTheAcknowledgedComesBack(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, p *pair){
		"flushed": func(_ *testing.T, p *pair) { p.primary.Do("FLUSHALL") },
		"restarted from a truncated AOF": func(t *testing.T, p *pair) {
			aof := p.primary.AOF()
			p.primary.Kill()
			size, err := os.Stat(aof)
			if err == nil {
				err = os.Truncate(aof, size.Size()*9/10)
			}
			if err != nil {
				t.Fatal(err)
			}
			p.primary.Start()
		},
		"restarted with everything": func(_ *testing.T, p *pair) {
			p.primary.Kill()
			p.primary.Start()
		},
		"failed over to a lagging replica": func(_ *testing.T, p *pair) { p.failOver() },
		"a replica there and back": func(_ *testing.T, p *pair) {
			p.replica.Promote() // lags
			p.primary.Follow(p.replica)
			p.primary.Promote()
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := kafkaFor(t)
			p := newPair(t)
			s := startShopAt(t, cfg, p.client(t), epochs)
			defer s.stop()
			first := s.waitOpen(1)
			s.durable(s.put("op1", "cup:1", "full"))
			lag(t, p)
			last := s.put("op2", "cup:1", "half")
			s.durable(last) // the replica has not heard of it
			lose(t, p)
			second := s.waitOpen(first + 1)
			value, op, revision := s.get("cup:1")
			if value != "half" || op != "op2" || revision != last.Revision {
				t.Errorf("cup:1 came back as %q by %q at %s", value, op, revision)
			}
			if next := s.put("op3", "cup:1", "empty"); next.Revision != (commit.Revision{Epoch: second, N: 3}) {
				t.Errorf("the next revision is %s, want %d.3", next.Revision, second)
			}
		})
	}
}

// lag cuts the replica off from what comes: it asks a port that nobody has.
func lag(t *testing.T, p *pair) {
	t.Helper()
	p.replica.Do("REPLICAOF", "127.0.0.1", "1")
}

// FLUSHALL in the middle of a rebuild: what was half built is never opened.
func TestFlushDuringARebuildOpensNothingHalf(t *testing.T) {
	cfg := kafkaFor(t)
	server := stacktest.StartRedis(t)
	var flush sync.Once
	armed := make(chan struct{})
	s := startShopAt(t, cfg, clientOf(t, server), epochs, func(c *Config) {
		derive := c.Source.Derive
		c.Source.Derive = func(b *Build) error {
			select {
			case <-armed:
				flush.Do(func() { server.Do("FLUSHALL") })
			default:
			}
			return derive(b)
		}
	})
	defer s.stop()
	first := s.waitOpen(1)
	s.durable(s.put("op1", "cup:1", "full"))
	close(armed)
	server.Do("FLUSHALL")
	if second := s.waitOpen(first + 2); second < first+2 { // the first recovery was spoilt
		t.Errorf("epoch %d", second)
	}
	if value, _, _ := s.get("cup:1"); value != "full" {
		t.Errorf("cup:1 came back as %q", value)
	}
}

// Two recoveries at once, for the lease ran out: the later epoch wins, and the slow one touches nothing of it.
func TestOfTwoRecoveriesTheLaterEpochWins(t *testing.T) {
	cfg := kafkaFor(t)
	server := stacktest.StartRedis(t)
	fast := startShopAt(t, cfg, clientOf(t, server), epochs)
	defer fast.stop()
	fast.waitOpen(1)
	fast.durable(fast.put("op1", "cup:1", "full"))
	var overtaken atomic.Bool
	slow := startShopAt(t, cfg, clientOf(t, server), epochs, func(c *Config) {
		derive := c.Source.Derive
		c.Source.Derive = func(b *Build) error {
			if !overtaken.Swap(true) {
				server.Do("DEL", commit.MarkKey(tenant, "shop")+":lease")
				if err := fast.recovery.Rebuild(t.Context(), tenant); err != nil {
					t.Error(err)
				}
				fast.put("op2", "cup:1", "half") // in the reign of the winner
			}
			return derive(b)
		}
	})
	defer slow.stop()
	slow.waitOpen(1)
	if err := slow.recovery.Rebuild(t.Context(), tenant); err == nil {
		t.Error("the slow recovery opened too")
	}
	if value, _, _ := fast.get("cup:1"); value != "half" {
		t.Errorf("the slow recovery took cup:1 back to %q", value)
	}
}

// A process of which Redis is stopped keeps its gate, and goes on when it runs again: nothing was lost, nothing is rebuilt.
func TestStoppedRedisNeedsNoRecovery(t *testing.T) {
	cfg := kafkaFor(t)
	server := stacktest.StartRedis(t)
	s := startShopAt(t, cfg, clientOf(t, server), epochs)
	defer s.stop()
	first := s.waitOpen(1)
	server.Stop()
	_, err := s.store.Do(t.Context(), tenant, "op1", func(ctx context.Context, tx *commit.Tx) error { return tx.Fetch(ctx) })
	if err == nil {
		t.Error("a stopped Redis answered")
	}
	server.Continue()
	server.Await()
	s.durable(s.put("op2", "cup:1", "full"))
	if epoch, open := s.store.Verified(tenant); !open || epoch != first {
		t.Errorf("epoch %d, open %v after epoch %d", epoch, open, first)
	}
}

// A replica is no place to recover: nobody takes an epoch before there is a primary.
func TestReplicaIsNotRecovered(t *testing.T) {
	cfg := kafkaFor(t)
	p := newPair(t)
	p.office.Store(p.replica)
	s := startShopAt(t, cfg, p.client(t), epochs)
	defer s.stop()
	s.waitWhy("is a replica")
	if newest := s.epochs.Newest(tenant); newest != 0 {
		t.Errorf("epoch %d was taken on a replica", newest)
	}
	p.failOver()
	s.waitOpen(1)
}

func kafkaFor(t *testing.T) eventlog.Config {
	t.Helper()
	_, cfg, _ := outage(t)
	return cfg
}

func clientOf(t *testing.T, server *stacktest.Redis) redis.UniversalClient {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr, MaxRetries: 1})
	t.Cleanup(func() { rdb.Close() })
	return rdb
}
