package sweep

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// figuresGoStale: what is older is not shown. A gap in the graph says that nobody knows.
const figuresGoStale = 30 * time.Second

// figures are the queues as they were last read. All pods read the same from Redis, so all show the same.
type figures struct {
	waiting, oldest, ready, inHand, calls *prometheus.Desc

	mu   sync.Mutex
	read map[string]reading // by tenant
}

type reading struct {
	at     time.Time
	queues []*routingv1.QueueFigures
}

func newFigures() *figures {
	desc := func(name, help string, more ...string) *prometheus.Desc {
		return prometheus.NewDesc("busyhour_routing_"+name, help, append([]string{"tenant", "queue"}, more...), nil)
	}
	return &figures{
		read:    map[string]reading{},
		waiting: desc("waiting", "Contacts waiting, by queue; the same on every pod."),
		oldest:  desc("oldest_wait_seconds", "How long the longest waiting contact of the queue has waited; the same on every pod."),
		ready:   desc("ready_agents", "Agents who could be offered a contact of the queue; the same on every pod."),
		inHand:  desc("in_hand", "Contacts with an agent, from offered to wrap-up; the same on every pod."),
		calls:   desc("calls_total", "Contacts of the queue since the epoch began: called, answered, in_target, abandoned; the same on every pod.", "result"),
	}
}

// readFigures reads the queues of a tenant for those who scrape.
func (s *Sweep) readFigures(ctx context.Context, tenant string) error {
	read, err := s.flow.Figures(ctx, tenant)
	if err != nil || !read.Verified {
		return err
	}
	s.figures.mu.Lock()
	defer s.figures.mu.Unlock()
	s.figures.read[tenant] = reading{time.Now(), read.Queues}
	return nil
}

// Describe is for the registry.
func (f *figures) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{f.waiting, f.oldest, f.ready, f.inHand, f.calls} {
		out <- d
	}
}

// Collect is for the registry.
func (f *figures) Collect(out chan<- prometheus.Metric) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for tenant, r := range f.read {
		if time.Since(r.at) > figuresGoStale {
			continue
		}
		for _, q := range r.queues {
			f.queue(out, tenant, q)
		}
	}
}

func (f *figures) queue(out chan<- prometheus.Metric, tenant string, q *routingv1.QueueFigures) {
	gauge := func(d *prometheus.Desc, value float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, tenant, q.QueueId)
	}
	gauge(f.waiting, float64(q.Waiting))
	gauge(f.oldest, float64(q.OldestWaitMs)/1000)
	gauge(f.ready, float64(q.Ready))
	gauge(f.inHand, float64(q.InHand))
	for result, n := range map[string]uint64{
		"called": q.OfferedTotal, "answered": q.AnsweredTotal, "in_target": q.AnsweredInTargetTotal, "abandoned": q.AbandonedTotal,
	} {
		out <- prometheus.MustNewConstMetric(f.calls, prometheus.CounterValue, float64(n), tenant, q.QueueId, result)
	}
}
