package rebuild

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// compactorMetrics reads lag and records from the partitions when it is scraped.
type compactorMetrics struct {
	registry prometheus.Registerer
	c        *Compactor

	kept, tombstones, transactions, fenced, unreadable prometheus.Counter
	dropped                                            *prometheus.CounterVec

	lagEvents, lagSeconds, records *prometheus.Desc
}

func newCompactorMetrics(r prometheus.Registerer, service string, c *Compactor) *compactorMetrics {
	labels := prometheus.Labels{"service": service}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "busyhour_compactor_" + name, Help: help, ConstLabels: labels})
	}
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("busyhour_compactor_"+name, help, []string{"topic", "partition"}, labels)
	}
	m := &compactorMetrics{
		registry: r, c: c,
		kept:         counter("kept_total", "Latest events written to the state topics."),
		tombstones:   counter("tombstones_total", "Records that were forgotten."),
		transactions: counter("transactions_total", "Transactions committed."),
		fenced:       counter("fenced_total", "Transactions refused because another pod has taken the partition over."),
		unreadable:   counter("unreadable_total", "Events that can't be read; a recovery would fail on them."),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "busyhour_compactor_dropped_total", ConstLabels: labels,
			Help: "Events that were not kept: void, repeats, or of records that were forgotten.",
		}, []string{"why"}),
		lagEvents:  desc("lag_events", "Events of a partition that are not compacted."),
		lagSeconds: desc("lag_seconds", "How long ago all events of a partition that had come were compacted; under a second when all is well."),
		records:    desc("records", "Records that the state topic's partition holds."),
	}
	r.MustRegister(m.kept, m.tombstones, m.transactions, m.fenced, m.unreadable, m.dropped, m)
	return m
}

func (m *compactorMetrics) unregister() { m.registry.Unregister(m) }

// Describe is for the registry.
func (m *compactorMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.lagEvents, m.lagSeconds, m.records} {
		out <- d
	}
}

// Collect is for the registry.
func (m *compactorMetrics) Collect(out chan<- prometheus.Metric) {
	m.c.mu.RLock()
	defer m.c.mu.RUnlock()
	now := time.Now()
	for key, s := range m.c.shelves {
		gauge := func(d *prometheus.Desc, v float64) {
			out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, key.events, strconv.Itoa(int(key.partition)))
		}
		events, behind := s.lag(now)
		gauge(m.lagEvents, float64(events))
		gauge(m.lagSeconds, behind.Seconds())
		s.mu.RLock()
		gauge(m.records, float64(s.size()))
		s.mu.RUnlock()
	}
}
