package rebuild

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/busyhour/busyhour/pkg/telemetry"
)

type metrics struct {
	seconds prometheus.Histogram
	failed  prometheus.Counter
	records *prometheus.GaugeVec
	phase   *prometheus.GaugeVec
	held    *prometheus.GaugeVec
	gaps    prometheus.Counter
}

func newMetrics(r prometheus.Registerer, service string) *metrics {
	labels := prometheus.Labels{"service": service}
	m := &metrics{
		seconds: prometheus.NewHistogram(telemetry.Native(prometheus.HistogramOpts{
			Name: "busyhour_recovery_seconds", Help: "From taking an epoch to open.", ConstLabels: labels,
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 14),
		})),
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "busyhour_recoveries_failed_total", Help: "Recoveries that ended before they opened.", ConstLabels: labels,
		}),
		records: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "busyhour_recovery_records", Help: "Records that the last recovery built.", ConstLabels: labels,
		}, []string{"tenant"}),
		phase: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "busyhour_recovery_phase", Help: "1 for the phase that the tenant's recovery is in on this pod.", ConstLabels: labels,
		}, []string{"tenant", "phase"}),
		held: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "busyhour_recovery_held", Help: "1 while a tenant stays closed until a person has it rebuilt.", ConstLabels: labels,
		}, []string{"tenant"}),
	}
	m.gaps = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "busyhour_gaps_total", Help: "Times that decisions were lost with Redis while Kafka was away.", ConstLabels: labels,
	})
	r.MustRegister(m.seconds, m.failed, m.records, m.phase, m.held, m.gaps)
	return m
}

func (m *metrics) enter(tenant string, phase Phase) {
	for _, p := range phases {
		value := 0.0
		if p == phase {
			value = 1
		}
		m.phase.WithLabelValues(tenant, string(p)).Set(value)
	}
	held := 0.0
	if phase == Held {
		held = 1
	}
	m.held.WithLabelValues(tenant).Set(held)
}
