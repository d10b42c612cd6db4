package commit

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/refusal"
)

// Each test here fails if one safeguard is taken out, and does not depend on another that would catch the same: most
// change the mark under somebody's hands.

// signs are what tells that a tenant's state is not the verified one.
var signs = []struct {
	name   string
	change func(w *world)
}{
	{"another server", func(w *world) { w.mark("replid", "feed") }},
	{"closed", func(w *world) { w.mark("open", "0") }},
	{"another epoch", func(w *world) { w.mark("epoch", "2") }},
	{"gone", func(w *world) { w.redis.Del(w.Context(), MarkKey(w.tenant, "shop")) }},
}

// mark changes a field of the mark as no commit would.
func (w *world) mark(field, value string) {
	w.Helper()
	if err := w.redis.HSet(w.Context(), MarkKey(w.tenant, "shop"), field, value).Err(); err != nil {
		w.Fatal(err)
	}
}

// eachSign runs a test under each sign, with a pod of its own, and takes the sign back.
func (w *world) eachSign(test func(t *testing.T, s *Store, change func())) {
	key := MarkKey(w.tenant, "shop")
	whole, err := w.redis.HGetAll(w.Context(), key).Result()
	if err != nil {
		w.Fatal(err)
	}
	for _, sign := range signs {
		w.Run(sign.name, func(t *testing.T) {
			test(t, w.pod2(), func() { sign.change(w) })
			w.redis.Del(w.Context(), key)
			w.redis.HSet(w.Context(), key, whole)
		})
	}
}

func testCommitComparesTheMark(t *testing.T, w *world) {
	w.eachSign(func(t *testing.T, s *Store, change func()) {
		_, err := s.Do(w.Context(), w.tenant, "op", func(ctx context.Context, tx *Tx) error {
			cup := tx.Record("cup:1")
			if err := tx.Fetch(ctx); err != nil {
				return err
			}
			change() // between load and commit
			tx.Put(cup, []byte("full"), nil)
			return nil
		})
		if no, ok := refusal.As(err); !ok || no.Code != refusal.Unavailable {
			t.Errorf("got %v, want a refusal that says unavailable", err)
		}
		if left, _ := w.redis.Exists(w.Context(), Key(w.tenant, "shop", 1, "cup:1")).Result(); left != 0 {
			t.Error("the commit went through")
		}
		if _, open := s.Verified(w.tenant); open {
			t.Error("the gate is still open")
		}
	})
}

// A refusal commits nothing, so only the load can tell that it rests on state that is not verified.
func testRefusalComparesTheMark(t *testing.T, w *world) {
	w.eachSign(func(t *testing.T, s *Store, change func()) {
		change()
		_, err := s.Do(w.Context(), w.tenant, "op", func(ctx context.Context, tx *Tx) error {
			tx.Record("cup:1")
			if err := tx.Fetch(ctx); err != nil {
				return err
			}
			return refusal.New(refusal.NotFound, "NO_CUP", "there is no such cup")
		})
		if no, ok := refusal.As(err); !ok || no.Reason == "NO_CUP" {
			t.Errorf("got %v, want a refusal that says unavailable", err)
		}
	})
}

func testOpenComparesTheMark(t *testing.T, w *world) {
	for i, c := range []struct {
		name   string
		change func(b *Builder)
	}{
		{"another server", func(*Builder) { w.mark("replid", "feed") }},
		{"another recovery", func(*Builder) { w.mark("nonce", "other") }},
		{"less than was built", func(*Builder) { w.mark("built", "0") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := w.store.Begin(t.Context(), w.tenant, uint32(2+i), "nonce")
			if err != nil {
				t.Fatal(err)
			}
			cup := Built{Record: Record{Name: "cup:1", Revision: Revision{1, 1}, Value: []byte("full")}}
			if err := b.Write(t.Context(), []Built{cup}, func(int) {}); err != nil {
				t.Fatal(err)
			}
			c.change(b)
			if err := b.Open(t.Context()); err == nil {
				t.Error("it opened")
			}
		})
	}
}

// An old primary that comes back has a branch of its own; nothing of it may be left in the new epoch.
func testRecoveryMergesNothing(t *testing.T, w *world) {
	w.put(w.store, "op", "cup:own-branch", "full")
	w.openEpoch(w.store, 2)
	if value, revision := w.get(w.store, "cup:own-branch"); !revision.IsZero() {
		t.Errorf("%q at %s is left, and the log did not bring it back", value, revision)
	}
}

