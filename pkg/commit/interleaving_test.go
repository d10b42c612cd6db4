package commit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/busyhour/busyhour/pkg/embedded"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/refusal"
)

// A lamp may be lit only while its twin is dark: each commit writes one and guards the other. Two pods that read both
// dark at the same moment would light both, if a guard could be passed by.

type step struct {
	Lamp int // lamp 2i and 2i+1 are twins
	Lit  bool
	Op   int  // steps of several pods share operations
	Torn bool // the log answers this step's event with an error: half the time after taking it
}

func TestInterleavingsOnMiniredis(t *testing.T) {
	server, err := embedded.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { rdb.Close() })
	checkInterleavings(t, rdb)
}

func checkInterleavings(t *testing.T, rdb redis.UniversalClient) {
	steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{
			Lamp: rapid.IntRange(0, 3).Draw(t, "lamp"), Lit: rapid.Bool().Draw(t, "lit"),
			Op: rapid.IntRange(0, 30).Draw(t, "op"), Torn: rapid.IntRange(0, 5).Draw(t, "torn") == 0,
		}
	}), 1, 25)
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		pods := rapid.SliceOfN(steps, 2, 5).Draw(rt, "pods")
		runs++
		newInterleaving(t, rdb, fmt.Sprintf("i%d-%d", runs, rand.Uint32())).play(pods).verify(rt)
	})
}

type interleaving struct {
	*world
	torn   *tornLog
	firsts func(record string) []Revision // the record's first appearances in the log
	pods   []*Store

	mu       sync.Mutex
	outcomes map[string]map[Revision]bool // operation → revisions answered
	seen     map[string]map[Revision]int  // record → how many different operations made the revision
	failures []string
}

func newInterleaving(t *testing.T, rdb redis.UniversalClient, tenant string) *interleaving {
	i := &interleaving{world: newWorld(t, rdb, tenant), outcomes: map[string]map[Revision]bool{}, seen: map[string]map[Revision]int{}}
	i.torn, i.firsts = &tornLog{Log: i.log}, i.log.firsts
	return i
}

func (i *interleaving) play(pods [][]step) *interleaving {
	var running sync.WaitGroup
	for range pods {
		s := i.pod2()
		s.outbox.log = i.torn
		i.pods = append(i.pods, s)
	}
	for p, steps := range pods {
		running.Go(func() {
			for _, s := range steps {
				i.do(i.pods[p], s)
			}
		})
	}
	running.Wait()
	return i
}

func (i *interleaving) do(s *Store, step step) {
	op := fmt.Sprintf("op-%d-%d-%v", step.Op, step.Lamp, step.Lit)
	name, twin := fmt.Sprint("lamp:", step.Lamp), fmt.Sprint("lamp:", step.Lamp^1)
	r, err := s.Do(context.Background(), i.tenant, op, func(ctx context.Context, tx *Tx) error {
		lamp, other := tx.Record(name), tx.Record(twin)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		if step.Lit && string(other.Value) == "lit" {
			return refusal.New(refusal.Impossible, "TWIN_LIT", "%s is lit", twin)
		}
		value := "dark"
		if step.Lit {
			value = "lit"
		}
		event := &Event{Topic: "events", Key: name, Type: "switched", Data: []byte(value)}
		if step.Torn {
			event.Type = "torn"
		}
		tx.Put(lamp, []byte(value), event)
		tx.Guard(other)
		return nil
	})
	i.mu.Lock()
	defer i.mu.Unlock()
	var conflict *Conflict
	if _, refused := refusal.As(err); err != nil && !refused && !errors.As(err, &conflict) {
		i.failures = append(i.failures, err.Error())
	}
	if err != nil {
		return
	}
	if i.outcomes[op] == nil {
		i.outcomes[op] = map[Revision]bool{}
	}
	i.outcomes[op][r.Revision] = true
	if r.Changed {
		if i.seen[name] == nil {
			i.seen[name] = map[Revision]int{}
		}
		i.seen[name][r.Revision]++
	}
}

// failing is what *testing.T and *rapid.T have in common here.
type failing interface {
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

func (i *interleaving) verify(rt failing) {
	for _, f := range i.failures {
		rt.Errorf("a commit failed: %s", f)
	}
	for lamp := range 4 {
		name := fmt.Sprint("lamp:", lamp)
		value, last := i.get(i.store, name)
		twin, _ := i.get(i.store, fmt.Sprint("lamp:", lamp^1))
		if value == "lit" && twin == "lit" {
			rt.Errorf("%s and its twin are both lit: a guard was passed by", name)
		}
		if last.IsZero() {
			continue
		}
		for n := uint32(1); n <= last.N; n++ {
			if made := i.seen[name][Revision{1, n}]; made != 1 {
				rt.Errorf("%s: revision 1.%d was made %d times", name, n, made)
			}
		}
		i.verifyLog(rt, name, last)
	}
}

// verifyLog lets a last pod relay what was left behind, and then looks for what is missing or out of order.
func (i *interleaving) verifyLog(rt failing, name string, last Revision) {
	final := i.pod2()
	final.outbox.log = i.torn.Log // the log is whole again
	r := Result{Record: name, Revision: last, Epoch: 1}
	for range 20 {
		done := make(chan error, 1)
		final.WhenDurable(i.tenant, r, func(err error) { done <- err })
		if err := <-done; err != nil {
			rt.Fatalf("%s at %s: %v", name, last, err)
		}
		if firsts := i.firsts(name); len(firsts) > 0 && firsts[len(firsts)-1] == last {
			break
		}
	}
	firsts := i.firsts(name)
	for n, r := range firsts {
		if r.N != uint32(n+1) {
			rt.Fatalf("%s: the log's first appearances are %v", name, firsts)
		}
	}
	if uint32(len(firsts)) != last.N {
		rt.Errorf("%s is at %s, and the log has %v", name, last, firsts)
	}
}

// tornLog refuses messages of type "torn" the first time, every other one after it has taken it.
type tornLog struct {
	Log
	mu    sync.Mutex
	count int
	tried map[string]bool
}

func (l *tornLog) Produce(m eventlog.Message, done func(error)) {
	l.mu.Lock()
	id := m.Header("ce_id")
	tear := m.Header("ce_type") == "torn" && !l.tried[id]
	if tear {
		if l.tried == nil {
			l.tried = map[string]bool{}
		}
		l.tried[id] = true
		l.count++
	}
	taken := l.count%2 == 0
	l.mu.Unlock()
	switch {
	case !tear:
		l.Log.Produce(m, done)
	case taken:
		l.Log.Produce(m, func(error) { done(errors.New("no answer from the broker")) })
	default:
		go done(errors.New("not enough replicas"))
	}
}
