package eventlog

import (
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/busyhour/busyhour/pkg/telemetry"
)

// moveMetrics count what rebalances do to a member's partitions, and how long records waited for their new owner.
type moveMetrics struct {
	partitions *prometheus.CounterVec
	pause      *prometheus.HistogramVec
}

func newMoveMetrics(registry prometheus.Registerer, group string) moveMetrics {
	named := prometheus.Labels{"group": group}
	return moveMetrics{
		partitions: registered(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name:        "busyhour_consumer_rebalanced_partitions_total",
			Help:        "Partitions of this member by what rebalances did to them: taken, given, or kept through one.",
			ConstLabels: named,
		}, []string{"topic", "what"})),
		pause: registered(registry, prometheus.NewHistogramVec(telemetry.Native(prometheus.HistogramOpts{
			Name:        "busyhour_consumer_rebalance_pause_seconds",
			Help:        "How long the oldest record of a partition that came to this member had waited; 0 if none had.",
			ConstLabels: named,
			Buckets:     prometheus.ExponentialBuckets(0.01, 2, 13),
		}), []string{"topic"})),
	}
}

func (m moveMetrics) given(topic string) { m.partitions.WithLabelValues(topic, "given").Inc() }

// arrival is a partition that has just come to this member. Its pause is what its first record shows: what one process can
// see of a hand-over between two. If the owner before was behind, or handled records without saying so, that is in it.
type arrival struct {
	since time.Time
	seen  bool // of its goroutine alone
	pause prometheus.Observer
}

func (g *Group) take(topic string) *arrival {
	g.moves.partitions.WithLabelValues(topic, "taken").Inc()
	return &arrival{since: time.Now(), pause: g.moves.pause.WithLabelValues(topic)}
}

func (t *arrival) first(record time.Time) {
	if t == nil || t.seen {
		return
	}
	t.seen = true
	waited := 0.0
	if record.Before(t.since) {
		waited = time.Since(record).Seconds()
	}
	t.pause.Observe(waited)
}

// keptLook is how often a member looks whether its group has another generation.
const keptLook = 500 * time.Millisecond

// countKept counts the partitions that stay through each rebalance, until the membership ends. They are those that this
// member had before the generation changed and has after.
func (g *Group) countKept(session sarama.ConsumerGroupSession) {
	tick := time.NewTicker(keptLook)
	defer tick.Stop()
	generation, before := session.GenerationID(), g.assigned()
	for {
		select {
		case <-tick.C:
		case <-session.Context().Done():
			return
		}
		now := g.assigned()
		if next := session.GenerationID(); next != generation {
			generation = next
			for key, claim := range now {
				if before[key] == claim {
					g.moves.partitions.WithLabelValues(key.topic, "kept").Inc()
				}
			}
		}
		before = now
	}
}
