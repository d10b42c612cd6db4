//go:build stack && readers

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// Consumers in three languages, two members each, read the same busy hour; members are killed and restarted, bad records come
// in between, and the topic grows. All end with the same state, which is Redis', and so do others that begin at the beginning
// then, from the events or from the compacted topic. The analytics example has counted what the live figures say.
func TestThreeLanguagesComeToTheSameState(t *testing.T) {
	ctx := within(t, 8*time.Minute)
	waits := set(t, ctx, "readers", nil) // a queue that nobody serves
	all := map[string]*team{}
	for language, argv := range languages(t) {
		all[language] = hire(t, language, argv, "run", topics.ContactEvents, waits.tenant)
		all[language].join()
		all[language].join()
	}
	counting := analyse(t, waits.tenant)
	bad := badRecords(t, waits.tenant)

	placed := hour(t, ctx, waits.tenant, map[int]func(){
		30:  func() { each(all, func(h *team) { h.kill(0) }) },
		60:  func() { must(t, producer(t).Send(ctx, bad...)) },
		80:  func() { each(all, func(h *team) { h.restart(1) }) },
		110: func() { grow(t, ctx) },
		150: func() { each(all, func(h *team) { h.kill(1) }) },
	})
	t.Logf("%d calls are over", len(placed))
	sw := waits.dial("sw-waits")
	for range 5 {
		placed = append(placed, waits.call(sw).Contact)
	}
	must(t, sw.Stream().Settled(ctx))

	redis := inRedis(t, ctx, waits, placed)
	want := map[string]kept{}
	for _, language := range []string{"go", "python", "typescript"} {
		h := all[language]
		h.caughtUp(ctx)
		reasons := h.reasons(ctx, badReasons)
		for key, reason := range badReasons {
			if reasons[key] != reason {
				t.Errorf("%s: the reason of the bad record %s is %q, want %s", language, key, reasons[key], reason)
			}
		}
		got := h.leave()
		same(t, language+" and Redis", got, redis, alike)
		if language == "go" {
			want = got
		}
		same(t, language+" and Go", got, want, whole)
	}
	inOrder(t, ctx, waits.tenant)
	tells(t, ctx, waits, redis)
	counting.agrees(t, ctx, waits)
	t.Logf("%d contacts, %d of them alive, are the same in Redis and in three languages", len(want), len(waitingIn(redis)))

	for language, argv := range languages(t) {
		t.Run("from the beginning in "+language, func(t *testing.T) {
			h := hire(t, language, argv, "replay", topics.ContactEvents, waits.tenant)
			h.join()
			h.caughtUp(ctx)
			same(t, language+" and the run", h.leave(), want, whole)
		})
		t.Run("from the compacted topic in "+language, func(t *testing.T) {
			compacted(t, ctx)
			h := hire(t, language, argv, "state", topics.ContactState, waits.tenant)
			h.join()
			h.caughtUp(ctx)
			same(t, language+" and the run", h.leave(), want, alike)
		})
	}
	for _, id := range waitingIn(redis) { // leave nobody waiting
		_, err := waits.clients.Routing[0].CloseContact(ctx, connect.NewRequest(&routingv1.CloseContactRequest{Tenant: waits.tenant, ContactId: id, Reason: "end of the test"}))
		must(t, err)
	}
}

// each team at the same time.
func each(all map[string]*team, do func(*team)) {
	var teams sync.WaitGroup
	for _, h := range all {
		teams.Go(func() { do(h) })
	}
	teams.Wait()
}