// The first pod's event is in the outbox only when the duplicate comes to another.
func testDuplicateWaitsForTheFirst(t *testing.T, w *world) {
	first := w.pod2()
	first.outbox.log = neverLog{}
	w.put(first, "op", "cup:1", "full")
	second := w.pod2()
	again := w.put(second, "op", "cup:1", "full")
	if !again.Duplicate {
		t.Fatalf("%+v is no duplicate", again)
	}
	if err := w.durable(second, again); err != nil {
		t.Fatal(err)
	}
	if got := w.log.of("cup:1"); len(got) != 1 || got[0] != again.Revision {
		t.Errorf("acknowledged, and the log has %v", got)
	}
}

// neverLog gives no answer: its pod is dead.
type neverLog struct{}

func (neverLog) Produce(eventlog.Message, func(error)) {}

// A later epoch that nobody has told this pod of is heard of by the confirming read, or not at all.
func testConfirmingReadAsksTheLog(t *testing.T, w *world) {
	s := w.pod2()
	s.epochs = &unheardEpochs{memoryEpochs: w.epochs, tenant: w.tenant, epoch: 2}
	r := w.put(s, "op", "cup:1", "full")
	if err := w.durable(s, r); !errors.Is(err, ErrVoid) {
		t.Errorf("acknowledged with %v", err)
	}
}

// unheardEpochs has an epoch that only Confirm brings in.
type unheardEpochs struct {
	*memoryEpochs
	tenant string
	epoch  uint32
}

func (e *unheardEpochs) Confirm(context.Context) error {
	e.take(e.tenant, e.epoch)
	return nil
}

func testSequenceThatGoesBackCloses(t *testing.T, w *world) {
	w.mark("seq", "100000")
	w.put(w.store, "op1", "cup:1", "full")
	w.mark("seq", "99999") // the memory of the server was rolled back by two commits, replid and all
	_, err := w.store.Do(t.Context(), w.tenant, "op2", putting("cup:1", "half"))
	if no, ok := refusal.As(err); !ok || no.Code != refusal.Unavailable {
		t.Errorf("got %v, want a refusal that says unavailable", err)
	}
	if _, open := w.store.Verified(w.tenant); open {
		t.Error("the gate is still open")
	}
	w.store.Adopt(w.tenant, 1)
	if _, open := w.store.Verified(w.tenant); open || w.store.Spoilt(w.tenant, 1) == "" {
		t.Error("it opens again in the epoch that has lost commits")
	}
	w.openEpoch(w.store, 2)
	w.put(w.store, "op3", "cup:1", "half")
}

// countingLog holds what it is given until it is told to answer, and counts how many messages of one key were under way at
// once.
type countingLog struct {
	mu    sync.Mutex
	open  map[string]int
	most  int
	later []func()
}

func (l *countingLog) Produce(m eventlog.Message, done func(error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := string(m.Key)
	l.open[key]++
	l.most = max(l.most, l.open[key])
	l.later = append(l.later, func() {
		l.mu.Lock()
		l.open[key]--
		l.mu.Unlock()
		done(nil)
	})
}

func (l *countingLog) answerAll() (answered int) {
	for {
		l.mu.Lock()
		later := l.later
		l.later = nil
		l.mu.Unlock()
		if len(later) == 0 {
			return answered
		}
		for _, answer := range later {
			answer()
			answered++
		}
	}
}

func testOneMessageOfARecordIsUnderWay(t *testing.T, w *world) {
	log := &countingLog{open: map[string]int{}}
	s := w.pod2()
	s.outbox.log = log
	for _, op := range []string{"op1", "op2", "op3"} {
		w.put(s, op, "cup:1", op)
	}
	if n := log.answerAll(); n != 3 || log.most != 1 {
		t.Errorf("%d messages, %d of one record under way at once", n, log.most)
	}
}

// A server that takes a script and never answers must not get it again from the client: its outcome is unknown.
func TestScriptIsSentOnceByTheClient(t *testing.T) {
	server := startMute(t)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr().String(), ReadTimeout: 50 * time.Millisecond, DialTimeout: time.Second, MaxRetries: 3})
	defer rdb.Close()
	s, err := Open(Config{Redis: rdb, Service: "shop", Tenants: []string{"acme"}, Log: neverLog{}, Logger: zap.NewNop(), Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.commit.run(t.Context(), rdb, []string{"k"}, nil); err == nil {
		t.Error("a mute server gave an answer")
	}
	if n := server.scripts.Load(); n != 1 {
		t.Errorf("the script was sent %d times", n)
	}
}

// mute is a Redis that answers all but scripts.
type mute struct {
	net.Listener
	scripts atomic.Int32
}

func startMute(t *testing.T) *mute {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mute{Listener: l}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go m.serve(conn)
		}
	}()
	return m
}

func (m *mute) serve(conn net.Conn) {
	defer conn.Close()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		switch word := strings.ToLower(lines.Text()); word {
		case "evalsha":
			m.scripts.Add(1)
		case "hello", "client", "ping":
			if _, err := conn.Write([]byte("-ERR unknown command\r\n")); err != nil {
				return
			}
		}
	}
}
