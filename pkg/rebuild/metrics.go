package rebuild

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	seconds prometheus.Histogram
	failed  prometheus.Counter
	records *prometheus.GaugeVec
}

func newMetrics(r prometheus.Registerer, service string) *metrics {
	labels := prometheus.Labels{"service": service}
	m := &metrics{
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "busyhour_recovery_seconds", Help: "From taking an epoch to open.", ConstLabels: labels,
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 14),
		}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "busyhour_recoveries_failed_total", Help: "Recoveries that ended before they opened.", ConstLabels: labels,
		}),
		records: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "busyhour_recovery_records", Help: "Records that the last recovery built.", ConstLabels: labels,
		}, []string{"tenant"}),
	}
	r.MustRegister(m.seconds, m.failed, m.records)
	return m
}
