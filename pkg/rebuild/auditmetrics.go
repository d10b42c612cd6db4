package rebuild

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/busyhour/busyhour/pkg/telemetry"
)

type auditMetrics struct {
	divergences, healed, skipped *prometheus.CounterVec
	compared, moved              prometheus.Counter
	round                        prometheus.Histogram
}

// newAuditMetrics begins the counters that alarm at zero, for the first of a kind is one too many.
func newAuditMetrics(r prometheus.Registerer, service string, tenants []string) *auditMetrics {
	labels := prometheus.Labels{"service": service}
	counters := func(name, help string, by ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, by)
	}
	m := &auditMetrics{
		divergences: counters("busyhour_divergences_total", "Records that differed from the log, by cause.", "tenant", "cause"),
		healed:      counters("busyhour_audit_healed_total", "Divergences by what became of them.", "result"),
		skipped:     counters("busyhour_audit_skipped_total", "What could not be compared: records that moved, rounds while closed or behind.", "why"),
		compared: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "busyhour_audit_compared_total", Help: "Stored records compared with the log.", ConstLabels: labels,
		}),
		moved: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "busyhour_audit_moved_total", Help: "Records told again, for their topic grew and their events go to another partition.", ConstLabels: labels,
		}),
		round: prometheus.NewHistogram(telemetry.Native(prometheus.HistogramOpts{
			Name: "busyhour_audit_round_seconds", Help: "One round through a tenant.", ConstLabels: labels,
			Buckets: prometheus.ExponentialBuckets(1, 2, 8),
		})),
	}
	for _, tenant := range tenants {
		for _, cause := range []Cause{Missing, Behind, Ahead, Altered, Unknown} {
			m.divergences.WithLabelValues(tenant, string(cause))
		}
	}
	m.healed.WithLabelValues("failed")
	r.MustRegister(m.divergences, m.healed, m.skipped, m.compared, m.moved, m.round)
	return m
}
