package flow

import (
	"errors"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/pkg/telemetry"
	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
)

type metrics struct {
	signals       *prometheus.CounterVec
	signalRetries prometheus.Counter
	commands      *prometheus.CounterVec
	moves         *prometheus.CounterVec
	offers        *prometheus.CounterVec
	signalToOffer prometheus.Histogram
	matchTries    prometheus.Histogram
	resent        prometheus.Counter
	inventories   *prometheus.CounterVec
	callsFound    *prometheus.CounterVec
	failures      *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) *metrics {
	return &metrics{
		signals: telemetry.Register(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "busyhour_routing_signals_total",
			Help: "Signals by kind and outcome: applied, noted, duplicate, refused, failed.",
		}, []string{"kind", "outcome"})),
		signalRetries: telemetry.Register(registry, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "busyhour_routing_signal_retries_total",
			Help: "Signals tried again because the state was not verified or a server was away.",
		})),
		commands: telemetry.Register(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "busyhour_routing_commands_total",
			Help: "Commands other than signals by verb and outcome: applied, nothing, refused, failed.",
		}, []string{"verb", "outcome"})),
		moves: telemetry.Register(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "busyhour_routing_moves_total",
			Help: "Changes of contacts by kind of event.",
		}, []string{"kind"})),
		offers: telemetry.Register(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "busyhour_routing_offers_total",
			Help: "Offers by outcome: accepted, declined, timed-out, withdrawn, abandoned.",
		}, []string{"outcome"})),
		signalToOffer: telemetry.Register(registry, prometheus.NewHistogram(telemetry.Native(prometheus.HistogramOpts{
			Name:    "busyhour_routing_signal_to_offer_seconds",
			Help:    "From a call's arrival here to the commit of its offer, where an agent was ready.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .5, 1},
		}))),
		matchTries: telemetry.Register(registry, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "busyhour_routing_match_tries",
			Help:    "How often a match was decided until it was committed: more than once is a conflict.",
			Buckets: []float64{1, 2, 3, 5, 10},
		})),
		resent: telemetry.Register(registry, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "busyhour_routing_wishes_resent_total",
			Help: "Wishes told to a switch again because it had not taken them.",
		})),
		inventories: telemetry.Register(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "busyhour_routing_inventories_total",
			Help: "Inventories of switches by outcome: clean, missing, alarm, failed.",
		}, []string{"outcome"})),
		callsFound: telemetry.Register(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "busyhour_routing_calls_found_total",
			Help: "Calls in inventories that are unknown here, and asked for again, or with another agent than here.",
		}, []string{"how"})),
		failures: telemetry.Register(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "busyhour_routing_failures_total",
			Help: "Work that nobody waits for and that failed; deadlines and sweeps do it again.",
		}, []string{"work"})),
	}
}

func (m *metrics) signal(k routingv1.SignalKind, outcome string) {
	m.signals.WithLabelValues(strings.ToLower(strings.TrimPrefix(k.String(), "SIGNAL_KIND_")), outcome).Inc()
}

func (m *metrics) command(v contact.Verb, d *decision, err error) {
	outcome := "applied"
	if _, no := refusal.As(err); no {
		outcome = "refused"
	} else if err != nil {
		outcome = "failed"
	} else if d.change == nil {
		outcome = "nothing"
	}
	m.commands.WithLabelValues(v.String(), outcome).Inc()
}

func (m *metrics) moved(c *contact.Change) {
	if c.Forget {
		return
	}
	m.moves.WithLabelValues(strings.ToLower(strings.TrimPrefix(c.Kind.String(), "KIND_"))).Inc()
	if outcome := offerOutcome(c); outcome != "" {
		m.offers.WithLabelValues(outcome).Inc()
	}
}

func offerOutcome(c *contact.Change) string {
	switch c.Kind {
	case routingv1.ContactEvent_KIND_OFFER_ACCEPTED:
		return "accepted"
	case routingv1.ContactEvent_KIND_OFFER_DECLINED:
		return "declined"
	case routingv1.ContactEvent_KIND_OFFER_TIMED_OUT:
		return "timed-out"
	case routingv1.ContactEvent_KIND_OFFER_WITHDRAWN:
		return "withdrawn"
	case routingv1.ContactEvent_KIND_ABANDONED, routingv1.ContactEvent_KIND_FAILED:
		if c.Before.State == routingv1.ContactState_CONTACT_STATE_OFFERED {
			return "abandoned"
		}
	}
	return ""
}

// failed logs work that nobody waits for. A closed gate and a lost race are no news: deadlines and sweeps come again.
func (f *Flow) failed(tenant, work, id string, err error) {
	f.metrics.failures.WithLabelValues(work).Inc()
	var conflict *commit.Conflict
	if no, refused := refusal.As(err); errors.As(err, &conflict) || (refused && no.Code == refusal.Unavailable) {
		f.log.Debug("given up; it comes up again", zap.String("work", work), zap.String("tenant", tenant), zap.String("id", id), zap.Error(err))
		return
	}
	f.log.Warn("failed; it comes up again", zap.String("work", work), zap.String("tenant", tenant), zap.String("id", id), zap.Error(err))
}
