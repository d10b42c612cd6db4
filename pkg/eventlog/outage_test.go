package eventlog_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/busyhour/busyhour/pkg/embedded"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

// outage is a broker that a test stops and starts.
type outage struct {
	t     *testing.T
	ctx   context.Context
	kafka *embedded.Kafka
	cfg   eventlog.Config
}

func newOutage(t *testing.T) *outage {
	t.Helper()
	k, err := embedded.StartKafka(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return &outage{t: t, ctx: ctx, kafka: k, cfg: eventlog.Config{Brokers: []string{k.Addr}, ClientID: "test"}}
}

func (o *outage) topic(name string, partitions int32, cleanup string) {
	o.t.Helper()
	_, err := eventlog.Ensure(o.ctx, o.cfg, []eventlog.TopicSpec{{Name: name, Partitions: partitions, Cleanup: cleanup, Retention: time.Hour}}, 1)
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *outage) restart() {
	o.t.Helper()
	o.kafka.Stop()
	if err := o.kafka.Start(); err != nil {
		o.t.Fatal(err)
	}
}

func (o *outage) producer() *eventlog.Producer {
	o.t.Helper()
	p, err := eventlog.NewProducer(o.cfg)
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { _ = p.Close() })
	return p
}

func (o *outage) run(f func(context.Context) error) {
	ctx, cancel := context.WithCancel(o.ctx)
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	o.t.Cleanup(func() { cancel(); <-ended })
}

