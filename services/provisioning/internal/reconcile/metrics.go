package reconcile

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/busyhour/busyhour/pkg/telemetry"
)

type metrics struct{ results *prometheus.CounterVec }

func newMetrics(reg prometheus.Registerer, gate Gate, reports Reports) *metrics {
	reg.MustRegister(&standing{gate: gate, reports: reports})
	return &metrics{results: telemetry.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "busyhour_provisioning_reconciled_total",
		Help: "Agents that were compared with the downstream, by what came of it.",
	}, []string{"result"}))}
}

// standing reads the reports when it is scraped: whichever pod made the round, all say the same.
type standing struct {
	gate    Gate
	reports Reports
}

var (
	unreconciledDesc = prometheus.NewDesc("busyhour_provisioning_unreconciled", "Agents that the last complete round could not repair.", []string{"tenant"}, nil)
	ageDesc          = prometheus.NewDesc("busyhour_provisioning_reconcile_age_seconds", "Time since the last complete round.", []string{"tenant"}, nil)
)

func (s *standing) Describe(to chan<- *prometheus.Desc) {
	to <- unreconciledDesc
	to <- ageDesc
}

func (s *standing) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, tenant := range s.gate.Tenants() {
		r, now, verified, err := s.reports.Reconciliation(ctx, tenant)
		if err != nil || !verified || r.GetCompletedAt() == nil {
			continue // a gap in the graph says it
		}
		to <- prometheus.MustNewConstMetric(unreconciledDesc, prometheus.GaugeValue, float64(r.GetUnreconciled()), tenant)
		to <- prometheus.MustNewConstMetric(ageDesc, prometheus.GaugeValue, max(0, now.Sub(r.GetCompletedAt().AsTime()).Seconds()), tenant)
	}
}
