package fanout

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	registry                      prometheus.Registerer
	published, failed, reconnects prometheus.Counter
	registeredHere                []prometheus.Collector
}

func newMetrics(cfg Config, c *Conn) *metrics {
	named := prometheus.Labels{"connection": cfg.Name}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "busyhour_fanout_" + name, Help: help, ConstLabels: named})
	}
	m := &metrics{
		registry:   cfg.Registry,
		published:  counter("published_total", "Messages handed to NATS."),
		failed:     counter("unpublished_total", "Messages that nobody was told, mostly because the server was away."),
		reconnects: counter("reconnects_total", "Connections made after one was lost, or late."),
	}
	dropped := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "busyhour_fanout_dropped_total", Help: "Messages that subscribers were too slow for.", ConstLabels: named,
	}, func() float64 { return float64(c.Dropped()) })
	connected := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "busyhour_fanout_connected", Help: "1 while a NATS server is connected.", ConstLabels: named,
	}, func() float64 {
		if c.nats != nil && c.Connected() {
			return 1
		}
		return 0
	})
	for _, collector := range []prometheus.Collector{m.published, m.failed, m.reconnects, dropped, connected} {
		m.register(collector)
	}
	return m
}

// register leaves out what another connection of the same name has on this registry already.
func (m *metrics) register(c prometheus.Collector) {
	if m.registry == nil {
		return
	}
	if err := m.registry.Register(c); err == nil {
		m.registeredHere = append(m.registeredHere, c)
	}
}

func (m *metrics) unregister() {
	for _, c := range m.registeredHere {
		m.registry.Unregister(c)
	}
}
