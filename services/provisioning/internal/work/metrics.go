package work

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/telemetry"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/stream"
)

type metrics struct{ undecided prometheus.Counter }

func newMetrics(reg prometheus.Registerer, store *commit.Store, s *stream.Stream) *metrics {
	reg.MustRegister(&standing{store: store, stream: s})
	return &metrics{undecided: telemetry.Register(reg, prometheus.NewCounter(prometheus.CounterOpts{
		Name: "busyhour_provisioning_undecided_runs_total",
		Help: "Runs of items that ended without an outcome; they are run again.",
	}))}
}

// standing asks Redis when it is scraped, so that what it tells is never old.
type standing struct {
	store  *commit.Store
	stream *stream.Stream
}

var (
	lengthDesc = prometheus.NewDesc("busyhour_provisioning_stream_items", "Items that have no outcome yet.", []string{"tenant", "priority"}, nil)
	oldestDesc = prometheus.NewDesc("busyhour_provisioning_oldest_item_seconds", "Age of the oldest of them.", []string{"tenant", "priority"}, nil)
)

func (s *standing) Describe(to chan<- *prometheus.Desc) {
	to <- lengthDesc
	to <- oldestDesc
}

func (s *standing) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, tenant := range s.store.Tenants() {
		epoch, open := s.store.Verified(tenant)
		if !open {
			continue
		}
		for _, p := range job.Priorities {
			st, err := s.stream.Standing(ctx, stream.Namespace{Tenant: tenant, Epoch: epoch, Priority: p})
			if err != nil {
				continue // a gap in the graph says it
			}
			age := 0.0
			if !st.Oldest.IsZero() {
				age = max(0, time.Since(st.Oldest).Seconds())
			}
			to <- prometheus.MustNewConstMetric(lengthDesc, prometheus.GaugeValue, float64(st.Length), tenant, job.PriorityName(p))
			to <- prometheus.MustNewConstMetric(oldestDesc, prometheus.GaugeValue, age, tenant, job.PriorityName(p))
		}
	}
}
