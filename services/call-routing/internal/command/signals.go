package command

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/busyhour/busyhour/api/events"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/pkg/telemetry"
	"github.com/busyhour/busyhour/services/call-routing/internal/flow"
)

const (
	// Group is the consumer group of signals.
	Group = "call-routing.signals"

	maxSignal = 64 << 10
	// A dead letter must fit into a Kafka record beside what is added to it.
	maxBuried = 256 << 10
	maxHeader = 4 << 10
)

// Log is where dead letters go.
type Log interface {
	Produce(m eventlog.Message, done func(error))
}

// Signals takes signals from switches that speak Kafka.
type Signals struct {
	flow   *flow.Flow
	dead   Log
	log    *zap.Logger
	buried *prometheus.CounterVec
}

// NewSignals makes the handler of the group.
func NewSignals(f *flow.Flow, dead Log, log *zap.Logger, registry prometheus.Registerer) *Signals {
	return &Signals{flow: f, dead: dead, log: log, buried: telemetry.Register(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "busyhour_routing_dead_letters_total",
		Help: "Records of call-routing.signals that could not be read or were refused, by reason.",
	}, []string{"reason"}))}
}

// Handle is given one record. Its offset may be marked once its outcome is durable: the event of the contact, or the dead
// letter.
func (s *Signals) Handle(ctx context.Context, m eventlog.Message, done func(error)) {
	signal, no := decode(m)
	if no != nil {
		s.bury(m, no, done)
		return
	}
	s.flow.Signal(ctx, signal, func(err error) {
		if no, refused := final(err); refused {
			s.bury(m, no, done)
			return
		}
		done(err)
	})
}

func decode(m eventlog.Message) (*routingv1.Signal, *refusal.Refusal) {
	if v := m.Header(eventlog.HeaderSpecVersion); v != "1.0" {
		return nil, refusal.New(refusal.Invalid, "NOT_A_CLOUDEVENT", "header %s is %.64q, want \"1.0\"", eventlog.HeaderSpecVersion, v)
	}
	if t := m.Header(eventlog.HeaderType); t != events.Signal {
		return nil, refusal.New(refusal.Invalid, "TYPE_UNKNOWN", "header %s is %.128q; this version reads %s", eventlog.HeaderType, t, events.Signal)
	}
	if t := m.Header(eventlog.HeaderContentType); t != "" && t != "application/protobuf" {
		return nil, refusal.New(refusal.Invalid, "CONTENT_TYPE_UNKNOWN", "header %s is %.64q, want application/protobuf", eventlog.HeaderContentType, t)
	}
	if len(m.Value) > maxSignal {
		return nil, refusal.New(refusal.Invalid, "TOO_LARGE", "the signal has %d bytes, at most %d are read", len(m.Value), maxSignal)
	}
	signal := &routingv1.Signal{}
	if err := proto.Unmarshal(m.Value, signal); err != nil {
		return nil, refusal.New(refusal.Invalid, "MALFORMED", "the value is not a busyhour.routing.v1.Signal: %v", err)
	}
	if tenant := m.Header(eventlog.HeaderTenant); tenant != "" && tenant != signal.Tenant {
		return nil, refusal.New(refusal.Denied, "WRONG_TENANT", "header %s is %.64q, the signal is of tenant %.64q", eventlog.HeaderTenant, tenant, signal.Tenant)
	}
	return signal, judge(signal)
}

// bury puts the record where people look for what went wrong, and lets the group move on.
func (s *Signals) bury(m eventlog.Message, no *refusal.Refusal, done func(error)) {
	s.buried.WithLabelValues(no.Reason).Inc()
	s.log.Warn("signal not applied, moved to the dead letters", zap.String("reason", no.Reason), zap.String("message", no.Error()),
		zap.String("topic", m.Topic), zap.Int32("partition", m.Partition), zap.Int64("offset", m.Offset))
	m, cut := shorten(m)
	s.dead.Produce(eventlog.DeadLetter(topics.RoutingDeadLetter, m, fmt.Sprintf("%s: %s%s", no.Reason, no.Error(), cut)), done)
}

// shorten cuts what would make the dead letter too large for its topic.
func shorten(m eventlog.Message) (eventlog.Message, string) {
	cut := ""
	if len(m.Value) > maxBuried {
		cut = fmt.Sprintf(" (value cut from %d bytes)", len(m.Value))
		m.Value = m.Value[:maxBuried]
	}
	if len(m.Key) > maxHeader {
		cut += fmt.Sprintf(" (key cut from %d bytes)", len(m.Key))
		m.Key = m.Key[:maxHeader]
	}
	var kept []eventlog.Header
	for _, h := range m.Headers {
		if len(h.Key)+len(h.Value) <= maxHeader && len(kept) < 64 {
			kept = append(kept, h)
		}
	}
	if n := len(m.Headers) - len(kept); n > 0 {
		cut += fmt.Sprintf(" (%d headers left out)", n)
	}
	m.Headers = kept
	return m, cut
}