func TestProducerOutlivesTheBroker(t *testing.T) {
	const keys, each = 20, 150
	o := newOutage(t)
	o.topic("events", 4, "delete")
	p := o.producer()
	var all sync.WaitGroup
	for k := range keys {
		// One in flight per key, as an outbox drains: the next goes when the one before it is safe.
		all.Go(func() {
			for n := range each {
				for { // what has no acknowledgement is sent again
					err := p.Send(o.ctx, eventlog.Message{Topic: "events", Key: fmt.Append(nil, k), Value: fmt.Append(nil, n)})
					if err == nil {
						break
					}
					if o.ctx.Err() != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for range 3 {
		o.restart()
	}
	all.Wait()
	next := make(map[string]int)
	err := readOne(o, "events", func(m eventlog.Message) error {
		var n int
		if _, err := fmt.Sscan(string(m.Value), &n); err != nil {
			return err
		}
		// First appearances in order; a repetition may follow.
		if n > next[string(m.Key)] {
			return fmt.Errorf("key %s: %d came before %d", m.Key, n, next[string(m.Key)])
		}
		next[string(m.Key)] = max(next[string(m.Key)], n+1)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for k := range keys {
		if got := next[fmt.Sprint(k)]; got != each {
			t.Errorf("key %d: %d of %d messages are in the log", k, got, each)
		}
	}
}

// readOne calls each from one goroutine at a time.
func readOne(o *outage, topic string, each func(eventlog.Message) error) error {
	var mu sync.Mutex
	return eventlog.ReadTopic(o.ctx, o.cfg, topic, nil, nil, func(m eventlog.Message) error {
		mu.Lock()
		defer mu.Unlock()
		return each(m)
	})
}

func TestGroupOutlivesTheBroker(t *testing.T) {
	o := newOutage(t)
	o.topic("commands", 2, "delete")
	p := o.producer()
	seen := make(chan string, 1000)
	g, err := eventlog.NewGroup(o.cfg, "readers", []string{"commands"}, func(_ context.Context, m eventlog.Message, done func(error)) {
		seen <- string(m.Value)
		done(nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	o.run(g.Run)
	for n := range 4 {
		want := fmt.Sprint(n)
		if err := p.Send(o.ctx, eventlog.Message{Topic: "commands", Key: []byte(want), Value: []byte(want)}); err != nil {
			t.Fatal(err)
		}
		for got := ""; got != want; { // earlier ones may come again
			select {
			case got = <-seen:
			case <-o.ctx.Done():
				t.Fatalf("record %d did not come", n)
			}
		}
		o.restart()
	}
}

func TestConfirmFailsWhileTheBrokerIsAwayAndComesBack(t *testing.T) {
	o := newOutage(t)
	o.topic("epochs", 1, "compact")
	e, err := eventlog.OpenEpochLog(o.cfg, "epochs")
	if err != nil {
		t.Fatal(err)
	}
	o.run(e.Run)
	if _, err := e.Take(o.ctx, []string{"acme"}, 1, "first"); err != nil {
		t.Fatal(err)
	}
	o.kafka.Stop()
	if err := e.Confirm(o.ctx); err == nil {
		t.Error("an epoch was confirmed without a broker")
	}
	if err := o.kafka.Start(); err != nil {
		t.Fatal(err)
	}
	for e.Confirm(o.ctx) != nil {
		if o.ctx.Err() != nil {
			t.Fatal("no confirmation after the broker came back")
		}
	}
	epoch, err := e.Take(o.ctx, []string{"acme"}, 1, "second")
	if err != nil || epoch != 2 || e.Newest("acme") != 2 {
		t.Errorf("took %d, %v, newest %d, want 2", epoch, err, e.Newest("acme"))
	}
}

func TestConfirmFailsWhenTheTopicWasMadeAnew(t *testing.T) {
	o := newOutage(t)
	o.topic("epochs", 1, "compact")
	e, err := eventlog.OpenEpochLog(o.cfg, "epochs")
	if err != nil {
		t.Fatal(err)
	}
	o.run(e.Run)
	for range 3 {
		if _, err := e.Take(o.ctx, []string{"acme"}, 10, "n"); err != nil {
			t.Fatal(err)
		}
	}
	highest := e.Newest("acme")
	deleteTopic(t, o.cfg, "epochs")
	o.topic("epochs", 1, "compact")
	if err := e.Confirm(o.ctx); err == nil {
		t.Error("an epoch was confirmed from a topic that had lost its records")
	}
	for e.Confirm(o.ctx) != nil {
		if o.ctx.Err() != nil {
			t.Fatal("the tail did not begin anew")
		}
	}
	epoch, err := e.Take(o.ctx, []string{"acme"}, 1, "after")
	if err != nil { // the broker no longer knows the producer; a recovery that fails is begun again
		epoch, err = e.Take(o.ctx, []string{"acme"}, 1, "again")
	}
	if err != nil || epoch <= highest {
		t.Errorf("took %d, %v after %d: a number must not come again though the offsets do", epoch, err, highest)
	}
}

func TestReadPassesOverWhatCompactionRemoved(t *testing.T) {
	o := newOutage(t)
	o.topic("state", 1, "compact")
	p := o.producer()
	send := func(key, value string) { // one batch each
		if err := p.Send(o.ctx, eventlog.Message{Topic: "state", Key: []byte(key), Value: []byte(value)}); err != nil {
			t.Fatal(err)
		}
	}
	send("first", "0")
	for n := range 40 {
		send("often", fmt.Sprint(n))
	}
	send("last", "41")
	o.kafka.Compact()
	read := func(from, to []int64) (got []string) {
		err := eventlog.ReadTopic(o.ctx, o.cfg, "state", from, to, func(m eventlog.Message) error {
			got = append(got, fmt.Sprintf("%s=%s", m.Key, m.Value))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := read(nil, nil); fmt.Sprint(got) != "[first=0 often=39 last=41]" {
		t.Errorf("read %v, want the newest of each key", got)
	}
	if got := read([]int64{3}, []int64{20}); len(got) != 0 {
		t.Errorf("read %v inside a hole, want nothing", got)
	}
	if got := read([]int64{3}, []int64{40}); fmt.Sprint(got) != "[often=39]" {
		t.Errorf("read %v from a hole to offset 40, want what stands there", got)
	}
}

func TestReadFailsWhenTheLogIsShorterThanItShouldBe(t *testing.T) {
	o := newOutage(t)
	o.topic("events", 1, "delete")
	if err := o.producer().Send(o.ctx, eventlog.Message{Topic: "events"}); err != nil {
		t.Fatal(err)
	}
	err := eventlog.ReadTopic(o.ctx, o.cfg, "events", nil, []int64{5}, func(eventlog.Message) error { return nil })
	if err == nil {
		t.Error("a log of one record was read up to its offset 5")
	}
}
