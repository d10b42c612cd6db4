package rebuild

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

// grow lets the shop's events grow, its state topic first, as an operator does.
func (s *shop) grow(to int32, said func(string)) error {
	s.Helper()
	producer, err := eventlog.NewProducer(s.kafka)
	if err != nil {
		s.Fatal(err)
	}
	defer producer.Close()
	log, err := eventlog.OpenEpochLog(s.kafka, epochs)
	if err != nil {
		s.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.Context())
	ended := make(chan error, 1)
	go func() { ended <- log.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	if err := eventlog.Extend(ctx, s.kafka, states, to); err != nil {
		s.Fatal(err)
	}
	g := eventlog.Grower{Kafka: s.kafka, Epochs: log, Producer: producer, Say: func(format string, args ...any) { said(fmt.Sprintf(format, args...)) }}
	return g.Grow(ctx, events, to)
}

// steady commits to cups in turn until the returned stop, which gives the last value of each that was acknowledged.
func (s *shop) steady(cups int) (count *atomic.Int64, stop func() map[string]string) {
	count = &atomic.Int64{}
	ctx, cancel := context.WithCancel(context.Background())
	ended, last := make(chan struct{}), map[string]string{}
	go func() {
		defer close(ended)
		for i := 0; ctx.Err() == nil; i++ {
			name, value := fmt.Sprint("cup:", i%cups), fmt.Sprint(i)
			if s.tryPut(ctx, name, value) {
				last[name] = value
				count.Add(1)
			}
		}
	}()
	return count, func() map[string]string { cancel(); <-ended; return last }
}

// tryPut commits until it is durable; what is closed meanwhile is tried again.
func (s *shop) tryPut(ctx context.Context, name, value string) bool {
	for ctx.Err() == nil {
		r, err := putOnce(s.T, s.store, "", name, value)
		if err == nil {
			durable := make(chan error, 1)
			s.store.WhenDurable(tenant, r, func(err error) { durable <- err })
			if <-durable == nil {
				return true
			}
		}
		pause(ctx, 5*time.Millisecond)
	}
	return false
}

// A topic grows under commits, Redis is flushed while it does and again right after: all that was acknowledged comes back,
// each time, and the log and Redis agree.
func TestAFlushWhileATopicGrowsLosesNothing(t *testing.T) {
	s := compactedServers(t)
	c, _ := s.compact()
	const cups = 40
	count, stop := s.steady(cups)
	more := func() {
		goal := count.Load() + 2*cups
		s.await("each cup was changed", func() bool { return count.Load() >= goal })
	}
	more()
	epoch, _ := s.store.Verified(tenant)
	flushed := false
	err := s.grow(6, func(string) {
		if grown, ok := s.epochs.Grown(events); ok && !flushed && grown.Keys == 3 {
			flushed = true
			s.redis.Flush()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if !flushed {
		t.Fatal("Redis was not flushed while it grew")
	}
	epoch = s.waitOpen(epoch + 1)
	more()
	s.redis.Flush()
	s.waitOpen(epoch + 1)
	more()
	for name, value := range stop() {
		if now, _, _ := s.get(name); now != value {
			t.Errorf("%s is %q, %q was acknowledged", name, now, value)
		}
	}
	s.await("the new partitions are compacted", func() bool { return len(c.ready()) == 6 })
	s.level()
	if v := s.verify(); len(v.Divergences)+len(v.Unsettled) != 0 || v.Records < cups {
		t.Errorf("after the growth %+v", v)
	}
}

// Two pods share the partitions when the topic grows. What is still is told again where it belongs, what moves is let be, and
// nobody raises an alarm. What is tampered with afterwards is found.
func TestTheAuditorRaisesNoFalseAlarmWhenATopicGrows(t *testing.T) {
	s := compactedServers(t)
	a, ca := s.audit()
	b, cb := s.audit()
	s.await("both have partitions", func() bool { return len(ca.ready()) > 0 && len(cb.ready()) > 0 && len(ca.ready())+len(cb.ready()) == 3 })
	const still = 30
	for i := range still {
		s.durable(s.put("", fmt.Sprint("still:", i), "one"))
	}
	_, stop := s.steady(10)
	if err := s.grow(6, func(string) {}); err != nil {
		t.Fatal(err)
	}
	s.await("both have what it grew by", func() bool { return len(ca.ready())+len(cb.ready()) == 6 })
	home := func() int {
		n := 0
		for i := range still {
			for _, c := range []*Compactor{ca, cb} {
				if e, ok := c.Entry(tenant, fmt.Sprint("still:", i)); ok && !e.Stray {
					n++
					break
				}
			}
		}
		return n
	}
	stop()
	s.await("every record is where it belongs", func() bool { return home() == still })
	if n := testutil.ToFloat64(a.metrics.moved) + testutil.ToFloat64(b.metrics.moved); n == 0 || n > 2*still {
		t.Errorf("%v records were told again", n)
	}
	for _, auditor := range []*Auditor{a, b} {
		if n := counted(auditor); n != 0 {
			t.Errorf("%g divergences were counted", n)
		}
	}
	s.await("nothing differs", func() bool { v := s.verify(); return len(v.Divergences)+len(v.Unsettled) == 0 })
}
