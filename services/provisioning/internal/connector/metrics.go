package connector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/busyhour/busyhour/pkg/telemetry"
)

// metrics of one downstream.
type metrics struct {
	seconds prometheus.ObserverVec
	breaker prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer, downstream string) *metrics {
	seconds := telemetry.Register(reg, prometheus.NewHistogramVec(telemetry.Native(prometheus.HistogramOpts{
		Name:    "busyhour_downstream_call_seconds",
		Help:    "Calls to the downstream, by HTTP status; none: no answer.",
		Buckets: prometheus.ExponentialBuckets(0.005, 2, 13),
	}), []string{"downstream", "code"}))
	breaker := telemetry.Register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "busyhour_downstream_breaker_state",
		Help: "0: calls are made; 1: one is tried; 2: none are made for a while.",
	}, []string{"downstream"}))
	return &metrics{
		seconds: seconds.MustCurryWith(prometheus.Labels{"downstream": downstream}),
		breaker: breaker.WithLabelValues(downstream),
	}
}

func (m *metrics) call(began time.Time, code string) {
	m.seconds.WithLabelValues(code).Observe(time.Since(began).Seconds())
}
