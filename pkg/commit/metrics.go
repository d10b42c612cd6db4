package commit

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/pkg/telemetry"
)

type metrics struct {
	service        string
	seconds        *prometheus.HistogramVec
	batch          prometheus.Histogram
	conflicts      *prometheus.CounterVec
	sequenceAlarms prometheus.Counter
	gateOpen       *prometheus.GaugeVec
	gateEpoch      *prometheus.GaugeVec
	durable        prometheus.Histogram
	publish        prometheus.Histogram
	voided         prometheus.Counter
	published      *prometheus.CounterVec
	relayed        prometheus.Counter
	outboxOpen     *prometheus.GaugeVec
	outboxBytes    *prometheus.GaugeVec
	outboxOldest   *prometheus.GaugeVec
	outboxLimit    prometheus.Gauge
	overdue        *prometheus.GaugeVec
	logAway        prometheus.Gauge
	unreplicated   prometheus.Counter
}

func newMetrics(r prometheus.Registerer, service string) *metrics {
	labels := prometheus.Labels{"service": service}
	m := &metrics{
		service: service,
		seconds: prometheus.NewHistogramVec(telemetry.Native(prometheus.HistogramOpts{
			Name: "busyhour_commit_seconds", Help: "Load, decide and commit, all tries together, by outcome.", ConstLabels: labels,
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16),
		}), []string{"outcome"}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "busyhour_commit_batch_commits", Help: "Commits that travelled in one script.", ConstLabels: labels,
			Buckets: []float64{1, 2, 4, 8, 16},
		}),
		conflicts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "busyhour_commit_conflicts_total", Help: "Tries that met somebody else's change, by kind of record.", ConstLabels: labels,
		}, []string{"record"}),
		sequenceAlarms: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "busyhour_commit_sequence_alarms_total", Help: "Scripts whose sequence was lower than one seen before.", ConstLabels: labels,
		}),
		gateOpen: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "busyhour_gate_open", Help: "1 while the tenant's state is verified.", ConstLabels: labels,
		}, []string{"tenant"}),
		gateEpoch: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "busyhour_gate_epoch", Help: "The tenant's epoch.", ConstLabels: labels,
		}, []string{"tenant"}),
		durable: prometheus.NewHistogram(telemetry.Native(prometheus.HistogramOpts{
			Name: "busyhour_durable_seconds", Help: "From being asked whether a revision is durable to the answer.", ConstLabels: labels,
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		})),
		publish: prometheus.NewHistogram(telemetry.Native(prometheus.HistogramOpts{
			Name: "busyhour_event_publish_seconds", Help: "From the commit of an event to Kafka's acknowledgement; 50 ms are promised.", ConstLabels: labels,
			Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .25, 1, 5, 30, 120},
		})),
		voided: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "busyhour_void_events_total", Help: "Events that were in the log only after a later epoch had begun.", ConstLabels: labels,
		}),
		published: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "busyhour_outbox_published_total", Help: "Outbox entries given to the log, by result.", ConstLabels: labels,
		}, []string{"result"}),
		relayed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "busyhour_outbox_relayed_total", Help: "Records whose outbox the relay found old.", ConstLabels: labels,
		}),
		outboxOpen: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "busyhour_outbox_open_records", Help: "Records with an open outbox.", ConstLabels: labels,
		}, []string{"tenant"}),
		outboxBytes: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "busyhour_outbox_bytes", Help: "Bytes of events that wait for the log.", ConstLabels: labels,
		}, []string{"tenant"}),
		outboxOldest: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "busyhour_outbox_oldest_seconds", Help: "Age of the oldest event that this pod has on its way to the log.", ConstLabels: labels,
		}, []string{"tenant"}),
		outboxLimit: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "busyhour_outbox_limit_bytes", Help: "Bytes of waiting events above which new contacts and jobs are refused.", ConstLabels: labels,
		}),
		logAway: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "busyhour_log_away_seconds", Help: "How long Kafka has acknowledged nothing although events wait; 0 if none does.", ConstLabels: labels,
		}),
		unreplicated: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "busyhour_commit_unreplicated_total", Help: "Scripts that no replica had within 50 ms while Kafka was away.", ConstLabels: labels,
		}),
		overdue: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "busyhour_oldest_overdue_seconds", Help: "How long ago the oldest deadline passed that nothing has moved; above 2 s something is stuck.", ConstLabels: labels,
		}, []string{"tenant"}),
	}
	r.MustRegister(m.seconds, m.batch, m.conflicts, m.sequenceAlarms, m.gateOpen, m.gateEpoch, m.durable, m.publish, m.voided,
		m.published, m.relayed, m.outboxOpen, m.outboxBytes, m.outboxOldest, m.outboxLimit, m.logAway, m.unreplicated, m.overdue)
	return m
}

func (m *metrics) do(ctx context.Context, took time.Duration, r Result, err error) {
	telemetry.Observe(ctx, m.seconds.WithLabelValues(outcome(r, err)), took.Seconds())
}

// told measures how long an event was on its way. One that does not say when it was decided is not measured.
func (m *metrics) told(e entry) {
	if !e.decided.IsZero() {
		m.publish.Observe(max(0, time.Since(e.decided).Seconds()))
	}
}

func outcome(r Result, err error) string {
	var conflict *Conflict
	switch {
	case errors.As(err, &conflict):
		return "conflict"
	case err != nil:
		if _, ok := refusal.As(err); ok {
			return "refused"
		}
		return "failed"
	case r.Duplicate:
		return "duplicate"
	case r.Changed:
		return "committed"
	}
	return "unchanged"
}

func (m *metrics) gate(tenant string, epoch uint32, open bool) {
	m.gateEpoch.WithLabelValues(tenant).Set(float64(epoch))
	value := 0.0
	if open {
		value = 1
	}
	m.gateOpen.WithLabelValues(tenant).Set(value)
}

// kindOf is the record's kind in a key: "contact" of "{acme}:call-routing:7:contact:c-42".
func kindOf(key string) string {
	parts := strings.SplitN(key, ":", 5)
	if len(parts) < 4 {
		return "mark"
	}
	return parts[3]
}
