package commit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/embedded"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/refusal"
)

// promises is what a store keeps, whatever Redis it stands on. Each gets a tenant of its own.
var promises = []struct {
	name string
	test func(t *testing.T, w *world)
}{
	{"a record is made, changed and read back", testPutAndRead},
	{"the second writer decides again on what the first made", testSecondWriterDecidesAgain},
	{"a guard that has changed stops the commit", testGuardStopsCommit},
	{"a foreign guard that has changed stops the commit", testForeignGuardStopsCommit},
	{"a foreign guard holds in the epoch it was read in, whatever the pod has heard of since", testForeignGuardOfAnEarlierEpoch},
	{"what is read of another service is of one epoch", testForeignReadsAreOfOneEpoch},
	{"a foreign record is refused while its service is closed", testForeignClosedIsRefused},
	{"an operation met again gives its first outcome", testSameOperationTwice},
	{"a script that ran twice answers with its first outcome", testScriptRanTwice},
	{"of two commits in one script the second meets the first", testTwoInOneScript},
	{"indexes, counters and deadlines change with the record", testIndexesChangeWithRecord},
	{"a claimed deadline is left alone by others", testClaimLeases},
	{"a claimed deadline that nothing moves stays overdue since it was due", testClaimedStaysOverdue},
	{"a flushed Redis closes the gate and acknowledges nothing", testFlushCloses},
	{"a record of another type stops the script before its first write", testWrongTypeWritesNothing},
	{"an event is durable when it is in the log and no later epoch is", testDurable},
	{"a later epoch makes what was decided void", testLaterEpochVoids},
	{"what a dead pod left in the outbox goes first", testOutboxOfADeadPodGoesFirst},
	{"many looks share reads", testManyLooksShareReads},
	{"nothing of a record goes behind a failure", testFailureStopsTheRecord},
	{"an outbox longer than the window is drained in order", testLongOutbox},
	{"who waits for what arrived while Redis was asked gets an answer", testWaiterOfWhatHasArrived},
	{"who waits for what another pod has published gets an answer", testWaiterOfAnotherPodsWork},
	{"a recovery opens only what it closed", testRecoveryOpensOnlyItsOwn},
	{"a Redis that does not answer is a refusal that says later", testRedisAway},
	{"a tenant that is not served is refused", testUnknownTenant},
	{"a commit compares the mark", testCommitComparesTheMark},
	{"a refusal compares the mark", testRefusalComparesTheMark},
	{"a recovery that opens compares the mark", testOpenComparesTheMark},
	{"a recovery merges nothing into what it finds", testRecoveryMergesNothing},
	{"a duplicate is durable when the first's event is in the log", testDuplicateWaitsForTheFirst},
	{"the confirming read asks the log", testConfirmingReadAsksTheLog},
	{"a sequence that goes back closes the gate", testSequenceThatGoesBackCloses},
	{"one message of a record is under way", testOneMessageOfARecordIsUnderWay},
	{"a walk finds every record, and whether the log has it", testWalk},
	{"new work is refused first when events pile up", testNewWorkIsRefusedFirst},
	{"a new epoch counts the bytes of its outboxes anew", testBytesAreCountedAnewInANewEpoch},
	{"bytes are counted once, however often a commit or a drain is repeated", testRepeatsCountOnce},
}

func TestPromisesOnMiniredis(t *testing.T) {
	server, err := embedded.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { rdb.Close() })
	keepPromises(t, rdb)
}

func keepPromises(t *testing.T, rdb redis.UniversalClient) {
	for i, p := range promises {
		t.Run(p.name, func(t *testing.T) {
			p.test(t, newWorld(t, rdb, fmt.Sprintf("t%d-%d", i, time.Now().UnixNano())))
		})
	}
}

// world is one tenant on a Redis, with a log of its own.
type world struct {
	*testing.T
	redis  redis.UniversalClient
	tenant string
	log    *memoryLog
	epochs *memoryEpochs
	store  *Store // service "shop"
}

func newWorld(t *testing.T, rdb redis.UniversalClient, tenant string) *world {
	w := &world{T: t, redis: rdb, tenant: tenant, log: newMemoryLog(), epochs: &memoryEpochs{newest: map[string]uint32{}}}
	w.store = w.pod("shop")
	w.openEpoch(w.store, 1)
	return w
}

