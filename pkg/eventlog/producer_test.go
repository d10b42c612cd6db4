package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

func TestProduceNeverBlocksWhileTheBrokerIsAway(t *testing.T) {
	const limit, more = 8192, 100
	o := newOutage(t)
	o.topic("events", 3, "delete")
	p := o.producer()
	if err := p.Send(o.ctx, eventlog.Message{Topic: "events"}); err != nil {
		t.Fatal(err)
	}
	o.kafka.Stop()
	var busy, other atomic.Int64
	outcomes := make(chan struct{}, limit+more)
	began := time.Now()
	for n := range limit + more {
		p.Produce(event("events", n), func(err error) {
			switch {
			case errors.Is(err, eventlog.ErrBusy):
				busy.Add(1)
			case err != nil:
				other.Add(1)
				t.Log(err)
			}
			outcomes <- struct{}{}
		})
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("handing over %d messages took %v", limit+more, took)
	}
	if err := o.kafka.Start(); err != nil {
		t.Fatal(err)
	}
	for n := range limit + more {
		select {
		case <-outcomes:
		case <-o.ctx.Done():
			t.Fatalf("%d of %d messages have an outcome", n, limit+more)
		}
	}
	if busy.Load() != more || other.Load() != 0 {
		t.Errorf("%d messages were refused and %d failed, want %d and none", busy.Load(), other.Load(), more)
	}
}

func TestProducerRefusesAfterClose(t *testing.T) {
	o := newOutage(t)
	o.topic("events", 1, "delete")
	p := o.producer()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if err := p.Send(o.ctx, eventlog.Message{Topic: "events"}); !errors.Is(err, eventlog.ErrClosed) {
		t.Errorf("sending after Close gave %v", err)
	}
}

func TestSendSaysWhatIsUnknown(t *testing.T) {
	o := newOutage(t)
	o.topic("events", 1, "delete")
	p := o.producer()
	o.kafka.Stop()
	ctx, cancel := context.WithTimeout(o.ctx, 50*time.Millisecond)
	defer cancel()
	err := p.Send(ctx, eventlog.Message{Topic: "events"}, eventlog.Message{Topic: "events"})
	if want := "2 of 2 messages have an unknown outcome, they may be in the log or come to it: context deadline exceeded"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := o.kafka.Start(); err != nil {
		t.Fatal(err)
	}
}

// A key is where a Java producer would put it: the hash is part of the contract of a topic.
func TestKeysGoWhereJavaPutsThem(t *testing.T) {
	const partitions = 12
	o := newOutage(t)
	o.topic("events", partitions, "delete")
	p := o.producer()
	// The hashes are those of org.apache.kafka.common.utils.UtilsTest.
	want := map[string]int32{}
	for key, hash := range map[string]int32{"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "abc": 479470107} {
		want[key] = (hash & 0x7fffffff) % partitions
		if err := p.Send(o.ctx, eventlog.Message{Topic: "events", Key: []byte(key)}); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]int32{}
	if err := readOne(o, "events", func(m eventlog.Message) error { got[string(m.Key)] = m.Partition; return nil }); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the keys are on %v, Java has %v", got, want)
	}
}
