package eventlog_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

func BenchmarkOnTheEmbeddedBroker(b *testing.B) { benchmarks(b, embeddedConfig(b)) }

// benchmarks report percentiles of one operation after the other, in microseconds. go test -bench . -benchtime 2000x
func benchmarks(b *testing.B, cfg eventlog.Config) {
	b.Run("ack", func(b *testing.B) { benchmarkAck(b, cfg, 1) })
	b.Run("ack with 64 under way", func(b *testing.B) { benchmarkAck(b, cfg, 64) })
	b.Run("ack with 1024 under way", func(b *testing.B) { benchmarkAck(b, cfg, 1024) })
	b.Run("to a handler", func(b *testing.B) { benchmarkDelivery(b, cfg) })
	b.Run("confirm", func(b *testing.B) { benchmarkConfirm(b, cfg) })
	b.Run("read", func(b *testing.B) { benchmarkRead(b, cfg) })
}

func newTopic(b *testing.B, cfg eventlog.Config, partitions int32) string {
	b.Helper()
	name := fmt.Sprintf("bench.%x", time.Now().UnixNano())
	spec := eventlog.TopicSpec{Name: name, Partitions: partitions, Cleanup: "delete", Retention: time.Hour}
	if _, err := eventlog.Ensure(b.Context(), cfg, []eventlog.TopicSpec{spec}, 1); err != nil {
		b.Fatal(err)
	}
	return name
}

func newProducer(b *testing.B, cfg eventlog.Config) *eventlog.Producer {
	b.Helper()
	p, err := eventlog.NewProducer(cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = p.Close() })
	return p
}

// event is of a usual size.
func event(topic string, n int) eventlog.Message {
	e := eventlog.CloudEvent{Service: "bench", Tenant: "acme", Record: fmt.Sprintf("contact:c-%d", n), Epoch: 7, N: 3, Type: "bench.v1", Op: "op"}
	return eventlog.Message{Topic: topic, Key: fmt.Append(nil, n), Value: make([]byte, 400), Headers: e.Headers()}
}

func benchmarkAck(b *testing.B, cfg eventlog.Config, underWay int) {
	topic, p := newTopic(b, cfg, 12), newProducer(b, cfg)
	warmUp(b, p, topic)
	var mu sync.Mutex
	var took []time.Duration
	slots := make(chan struct{}, underWay)
	b.ResetTimer()
	for n := range b.N {
		slots <- struct{}{}
		began := time.Now()
		p.Produce(event(topic, n), func(err error) {
			mu.Lock()
			took = append(took, time.Since(began))
			mu.Unlock()
			if err != nil {
				b.Error(err)
			}
			<-slots
		})
	}
	for range underWay {
		slots <- struct{}{}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "acks/s")
	report(b, took)
}

func warmUp(b *testing.B, p *eventlog.Producer, topic string) {
	b.Helper()
	for n := range 200 {
		if err := p.Send(b.Context(), event(topic, n)); err != nil {
			b.Fatal(err)
		}
	}
}

// benchmarkDelivery takes the time from Produce to the handler of a group.
func benchmarkDelivery(b *testing.B, cfg eventlog.Config) {
	topic, p := newTopic(b, cfg, 12), newProducer(b, cfg)
	arrived := make(chan struct{}, 1000)
	g, err := eventlog.NewGroup(cfg, topic+".readers", []string{topic}, func(_ context.Context, _ eventlog.Message, done func(error)) {
		arrived <- struct{}{}
		done(nil)
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	b.Cleanup(func() { cancel(); <-ended })
	warmUp(b, p, topic)
	for range 200 {
		<-arrived
	}
	var took []time.Duration
	b.ResetTimer()
	for n := range b.N {
		began := time.Now()
		p.Produce(event(topic, n), func(err error) {
			if err != nil {
				b.Error(err)
			}
		})
		<-arrived
		took = append(took, time.Since(began))
	}
	report(b, took)
}

func benchmarkConfirm(b *testing.B, cfg eventlog.Config) {
	e, err := eventlog.OpenEpochLog(cfg, newTopic(b, cfg, 1))
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	b.Cleanup(func() { cancel(); <-ended })
	if _, err := e.Take(ctx, []string{"acme"}, 1, "n"); err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	b.ResetTimer()
	for range b.N {
		began := time.Now()
		if err := e.Confirm(ctx); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	report(b, took)
}

func benchmarkRead(b *testing.B, cfg eventlog.Config) {
	const records = 100_000
	topic, p := newTopic(b, cfg, 12), newProducer(b, cfg)
	var all sync.WaitGroup
	slots := make(chan struct{}, 4000)
	for n := range records {
		slots <- struct{}{}
		all.Add(1)
		p.Produce(event(topic, n), func(err error) {
			if err != nil {
				b.Error(err)
			}
			<-slots
			all.Done()
		})
	}
	all.Wait()
	b.ResetTimer()
	for range b.N {
		var got [12]int
		err := eventlog.ReadTopic(b.Context(), cfg, topic, nil, nil, func(m eventlog.Message) error { got[m.Partition]++; return nil })
		if err != nil {
			b.Fatal(err)
		}
		sum := 0
		for _, n := range got {
			sum += n
		}
		if sum != records {
			b.Fatalf("read %d of %d", sum, records)
		}
	}
	b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds(), "records/s")
}

func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	for name, q := range map[string]float64{"p50-µs": 0.5, "p99-µs": 0.99} {
		b.ReportMetric(float64(took[int(q*float64(len(took)-1))].Microseconds()), name)
	}
	b.ReportMetric(0, "ns/op")
}