// hour runs the simulator, and what is to be done when so many calls are placed. It returns the contacts.
func hour(t *testing.T, ctx context.Context, tenant string, at map[int]func()) (contacts []string) {
	t.Helper()
	cfg := simulate.DefaultLoad()
	cfg.Targets, cfg.Tenant, cfg.BHCC, cfg.Agents, cfg.Span, cfg.Switches, cfg.Queues = w.fleet.Targets(), tenant, 24_000, 60, 30*time.Second, 2, 2
	steps := make(chan func(), len(at))
	cfg.Placed = func(c *simulate.Call) {
		contacts = append(contacts, c.Contact)
		if do, ok := at[len(contacts)]; ok {
			steps <- do
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for do := range steps {
			do()
		}
	}()
	report, err := simulate.Run(ctx, cfg)
	close(steps)
	<-done
	must(t, err)
	if !report.Clean() || len(contacts) < 150 {
		var text strings.Builder
		report.Write(&text)
		t.Errorf("%d calls, and the audit has %d findings\n%s", len(contacts), report.Audit.Found, text.String())
	}
	return contacts
}

// inRedis asks call-routing for every contact.
func inRedis(t *testing.T, ctx context.Context, s *stage, contacts []string) map[string]kept {
	t.Helper()
	all := map[string]kept{}
	for _, id := range contacts {
		r, err := s.clients.Contact(ctx, s.tenant, id)
		must(t, err)
		all[id] = kept{uint64(r.Revision.Epoch)<<32 | uint64(r.Revision.N), r.Contact}
	}
	return all
}

func waitingIn(redis map[string]kept) (ids []string) {
	for id, h := range redis {
		if h.contact.State < completed {
			ids = append(ids, id)
		}
	}
	return ids
}

// alike: live contacts are equal, and ended ones in what is kept of them.
func alike(a, b *routingv1.Contact) bool {
	if a.State < completed {
		return proto.Equal(a, b)
	}
	return ends(a, b)
}

// badReasons says what a consumer must find wrong with each bad record, by its key.
var badReasons = map[string]string{}

// badRecords are of epoch 0, so that they are void to whoever can read them.
func badRecords(t *testing.T, tenant string) (bad []eventlog.Message) {
	t.Helper()
	contact := func(key string) *routingv1.ContactEvent {
		return &routingv1.ContactEvent{Revision: &commonv1.Revision{N: 1}, Contact: &routingv1.Contact{Id: key, Tenant: tenant, QueueId: queue, CallId: "a call of some length"}}
	}
	encode := func(m proto.Message) []byte {
		b, err := proto.Marshal(m)
		must(t, err)
		return b
	}
	add := func(name, reason, typ string, value func(key string) []byte) {
		key := w.run + "-" + name
		badReasons[key] = reason
		e := eventlog.CloudEvent{Service: "call-routing", Tenant: tenant, Record: "contact:" + key, N: 1, Type: typ, Time: time.Now()}
		bad = append(bad, eventlog.Message{Topic: topics.ContactEvents, Key: []byte(key), Value: value(key), Headers: e.Headers()})
	}
	const noted = "busyhour.routing.contact.noted.v1"
	add("truncated", "MALFORMED", noted, func(key string) []byte { b := encode(contact(key)); return b[:len(b)-5] })
	add("other-schema", "WRONG_SUBJECT", noted, func(key string) []byte {
		return encode(&presencev1.PresenceEvent{Revision: &commonv1.Revision{N: 1}, Presence: &presencev1.Presence{AgentId: key, Tenant: tenant}})
	})
	add("unknown-type", "TYPE_UNKNOWN", "busyhour.routing.contact.noted.v9", func(key string) []byte { return encode(contact(key)) })
	add("huge", "TOO_LARGE", noted, func(key string) []byte {
		c := contact(key)
		c.Note = strings.Repeat("x", 1_000_000)
		return encode(c)
	})
	add("wrong-tenant", "WRONG_TENANT", noted, func(key string) []byte {
		c := contact(key)
		c.Contact.Tenant = "somebody-else"
		return encode(c)
	})
	return bad
}

// grow the topic by four partitions while it is written to.
func grow(t *testing.T, ctx context.Context) {
	t.Helper()
	last, err := eventlog.LastOffsets(ctx, eventlog.Config{Brokers: w.servers.Kafka}, topics.ContactEvents)
	must(t, err)
	out, err := w.busyhour(ctx, "topics", "grow", topics.ContactEvents, "--to", strconv.Itoa(len(last)+4), "--kafka.brokers", strings.Join(w.servers.Kafka, ","))
	if err != nil {
		t.Errorf("busyhour topics grow: %v\n%s", err, out)
	}
}

// inOrder reads the whole topic: per key, the first appearances of its events are in the order of their revisions, also where
// the key has moved to a partition that is new.
func inOrder(t *testing.T, ctx context.Context, tenant string) {
	t.Helper()
	type appearance struct {
		partition int32
		revision  uint64
	}
	var mu sync.Mutex
	firsts := map[string][]appearance{}
	seen := map[string]bool{}
	err := eventlog.ReadTopic(ctx, eventlog.Config{Brokers: w.servers.Kafka}, topics.ContactEvents, nil, nil, func(m eventlog.Message) error {
		mu.Lock()
		defer mu.Unlock()
		id := m.Header(eventlog.HeaderID)
		if _, bad := badReasons[string(m.Key)]; bad || m.Header(eventlog.HeaderTenant) != tenant || m.Header(eventlog.HeaderSubject) == "" || seen[id] {
			return nil
		}
		seen[id] = true
		revision, err := strconv.ParseUint(m.Header(eventlog.HeaderRevision), 10, 64)
		firsts[string(m.Key)] = append(firsts[string(m.Key)], appearance{m.Partition, revision})
		return err
	})
	must(t, err)
	moved := 0
	for key, all := range firsts {
		highest := map[int32]uint64{}
		for _, a := range all {
			if a.revision < highest[a.partition] {
				t.Errorf("contact %s: in partition %d revision %d comes first behind %d", key, a.partition, uint32(a.revision), uint32(highest[a.partition]))
			}
			highest[a.partition] = a.revision
		}
		if len(highest) > 1 {
			moved++
		}
	}
	t.Logf("%d events of %d contacts, %d of which have moved to a new partition", len(seen), len(firsts), moved)
}

// tells: busyhour tail shows every contact that waits, and the bad records as what they are.
func tells(t *testing.T, ctx context.Context, s *stage, redis map[string]kept) {
	t.Helper()
	out, err := w.busyhour(ctx, "tail", topics.ContactEvents, "--kafka.brokers", strings.Join(w.servers.Kafka, ","), "--tenant", s.tenant, "--from", "10m", "--until-end")
	must(t, err)
	for _, id := range waitingIn(redis) {
		if !strings.Contains(out, "routing.contact.queued  "+s.tenant+"  "+id) {
			t.Errorf("busyhour tail does not show how contact %s was queued", id)
		}
	}
	if !strings.Contains(out, w.run+"-truncated  0.1  UNREADABLE") {
		t.Error("busyhour tail does not show the truncated record")
	}
}

// compacted waits until the compactor has worked in all events.
func compacted(t *testing.T, ctx context.Context) {
	t.Helper()
	h := &team{t: t, group: "call-routing.compactor", topic: topics.ContactEvents}
	h.caughtUp(ctx)
}

// analysis is the analytics example at work.
type analysis struct {
	fleet.Child
	out string
}

func analyse(t *testing.T, tenant string) *analysis {
	t.Helper()
	dir := t.TempDir()
	a := &analysis{out: filepath.Join(dir, "figures.jsonl")}
	a.Name, a.Log = "analytics", filepath.Join(dir, "analytics.log")
	must(t, a.Launch([]string{filepath.Join(w.root, "bin/examples/analytics"), "--brokers", strings.Join(w.servers.Kafka, ","),
		"--group", w.run + ".analytics", "--tenant", tenant, "--out", a.out, "--interval", "10s", "--every", "200ms"}, os.Environ()))
	t.Cleanup(func() { _ = a.Kill() })
	return a
}

// agrees waits until what it has counted is what the live figures say, queue by queue.
func (a *analysis) agrees(t *testing.T, ctx context.Context, s *stage) {
	t.Helper()
	r, err := s.clients.Routing[0].GetQueueFigures(ctx, connect.NewRequest(&routingv1.GetQueueFiguresRequest{Tenant: s.tenant}))
	must(t, err)
	want := map[string]string{}
	for _, q := range r.Msg.Queues {
		want[q.QueueId] = fmt.Sprintf("offered %d, answered %d, in target %d, abandoned %d", q.OfferedTotal, q.AnsweredTotal, q.AnsweredInTargetTotal, q.AbandonedTotal)
	}
	t.Logf("live figures: %v", want)
	for {
		got := a.figures(t)
		if fmt.Sprint(got) == fmt.Sprint(want) {
			break
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("analytics has counted %v, the live figures say %v\n%s", got, want, a.Tail(20))
		}
	}
	must(t, a.Stop())
}

func (a *analysis) figures(t *testing.T) map[string]string {
	t.Helper()
	type counts struct {
		Queue     string
		Offered   int
		Answered  int
		InTarget  int `json:"in_target"`
		Abandoned int
	}
	b, err := os.ReadFile(a.out)
	if os.IsNotExist(err) {
		return nil
	}
	must(t, err)
	sums := map[string]*counts{}
	lines := json.NewDecoder(strings.NewReader(string(b)))
	for lines.More() {
		var c counts
		must(t, lines.Decode(&c))
		if sums[c.Queue] == nil {
			sums[c.Queue] = &counts{}
		}
		sum := sums[c.Queue]
		sum.Offered += c.Offered
		sum.Answered += c.Answered
		sum.InTarget += c.InTarget
		sum.Abandoned += c.Abandoned
	}
	all := map[string]string{}
	for queue, c := range sums {
		all[queue] = fmt.Sprintf("offered %d, answered %d, in target %d, abandoned %d", c.Offered, c.Answered, c.InTarget, c.Abandoned)
	}
	return all
}
