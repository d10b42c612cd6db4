package eventlogtest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

// growing is an events topic of three partitions, its epochs, and a tenant with one.
type growing struct {
	harness
	topic, epochs string
	log           *eventlog.EpochLog
	first         uint32
}

func newGrowing(t *testing.T, h harness) *growing {
	t.Helper()
	g := &growing{harness: h, topic: h.topic("growing", 3), epochs: h.topic("growing-epochs", 1)}
	g.log = g.tail(func(*eventlog.EpochLog) {})
	var err error
	g.first, err = g.log.Take(h.ctx, []string{"acme"}, 0, "first")
	h.must(nil, err)
	return g
}

// tail is an epoch log of its own, running.
func (g *growing) tail(before func(*eventlog.EpochLog)) *eventlog.EpochLog {
	g.t.Helper()
	e, err := eventlog.OpenEpochLog(g.cfg, g.epochs)
	g.must(nil, err)
	before(e)
	g.start(e.Run)
	g.must(nil, e.Ready(g.ctx))
	return e
}

func (g *growing) grow(ctx context.Context, to int32, said func(string)) error {
	grower := eventlog.Grower{
		Kafka: g.cfg, Epochs: g.tail(func(*eventlog.EpochLog) {}), Producer: g.producer(), By: "test",
		Say: func(format string, args ...any) { said(fmt.Sprintf(format, args...)) },
	}
	return grower.Grow(ctx, g.topic, to)
}

func (g *growing) event(key string, epoch, n uint32) eventlog.Message {
	e := eventlog.CloudEvent{Service: "test", Tenant: "acme", Record: key, Epoch: epoch, N: n, Type: "test.v1"}
	return eventlog.Message{Topic: g.topic, Key: []byte(key), Value: []byte("x"), Headers: e.Headers()}
}

// writes has a pod write to many keys, the next revision of a key when the one before is safe, until the returned stop, which
// gives the revisions.
func (g *growing) writes() (written *atomic.Int64, stop func() uint32) {
	p := g.producer()
	g.tail(func(e *eventlog.EpochLog) { e.OnGrowth(p.Heed) })
	written = &atomic.Int64{}
	var last uint32
	end := g.start(func(ctx context.Context) error {
		for n := uint32(1); ctx.Err() == nil; n++ {
			var round []eventlog.Message
			for k := range 20 {
				round = append(round, g.event(fmt.Sprintf("key:%d", k), g.first, n))
			}
			if err := p.Send(context.WithoutCancel(ctx), round...); err != nil {
				return err
			}
			last = n
			written.Add(1)
		}
		return nil
	})
	return written, func() uint32 { end(); return last }
}

// more waits until so many more rounds are written.
func (g *growing) more(written *atomic.Int64, rounds int64) {
	g.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for goal := written.Load() + rounds; written.Load() < goal; {
		select {
		case <-tick.C:
		case <-g.ctx.Done():
			g.t.Fatal("nothing is written any more")
		}
	}
}

// Nothing is lost, nothing is there twice, each partition has the order of its keys, and the new ones begin with a marker.
func growsUnderWriters(t *testing.T, h harness) {
	g := newGrowing(t, h)
	written, stop := g.writes()
	g.more(written, 5)
	h.must(nil, g.grow(h.ctx, 6, func(string) {}))
	g.more(written, 5)
	last := stop()

	seen, moved := map[string]uint32{}, map[string]bool{}
	for partition, messages := range g.read(g.topic, 6) {
		newest := map[string]uint32{}
		for i, m := range messages {
			if _, marker, _ := eventlog.ParseMarker(m); marker {
				continue
			}
			if i == 0 && partition >= 3 {
				t.Errorf("partition %d begins with an event, not with a marker", partition)
			}
			e, err := eventlog.ParseCloudEvent(&m)
			h.must(nil, err)
			if e.N <= newest[e.Record] {
				t.Errorf("%s/%d: revision %d behind %d", e.Record, partition, e.N, newest[e.Record])
			}
			newest[e.Record] = e.N
			seen[e.Record]++
			moved[e.Record] = moved[e.Record] || partition >= 3
		}
	}
	went := 0
	for k := range 20 {
		key := fmt.Sprintf("key:%d", k)
		if seen[key] != last {
			t.Errorf("%s has %d events, %d were acknowledged", key, seen[key], last)
		}
		if moved[key] {
			went++
		}
	}
	if went == 0 {
		t.Error("no key went to a new partition")
	}
}

