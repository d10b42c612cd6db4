package work

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/telemetry"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
	"github.com/busyhour/busyhour/services/provisioning/internal/stream"
)

type metrics struct{ undecided prometheus.Counter }

func newMetrics(reg prometheus.Registerer, store *commit.Store, s *stream.Stream, y *yield) *metrics {
	reg.MustRegister(&standing{store: store, stream: s}, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "busyhour_provisioning_bulk_rate",
		Help: "Bulk items that this pod may begin in a second, so that calls do not wait for them.",
	}, y.now))
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
	pendingDesc = prometheus.NewDesc("busyhour_provisioning_pending_items", "Items that have no outcome yet, those of paused jobs too.", []string{"tenant"}, nil)
	lengthDesc  = prometheus.NewDesc("busyhour_provisioning_stream_items", "Items that wait for a worker, or have one.", []string{"tenant", "priority"}, nil)
	oldestDesc  = prometheus.NewDesc("busyhour_provisioning_oldest_item_seconds", "Age of the oldest of them.", []string{"tenant", "priority"}, nil)
)

func (s *standing) Describe(to chan<- *prometheus.Desc) {
	to <- pendingDesc
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
		if pending, err := s.pending(ctx, tenant); err == nil {
			to <- prometheus.MustNewConstMetric(pendingDesc, prometheus.GaugeValue, float64(pending), tenant)
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

func (s *standing) pending(ctx context.Context, tenant string) (n int64, err error) {
	_, err = s.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		count := tx.Count(state.Pending)
		err := tx.Fetch(ctx)
		n = *count
		return err
	})
	return n, err
}