// pod makes another store of the tenant, as another process would.
func (w *world) pod(service string) *Store {
	s, err := Open(Config{
		Redis: w.redis, Service: service, Tenants: []string{w.tenant}, Log: w.log, Epochs: w.epochs,
		Logger: zap.NewNop(), Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		w.Fatal(err)
	}
	return s
}

func (w *world) openEpoch(s *Store, epoch uint32) {
	w.Helper()
	b, err := s.Begin(w.Context(), w.tenant, epoch, "nonce")
	if err == nil {
		err = b.Open(w.Context())
	}
	if err != nil {
		w.Fatal(err)
	}
}

// put sets a record's value and tells an event.
func (w *world) put(s *Store, op, name, value string) Result {
	w.Helper()
	r, err := s.Do(w.Context(), w.tenant, op, putting(name, value))
	if err != nil {
		w.Fatal(err)
	}
	return r
}

func putting(name, value string) func(context.Context, *Tx) error {
	return func(ctx context.Context, tx *Tx) error {
		r := tx.Record(name)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		tx.Put(r, []byte(value), &Event{Topic: "events", Key: name, Type: "changed", Data: []byte(value)})
		return nil
	}
}

func (w *world) get(s *Store, name string) (value string, revision Revision) {
	w.Helper()
	_, err := s.Read(w.Context(), w.tenant, func(ctx context.Context, tx *Tx) error {
		r := tx.Record(name)
		err := tx.Fetch(ctx)
		value, revision = string(r.Value), r.Revision
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return value, revision
}

func (w *world) durable(s *Store, r Result) error {
	done := make(chan error, 1)
	s.WhenDurable(w.tenant, r, func(err error) { done <- err })
	return w.within(done)
}

// within is the answer whether something is durable. It must come.
func (w *world) within(answer <-chan error) error {
	w.Helper()
	select {
	case err := <-answer:
		return err
	case <-time.After(10 * time.Second):
		w.Fatal("no answer whether it is durable")
		return nil
	}
}

func testPutAndRead(t *testing.T, w *world) {
	first := w.put(w.store, "op1", "cup:1", "full")
	second := w.put(w.store, "op2", "cup:1", "half")
	if first.Revision != (Revision{1, 1}) || second.Revision != (Revision{1, 2}) || second.Previous != first.Revision {
		t.Errorf("revisions %s, then %s after %s", first.Revision, second.Revision, second.Previous)
	}
	if value, revision := w.get(w.store, "cup:1"); value != "half" || revision != second.Revision {
		t.Errorf("read %q at %s", value, revision)
	}
	if since := time.Since(first.Now).Abs(); since > time.Hour {
		t.Errorf("the clock of Redis is %s off ours", since)
	}
}

func testSecondWriterDecidesAgain(t *testing.T, w *world) {
	runs := 0
	r, err := w.store.Do(t.Context(), w.tenant, "late", func(ctx context.Context, tx *Tx) error {
		runs++
		cup := tx.Record("cup:1")
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		if runs == 1 {
			w.put(w.store, "early", "cup:1", "early")
		}
		tx.Put(cup, append(cup.Value, "+late"...), nil)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if value, _ := w.get(w.store, "cup:1"); value != "early+late" || runs != 2 || r.Revision.N != 2 {
		t.Errorf("value %q after %d runs at %s", value, runs, r.Revision)
	}
}

func testGuardStopsCommit(t *testing.T, w *world) {
	w.put(w.store, "", "door", "open")
	runs := 0
	_, err := w.store.Do(t.Context(), w.tenant, "enter", func(ctx context.Context, tx *Tx) error {
		runs++
		guest, door := tx.Record("guest"), tx.Record("door")
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		if string(door.Value) != "open" {
			return refusal.New(refusal.Impossible, "DOOR_SHUT", "the door is %s", door.Value)
		}
		if runs == 1 {
			w.put(w.store, "", "door", "shut")
		}
		tx.Put(guest, []byte("inside"), nil)
		tx.Guard(door)
		return nil
	})
	if r, ok := refusal.As(err); !ok || r.Reason != "DOOR_SHUT" || runs != 2 {
		t.Errorf("after %d runs: %v", runs, err)
	}
	if _, revision := w.get(w.store, "guest"); !revision.IsZero() {
		t.Errorf("the guest is inside at %s", revision)
	}
}

func testForeignGuardStopsCommit(t *testing.T, w *world) {
	weather := w.pod("weather")
	w.openEpoch(weather, 1)
	w.put(weather, "", "sky", "dry")
	runs := 0
	walk := func(ctx context.Context, tx *Tx) error {
		runs++
		walker, sky := tx.Record("walker"), tx.Foreign("weather", "sky")
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		if string(sky.Value) == "wet" {
			return refusal.New(refusal.Impossible, "WET", "stay in")
		}
		switch runs {
		case 1: // the same epoch, another revision
			w.put(weather, "", "sky", "dull")
		case 2: // another epoch, in which the revision could be the same number of changes
			w.openEpoch(weather, 2)
			w.put(weather, "", "sky", "wet")
		}
		tx.Put(walker, []byte("out"), nil)
		tx.Guard(sky)
		return nil
	}
	_, err := w.store.Do(t.Context(), w.tenant, "walk", walk)
	if r, ok := refusal.As(err); !ok || r.Reason != "WET" || runs != 3 {
		t.Errorf("after %d runs: %v", runs, err)
	}
}

// weather is another service, whose sky is dry in epoch 1, and wet in epoch 2 once turn is called.
func (w *world) weather() (turn func()) {
	weather := w.pod("weather")
	w.openEpoch(weather, 1)
	w.put(weather, "", "sky", "dry")
	return sync.OnceFunc(func() {
		w.openEpoch(weather, 2)
		w.put(weather, "", "sky", "wet")
		// Somebody else in this pod has heard of it already. The old namespace still stands.
		if _, err := w.store.Do(w.Context(), w.tenant, "", func(ctx context.Context, tx *Tx) error {
			tx.Foreign("weather", "sky")
			return tx.Fetch(ctx)
		}); err != nil {
			w.Fatal(err)
		}
	})
}

func testForeignGuardOfAnEarlierEpoch(t *testing.T, w *world) {
	turn := w.weather()
	_, err := w.store.Do(t.Context(), w.tenant, "walk", func(ctx context.Context, tx *Tx) error {
		walker, sky := tx.Record("walker"), tx.Foreign("weather", "sky")
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		if string(sky.Value) == "wet" {
			return refusal.New(refusal.Impossible, "WET", "stay in")
		}
		turn()
		tx.Put(walker, []byte("out"), nil)
		tx.Guard(sky)
		return nil
	})
	if r, ok := refusal.As(err); !ok || r.Reason != "WET" {
		t.Errorf("decided on a sky of an epoch that is over: %v", err)
	}
}

func testForeignReadsAreOfOneEpoch(t *testing.T, w *world) {
	turn := w.weather()
	runs := 0
	_, err := w.store.Do(t.Context(), w.tenant, "walk", func(ctx context.Context, tx *Tx) error {
		runs++
		before := tx.Foreign("weather", "sky")
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		turn()
		after := tx.Foreign("weather", "sky")
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		if string(before.Value) != string(after.Value) {
			t.Errorf("the sky is %s, then %s, to one decision", before.Value, after.Value)
		}
		return nil
	})
	if err != nil || runs != 2 {
		t.Errorf("%d runs, %v", runs, err)
	}
}

func testForeignClosedIsRefused(t *testing.T, w *world) {
	_, err := w.store.Do(t.Context(), w.tenant, "walk", func(ctx context.Context, tx *Tx) error {
		tx.Foreign("weather", "sky")
		return tx.Fetch(ctx)
	})
	if r, ok := refusal.As(err); !ok || r.Code != refusal.Unavailable {
		t.Errorf("got %v, want a refusal that says unavailable", err)
	}
}

func testSameOperationTwice(t *testing.T, w *world) {
	first := w.put(w.store, "op", "cup:1", "full")
	again := w.put(w.pod2(), "op", "cup:1", "full")
	if !first.Changed || again.Changed || !again.Duplicate || again.Revision != first.Revision {
		t.Errorf("first %+v, again %+v", first, again)
	}
	if n := len(w.log.of("cup:1")); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
}

// pod2 is another pod that has adopted the open epoch.
func (w *world) pod2() *Store {
	s := w.pod("shop")
	epoch, _ := w.store.Verified(w.tenant)
	s.Adopt(w.tenant, epoch)
	return s
}

func testScriptRanTwice(t *testing.T, w *world) {
	runs := 0
	r, err := w.store.Do(t.Context(), w.tenant, "op", func(ctx context.Context, tx *Tx) error {
		runs++
		cup := tx.Record("cup:1")
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		w.put(w.pod2(), "op", "cup:1", "full") // the same operation, after we have loaded
		tx.Put(cup, []byte("full"), nil)
		return nil
	})
	if err != nil || !r.Duplicate || r.Changed || r.Revision != (Revision{1, 1}) || runs != 1 {
		t.Errorf("after %d runs: %+v, %v", runs, r, err)
	}
}

func testTwoInOneScript(t *testing.T, w *world) {
	var batch []pending
	for _, op := range []string{"first", "second"} {
		tx := newTx(t.Context(), w.store, w.tenant, op, 1)
		if err := putting("cup:1", op)(t.Context(), tx); err != nil {
			t.Fatal(err)
		}
		batch = append(batch, pending{tx: tx})
	}
	verdicts, err := w.store.runCommits(t.Context(), w.tenant, 1, batch)
	if err != nil {
		t.Fatal(err)
	}
	if !verdicts[0].committed || verdicts[1].committed || verdicts[1].conflict != Key(w.tenant, "shop", 1, "cup:1") {
		t.Errorf("verdicts %+v", verdicts)
	}
	if value, _ := w.get(w.store, "cup:1"); value != "first" {
		t.Errorf("the record says %q", value)
	}
}

func testIndexesChangeWithRecord(t *testing.T, w *world) {
	_, err := w.store.Do(t.Context(), w.tenant, "op", func(ctx context.Context, tx *Tx) error {
		cup := tx.Record("cup:1")
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		tx.Put(cup, []byte("full"), nil)
		tx.Add("shelf", "b", 2)
		tx.Add("shelf", "a", 1)
		tx.Add("shelf", "c", 3)
		tx.Increment("cups", 2)
		tx.Deadline(cup, tx.Now().Add(-time.Second))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var shelf, rest *Members
	var size, cups *int64
	verified, err := w.store.Read(t.Context(), w.tenant, func(ctx context.Context, tx *Tx) error {
		shelf, rest, size, cups = tx.First("shelf", 2), tx.After("shelf", 2, 1, 5), tx.Count("shelf"), tx.Counter("cups")
		return tx.Fetch(ctx)
	})
	if err != nil || !verified {
		t.Fatal(verified, err)
	}
	if got := fmt.Sprint(shelf.List, rest.List, *size, *cups); got != "[{a 1} {b 2}] [{c 3}] 3 2" {
		t.Errorf("got %s", got)
	}
}

func testClaimLeases(t *testing.T, w *world) {
	testIndexesChangeWithRecord(t, w)
	due, err := w.store.Claim(t.Context(), w.tenant, 10)
	if err != nil || len(due) != 1 || due[0].Name != "cup:1" || due[0].Late < time.Second {
		t.Fatalf("claimed %v, %v", due, err)
	}
	if again, err := w.pod2().Claim(t.Context(), w.tenant, 10); err != nil || len(again) != 0 {
		t.Errorf("another pod claimed %v, %v", again, err)
	}
}

func testClaimedStaysOverdue(t *testing.T, w *world) {
	testIndexesChangeWithRecord(t, w)
	overdue := func() time.Duration {
		t.Helper()
		d, err := w.store.Overdue(t.Context(), w.tenant)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	before := overdue()
	first, err := w.store.Claim(t.Context(), w.tenant, 10)
	if err != nil || len(first) != 1 {
		t.Fatalf("claimed %v, %v", first, err)
	}
	if got := overdue(); got < before || before < time.Second {
		t.Errorf("overdue by %s, and by %s once it is claimed", before, got)
	}
	// The claim runs out, and the next one fails to move it too.
	index := Key(w.tenant, "shop", 1, deadlines)
	if err := w.redis.ZAdd(t.Context(), index, redis.Z{Score: float64(first[0].At.UnixMilli()) + 0.5, Member: "cup:1"}).Err(); err != nil {
		t.Fatal(err)
	}
	again, err := w.pod2().Claim(t.Context(), w.tenant, 10)
	if err != nil || len(again) != 1 || !again[0].At.Equal(first[0].At) || again[0].Late < first[0].Late {
		t.Errorf("claimed %v, then %v, %v", first, again, err)
	}
	if got := overdue(); got < before {
		t.Errorf("claimed twice it is overdue by %s, was by %s", got, before)
	}
	if _, err := w.store.Do(t.Context(), w.tenant, "moves", func(ctx context.Context, tx *Tx) error {
		r := tx.Record("cup:1")
		err := tx.Fetch(ctx)
		tx.Put(r, []byte("washed"), nil)
		tx.Deadline(r, tx.Now().Add(time.Hour))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got := overdue(); got != 0 {
		t.Errorf("moved it is overdue by %s", got)
	}
	if left := w.redis.ZCard(t.Context(), Key(w.tenant, "shop", 1, claimed)).Val(); left != 0 {
		t.Errorf("%d are kept as claimed", left)
	}
}

func testFlushCloses(t *testing.T, w *world) {
	r := w.put(w.store, "op", "cup:1", "full")
	if err := w.redis.Del(t.Context(), MarkKey(w.tenant, "shop"), Key(w.tenant, "shop", 1, "cup:1")).Err(); err != nil {
		t.Fatal(err)
	}
	_, err := w.store.Do(t.Context(), w.tenant, "op2", putting("cup:1", "half"))
	if r, ok := refusal.As(err); !ok || r.Code != refusal.Unavailable {
		t.Errorf("got %v, want a refusal that says unavailable", err)
	}
	if _, open := w.store.Verified(w.tenant); open {
		t.Error("the gate is still open")
	}
	if err := w.durable(w.store, r); !errors.Is(err, ErrVoid) {
		t.Errorf("acknowledged with %v", err)
	}
}

func testWrongTypeWritesNothing(t *testing.T, w *world) {
	for _, name := range []string{"shelf", "counters", "outbox:cup:1", "cup:2", "outbox"} {
		key := Key(w.tenant, "shop", 1, name)
		if err := w.redis.Set(t.Context(), key, "a string", 0).Err(); err != nil {
			t.Fatal(err)
		}
		_, err := w.store.Do(t.Context(), w.tenant, "op-"+name, func(ctx context.Context, tx *Tx) error {
			cup := tx.Record("cup:1")
			if err := tx.Fetch(ctx); err != nil {
				return err
			}
			tx.Put(cup, []byte("full"), &Event{Topic: "events", Key: "cup:1"})
			tx.Add("shelf", "a", 1)
			tx.Increment("cups", 1)
			tx.Guard(&Record{key: Key(w.tenant, "shop", 1, "cup:2")})
			return nil
		})
		if err == nil {
			t.Errorf("with %s of a wrong type the commit went through", name)
		}
		if err := w.redis.Del(t.Context(), key).Err(); err != nil {
			t.Fatal(err)
		}
		if left, _ := w.redis.Exists(t.Context(), Key(w.tenant, "shop", 1, "cup:1")).Result(); left != 0 {
			t.Errorf("with %s of a wrong type half of the commit is there", name)
		}
	}
}

func testDurable(t *testing.T, w *world) {
	r := w.put(w.store, "op", "cup:1", "full")
	if err := w.durable(w.store, r); err != nil {
		t.Fatal(err)
	}
	if got := w.log.of("cup:1"); len(got) != 1 || got[0] != r.Revision {
		t.Errorf("the log has %v", got)
	}
	again := w.put(w.pod2(), "op", "cup:1", "full")
	if err := w.durable(w.pod2(), again); err != nil {
		t.Errorf("the duplicate at another pod: %v", err)
	}
	w.store.settle(5 * time.Second)
	w.emptyOutbox()
}

func (w *world) emptyOutbox() {
	w.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		n, err := w.redis.ZCard(w.Context(), Key(w.tenant, "shop", 1, outbox)).Result()
		if err != nil {
			w.Fatal(err)
		}
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			w.Fatalf("%d records still have an open outbox", n)
		}
	}
}

func testLaterEpochVoids(t *testing.T, w *world) {
	r := w.put(w.store, "op", "cup:1", "full")
	w.epochs.take(w.tenant, 2)
	if err := w.durable(w.store, r); !errors.Is(err, ErrVoid) {
		t.Errorf("acknowledged with %v", err)
	}
	if _, open := w.store.Verified(w.tenant); open {
		t.Error("the gate is still open")
	}
}

func testOutboxOfADeadPodGoesFirst(t *testing.T, w *world) {
	w.log.hold() // the first pod's message never arrives
	w.put(w.pod2(), "op1", "cup:1", "one")
	w.log.release(errors.New("the pod died"))
	r := w.put(w.store, "op2", "cup:1", "two")
	if err := w.durable(w.store, r); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(w.log.of("cup:1")); got != "[1.1 1.2]" {
		t.Errorf("the log has %s", got)
	}
}

func testFailureStopsTheRecord(t *testing.T, w *world) {
	w.log.hold()
	first := w.put(w.store, "op1", "cup:1", "one")
	second := w.put(w.store, "op2", "cup:1", "two")
	answers := make(chan error, 2)
	for _, r := range []Result{first, second} {
		w.store.WhenDurable(w.tenant, r, func(err error) { answers <- err })
	}
	w.log.release(errors.New("not enough replicas"))
	for range 2 {
		if err := <-answers; err == nil {
			t.Error("acknowledged although the log refused")
		}
	}
	if got := w.log.of("cup:1"); len(got) != 0 {
		t.Errorf("the log has %v", got)
	}
	third := w.put(w.store, "op3", "cup:1", "three")
	if err := w.durable(w.store, third); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(w.log.of("cup:1")); got != "[1.1 1.2 1.3]" {
		t.Errorf("the log has %s", got)
	}
}

func testWaiterOfWhatHasArrived(t *testing.T, w *world) {
	w.store.outbox.removes.work = func([]removal) {} // it stays in the outbox for now
	r := w.put(w.store, "op", "cup:1", "full")
	if err := w.durable(w.store, r); err != nil {
		t.Fatal(err)
	}
	answer := make(chan error, 1)
	w.store.outbox.looks.add(look{w.tenant, r, func(err error) { answer <- err }})
	if err := w.within(answer); err != nil {
		t.Error(err)
	}
}

func testManyLooksShareReads(t *testing.T, w *world) {
	r := w.put(w.store, "op", "cup:1", "full")
	if err := w.durable(w.store, r); err != nil {
		t.Fatal(err)
	}
	reads := &outboxReads{script: w.store.load.Hash()}
	w.store.redis.AddHook(reads)
	const many = 1000
	answers := make(chan error, many)
	var looks []look
	for range many {
		looks = append(looks, look{w.tenant, r, func(err error) { answers <- err }})
	}
	w.store.outbox.looks.add(looks...)
	for range many {
		if err := w.within(answers); err != nil {
			t.Fatal(err)
		}
	}
	if n, most := reads.n.Load(), int64(many/lookLimit+1); n > most {
		t.Errorf("%d looks took %d reads, want at most %d", many, n, most)
	}
}

// outboxReads counts reads of outboxes; what else the store does goes on meanwhile.
type outboxReads struct {
	script string
	n      atomic.Int64
}

func (c *outboxReads) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *outboxReads) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if args := cmd.Args(); cmd.Name() == "evalsha" && args[1] == c.script && slices.Contains(args, any("o")) {
			c.n.Add(1)
		}
		return next(ctx, cmd)
	}
}

func (c *outboxReads) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func testWaiterOfAnotherPodsWork(t *testing.T, w *world) {
	dead := w.pod2()
	dead.outbox.log = neverLog{}
	var last Result
	for i := range outboxWindow + 2 {
		last = w.put(dead, fmt.Sprint("op", i), "cup:1", fmt.Sprint(i))
	}
	w.log.hold()
	answer := make(chan error, 1)
	w.store.outbox.looks.add(look{w.tenant, last, func(err error) { answer <- err }}) // the window is on its way
	other := w.pod2()
	other.outbox.log = newMemoryLog()
	if err := w.durable(other, last); err != nil {
		t.Fatal(err)
	}
	w.log.release(nil)
	if err := w.within(answer); err != nil {
		t.Error(err)
	}
}

func testLongOutbox(t *testing.T, w *world) {
	w.log.hold()
	var last Result
	for i := range 3*outboxWindow + 1 {
		last = w.put(w.pod2(), fmt.Sprint("op", i), "cup:1", fmt.Sprint(i))
	}
	w.log.release(errors.New("the pods died"))
	if err := w.durable(w.pod2(), last); err == nil {
		// One window is as far as one look reaches; the relay or the next look goes on.
		t.Log("durable at the first look")
	}
	final := w.put(w.store, "final", "cup:1", "final")
	if err := w.durable(w.store, final); err != nil {
		t.Fatal(err)
	}
	seen := Revision{}
	for _, r := range w.log.firsts("cup:1") {
		if r != (Revision{1, seen.N + 1}) {
			t.Fatalf("%s follows %s", r, seen)
		}
		seen = r
	}
	if seen != final.Revision {
		t.Errorf("the log ends with %s, want %s", seen, final.Revision)
	}
}

func testRecoveryOpensOnlyItsOwn(t *testing.T, w *world) {
	slow, err := w.store.Begin(t.Context(), w.tenant, 2, "slow")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.Begin(t.Context(), w.tenant, 2, "same"); err == nil {
		t.Error("two recoveries closed the same epoch")
	}
	fast, err := w.store.Begin(t.Context(), w.tenant, 3, "fast")
	if err != nil {
		t.Fatal(err)
	}
	if err := slow.Open(t.Context()); err == nil {
		t.Error("the slow recovery opened what the fast one had closed")
	}
	cup := Built{Record: Record{Name: "cup:1", Revision: Revision{1, 1}, Value: []byte("full")}}
	if err := fast.Write(t.Context(), []Built{cup}, func(int) {}); err != nil {
		t.Fatal(err)
	}
	if err := slow.Write(t.Context(), []Built{cup}, func(int) {}); err == nil {
		t.Error("the slow recovery still writes")
	}
	if err := fast.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if value, revision := w.get(w.store, "cup:1"); value != "full" || revision != (Revision{1, 1}) {
		t.Errorf("read %q at %s", value, revision)
	}
	if r := w.put(w.store, "op", "cup:1", "half"); r.Revision != (Revision{3, 2}) {
		t.Errorf("the next revision is %s, want 3.2", r.Revision)
	}
}

func testRedisAway(t *testing.T, w *world) {
	away := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	defer away.Close()
	s := w.pod2()
	s.redis = away
	for name, err := range map[string]error{
		"Do":   func() error { _, err := s.Do(t.Context(), w.tenant, "op", putting("cup:1", "full")); return err }(),
		"Read": func() error { _, err := s.Read(t.Context(), w.tenant, putting("cup:1", "full")); return err }(),
	} {
		if r, ok := refusal.As(err); !ok || r.Reason != "STORE_AWAY" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func testUnknownTenant(t *testing.T, w *world) {
	_, err := w.store.Do(t.Context(), "nobody", "op", putting("cup:1", "full"))
	if r, ok := refusal.As(err); !ok || r.Code != refusal.NotFound {
		t.Errorf("got %v", err)
	}
}

// memoryLog is a log that keeps messages in the order in which they arrived, and can hold and refuse them.
type memoryLog struct {
	mu      sync.Mutex
	arrived map[string][]Revision
	held    []func(error)
	holding bool
}

func newMemoryLog() *memoryLog { return &memoryLog{arrived: map[string][]Revision{}} }

func (l *memoryLog) Produce(m eventlog.Message, done func(error)) {
	arrive := func(err error) {
		if err == nil {
			l.mu.Lock()
			l.arrived[string(m.Key)] = append(l.arrived[string(m.Key)], RevisionOf(number(m.Header("ce_revision"))))
			l.mu.Unlock()
		}
		done(err)
	}
	l.mu.Lock()
	if l.holding {
		l.held = append(l.held, arrive)
		l.mu.Unlock()
		return
	}
	l.mu.Unlock()
	go arrive(nil)
}

func (l *memoryLog) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holding = true
}

// release answers what was held, and holds no more.
func (l *memoryLog) release(err error) {
	l.mu.Lock()
	held := l.held
	l.held, l.holding = nil, false
	l.mu.Unlock()
	for _, arrive := range held {
		arrive(err)
	}
}

func (l *memoryLog) of(key string) []Revision {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Revision(nil), l.arrived[key]...)
}

// firsts leaves out repeats.
func (l *memoryLog) firsts(key string) (first []Revision) {
	seen := map[Revision]bool{}
	for _, r := range l.of(key) {
		if !seen[r] {
			first = append(first, r)
		}
		seen[r] = true
	}
	return first
}

// memoryEpochs is the epoch topic of a test.
type memoryEpochs struct {
	mu     sync.Mutex
	newest map[string]uint32
}

func (e *memoryEpochs) Newest(tenant string) uint32 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.newest[tenant]
}

func (e *memoryEpochs) Confirm(context.Context) error { return nil }

func (e *memoryEpochs) take(tenant string, epoch uint32) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.newest[tenant] = epoch
}
