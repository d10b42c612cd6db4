package connector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/busyhour/busyhour/pkg/telemetry"
)

type metrics struct {
	seconds *prometheus.HistogramVec
	breaker prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	return &metrics{
		seconds: telemetry.Register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "busyhour_downstream_call_seconds",
			Help:    "Calls to the downstream, by HTTP status; none: no answer.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 13),
		}, []string{"code"})),
		breaker: telemetry.Register(reg, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "busyhour_downstream_breaker_state",
			Help: "0: calls are made; 1: one is tried; 2: none are made for a while.",
		})),
	}
}

func (m *metrics) call(began time.Time, code string) {
	m.seconds.WithLabelValues(code).Observe(time.Since(began).Seconds())
}
