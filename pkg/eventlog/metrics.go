package eventlog

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// registered puts a collector on the registry, or finds the one that an earlier user of the same registry put there.
func registered[C prometheus.Collector](registry prometheus.Registerer, c C) C {
	if registry == nil {
		return c
	}
	var already prometheus.AlreadyRegisteredError
	if err := registry.Register(c); errors.As(err, &already) {
		return already.ExistingCollector.(C)
	}
	return c
}

type producerMetrics struct {
	ack      *prometheus.HistogramVec
	failed   *prometheus.CounterVec
	inFlight prometheus.Gauge
}

func newProducerMetrics(registry prometheus.Registerer) producerMetrics {
	return producerMetrics{
		ack: registered(registry, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "busyhour_eventlog_ack_seconds",
			Help:    "Time from handing a message to the producer to Kafka's acknowledgement (acks=all).",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		}, []string{"topic"})),
		failed: registered(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "busyhour_eventlog_unacknowledged_total",
			Help: "Messages without an acknowledgement; they may still be in the log.",
		}, []string{"topic"})),
		inFlight: registered(registry, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "busyhour_eventlog_in_flight_messages",
			Help: "Messages that wait for Kafka's acknowledgement.",
		})),
	}
}

// groupMetrics reads lag and assignment from the claims when it is scraped.
type groupMetrics struct {
	registry prometheus.Registerer
	retries  *prometheus.CounterVec
	errors   prometheus.Counter

	group          *Group
	records, age   *prometheus.Desc
	assigned, idle *prometheus.Desc
}

func newGroupMetrics(registry prometheus.Registerer, g *Group) *groupMetrics {
	named := prometheus.Labels{"group": g.name}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("busyhour_consumer_"+name, help, labels, named)
	}
	m := &groupMetrics{
		registry: registry, group: g,
		records:  desc("lag_records", "Records of an assigned partition that are not done.", "topic", "partition"),
		age:      desc("lag_seconds", "Age of the oldest record in hand of an assigned partition.", "topic", "partition"),
		assigned: desc("assigned_partitions", "Partitions that this member has.", "topic"),
		idle:     desc("idle_members", "1 if this member is in the group and has no partition."),
		retries: registered(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name:        "busyhour_eventlog_retries_total",
			Help:        "Handlings that failed; the record is handed out again.",
			ConstLabels: named,
		}, []string{"topic"})),
		errors: registered(registry, prometheus.NewCounter(prometheus.CounterOpts{
			Name:        "busyhour_eventlog_group_errors_total",
			Help:        "What went wrong inside the group's client; it repeats it by itself.",
			ConstLabels: named,
		})),
	}
	if registry != nil {
		_ = registry.Register(m) // fails only for a second member of the same group on this registry
	}
	return m
}

func (m *groupMetrics) unregister() {
	if m.registry != nil {
		m.registry.Unregister(m)
	}
}

// Describe is for the registry.
func (m *groupMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.records, m.age, m.assigned, m.idle} {
		out <- d
	}
}

// Collect is for the registry.
func (m *groupMetrics) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	claims := m.group.assigned()
	for key, c := range claims {
		records, age := c.lag(time.Now())
		gauge(m.records, float64(records), key.topic, strconv.Itoa(int(key.partition)))
		gauge(m.age, age.Seconds(), key.topic, strconv.Itoa(int(key.partition)))
	}
	partitions := map[string]int{}
	for key := range claims {
		partitions[key.topic]++
	}
	for _, topic := range m.group.topics {
		gauge(m.assigned, float64(partitions[topic]), topic)
	}
	idle := 0.0
	if m.group.Joined() && len(claims) == 0 {
		idle = 1
	}
	gauge(m.idle, idle)
}
