package fanout

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	registry                      prometheus.Registerer
	named                         prometheus.Labels
	published, failed, reconnects prometheus.Counter
	registered                    []prometheus.Collector
}

func newMetrics(cfg Config) *metrics {
	m := &metrics{registry: cfg.Registry, named: prometheus.Labels{"connection": cfg.Name}}
	m.published = prometheus.NewCounter(m.counter("published_total", "Messages handed to NATS."))
	m.failed = prometheus.NewCounter(m.counter("unpublished_total", "Messages that nobody was told, mostly because the server was away."))
	m.reconnects = prometheus.NewCounter(m.counter("reconnects_total", "Connections made after one was lost, or late."))
	return m
}

func (m *metrics) counter(name, help string) prometheus.CounterOpts {
	return prometheus.CounterOpts{Name: "busyhour_fanout_" + name, Help: help, ConstLabels: m.named}
}

// register puts the metrics of a connection on the registry, but those that another connection of its name has there.
func (m *metrics) register(c *Conn) {
	if m.registry == nil {
		return
	}
	dropped := prometheus.NewCounterFunc(m.counter("dropped_total", "Messages that subscribers were too slow for."),
		func() float64 { return float64(c.Dropped()) })
	connected := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "busyhour_fanout_connected", Help: "1 while a NATS server is connected.", ConstLabels: m.named,
	}, func() float64 {
		if c.Connected() {
			return 1
		}
		return 0
	})
	for _, collector := range []prometheus.Collector{m.published, m.failed, m.reconnects, dropped, connected} {
		if m.registry.Register(collector) == nil {
			m.registered = append(m.registered, collector)
		}
	}
}

func (m *metrics) unregister() {
	for _, collector := range m.registered {
		m.registry.Unregister(collector)
	}
}