// An epoch that is taken while the markers are put in has its own in the new partitions before any event, too.
func epochWhileItGrows(t *testing.T, h harness) {
	g := newGrowing(t, h)
	taken := uint32(0)
	err := g.grow(h.ctx, 6, func(string) {
		if grown, ok := g.log.Grown(g.topic); taken > 0 || !ok || grown.Keys != 3 {
			return
		}
		if counts, err := eventlog.Partitions(h.cfg, g.topic); err != nil || counts[g.topic] < 6 {
			return
		}
		var err error
		taken, err = g.log.Take(h.ctx, []string{"acme"}, 0, "second")
		h.must(nil, err)
	})
	h.must(nil, err)
	if taken == 0 {
		t.Fatal("no epoch was taken meanwhile")
	}
	h.must(nil, g.log.Confirm(h.ctx))
	if grown, _ := g.log.Grown(g.topic); grown.Keys != 6 || grown.At.IsZero() {
		t.Errorf("it has grown to %+v", grown)
	}
	for partition, messages := range g.read(g.topic, 6)[3:] {
		var v eventlog.Voider
		for _, m := range messages {
			v.Void(m)
		}
		if late := g.event("zombie", g.first, 1); !v.Void(late) {
			t.Errorf("an event of an epoch that is over counts in the new partition %d", partition+3)
		}
		if now := g.event("key", taken, 1); v.Void(now) {
			t.Errorf("an event of the newest epoch is void in the new partition %d", partition+3)
		}
	}
}

// Whoever breaks off leaves the keys where they were, and the next one ends it.
func growthBrokenOff(t *testing.T, h harness) {
	g := newGrowing(t, h)
	ctx, cancel := context.WithCancelCause(h.ctx)
	broken := errors.New("broken off")
	err := g.grow(ctx, 6, func(string) {
		if counts, err := eventlog.Partitions(h.cfg, g.topic); err == nil && counts[g.topic] == 6 {
			cancel(broken)
		}
	})
	if !errors.Is(err, broken) {
		t.Fatalf("it ended with %v", err)
	}
	h.must(nil, g.log.Confirm(h.ctx))
	if grown, ok := g.log.Grown(g.topic); !ok || grown.Keys != 3 || grown.To != 6 {
		t.Errorf("after it was broken off: %+v", grown)
	}
	written, stop := g.writes()
	g.more(written, 3)
	stop()
	for partition, messages := range g.read(g.topic, 6)[3:] {
		for _, m := range messages {
			if _, marker, _ := eventlog.ParseMarker(m); !marker {
				t.Fatalf("an event went to partition %d", partition+3)
			}
		}
	}
	h.must(nil, g.grow(h.ctx, 6, func(string) {}))
	late := g.tail(func(*eventlog.EpochLog) {})
	if grown, _ := late.Grown(g.topic); grown.Keys != 6 {
		t.Errorf("after the second: %+v", grown)
	}
	if err := g.grow(h.ctx, 4, func(string) {}); !errors.Is(err, eventlog.ErrShrink) {
		t.Errorf("to grow to fewer gives %v", err)
	}
}

// The first count counts, whatever a second grower finds, and both come to an end.
func twoGrow(t *testing.T, h harness) {
	g := newGrowing(t, h)
	results := make(chan error, 2)
	for _, to := range []int32{6, 9} {
		go func() { results <- g.grow(h.ctx, to, func(string) {}) }()
	}
	for range 2 {
		if err := receive(h, results, "the end of a growth"); err != nil && !errors.Is(err, eventlog.ErrShrink) {
			t.Error(err)
		}
	}
	h.must(nil, g.log.Confirm(h.ctx))
	if grown, _ := g.log.Grown(g.topic); grown.Keys != 9 {
		t.Errorf("it has grown to %+v", grown)
	}
}

// The members share out what a topic grew by, without being told.
func groupPicksUp(t *testing.T, h harness) {
	topic, p := h.topic("picked-up", 2), h.producer()
	got := make(chan eventlog.Message, 16)
	for range 2 {
		g, err := eventlog.NewGroup(h.cfg, h.name("picking-up"), []string{topic}, func(_ context.Context, m eventlog.Message, done func(error)) {
			done(nil)
			got <- m
		})
		h.must(nil, err)
		h.start(g.Run)
	}
	to := func(partition int32) {
		sent := make(chan error, 1)
		p.ProduceTo(eventlog.Message{Topic: topic, Value: []byte("x")}, partition, func(err error) { sent <- err })
		h.must(nil, receive(h, sent, "an acknowledgement"))
	}
	to(0)
	receive(h, got, "a record of an old partition")
	h.must(nil, eventlog.Extend(h.ctx, h.cfg, topic, 4))
	p.Heed(eventlog.Grown{Topic: topic, Keys: 4})
	began := time.Now()
	eventually(h, func() bool {
		sent := make(chan error, 1)
		p.ProduceTo(eventlog.Message{Topic: topic, Value: []byte("x")}, 3, func(err error) { sent <- err })
		return receive(h, sent, "an outcome") == nil
	})
	if m := receive(h, got, "a record of a new partition"); m.Partition != 3 {
		t.Errorf("a record of partition %d came", m.Partition)
	}
	t.Logf("picked up after %s", time.Since(began).Round(time.Millisecond))
}

func eventually(h harness, done func() bool) {
	h.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-h.ctx.Done():
			h.t.Fatal("it did not come about")
		}
	}
}
