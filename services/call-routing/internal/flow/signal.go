package flow

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
)

const (
	// How long a signal is tried while the state is not verified or a server is away from this pod. Its switch must have
	// the time to tell another pod that the agent has answered before the call is taken back from them as not connected.
	signalPatience = 3 * time.Second
	firstRetry     = 20 * time.Millisecond
	lastRetry      = 500 * time.Millisecond
)

// ErrNoRoom says that a new call cannot be taken in now: events pile up before the log, or Redis is full. Living calls go
// on.
var ErrNoRoom = errors.New("no room for new calls")

// Signal takes what a switch says. Signals of one call are decided in the order in which they are handed in. done is
// called once: with nil when the outcome is durable, with a *refusal.Refusal when it is refused for good, with ErrNoRoom
// when a call cannot begin now, and otherwise with the error for which it must be sent again. done must not block.
func (f *Flow) Signal(ctx context.Context, s *routingv1.Signal, done func(error)) {
	ctx, span := tracer.Start(ctx, "signal", trace.WithAttributes(attribute.String("tenant", s.Tenant), attribute.String("kind", s.Kind.String())))
	p := &patient{Flow: f, signal: s, id: contact.ID(s.Tenant, s.SwitchId, s.CallId), came: time.Now(), retry: firstRetry}
	p.done = func(err error) {
		span.End()
		done(err)
	}
	f.lanes.Go(contactLane(s.Tenant, p.id), func() time.Duration { return p.try(ctx) })
}

// patient is one signal and its tries.
type patient struct {
	*Flow
	signal *routingv1.Signal
	id     string
	came   time.Time
	retry  time.Duration
	done   func(error)
}

func (p *patient) try(ctx context.Context) (again time.Duration) {
	if err := ctx.Err(); err != nil {
		p.done(err)
		return 0
	}
	tenant := p.signal.Tenant
	result, d, err := p.command(ctx, tenant, p.id, operationOf(p.id, p.signal), contact.Of(p.signal), p.came)
	no, refused := refusal.As(err)
	switch {
	case refused && no.Code != refusal.Unavailable:
		p.metrics.signal(p.signal.Kind, "refused")
		p.store.WhenDurable(tenant, result, func(err error) {
			if err == nil {
				err = no
			}
			p.done(err)
		})
		return 0
	case commit.NoRoom(err) && p.signal.Kind == routingv1.SignalKind_SIGNAL_KIND_OFFERED:
		p.metrics.signal(p.signal.Kind, "no room")
		p.done(fmt.Errorf("%w: %w", ErrNoRoom, err)) // at once: the switch can still send the caller elsewhere
		return 0
	case err != nil:
		return p.later(err)
	}
	p.metrics.signal(p.signal.Kind, outcomeOf(d))
	p.store.WhenDurable(tenant, result, p.done)
	ctx = context.WithoutCancel(ctx)
	p.follow(ctx, tenant, d)
	if d.waits() {
		p.seek(ctx, tenant, d.change.After.QueueId, p.id, p.came)
	}
	return 0
}

func (p *patient) later(err error) time.Duration {
	if time.Since(p.came) > signalPatience {
		p.metrics.signal(p.signal.Kind, "failed")
		p.done(err)
		return 0
	}
	p.metrics.signalRetries.Inc()
	wait := p.retry
	p.retry = min(2*p.retry, lastRetry)
	return wait
}

func outcomeOf(d *decision) string {
	switch {
	case d.change == nil:
		return "duplicate"
	case d.change.Kind == routingv1.ContactEvent_KIND_NOTED:
		return "noted"
	}
	return "applied"
}

// operationOf is the same for every copy of a signal, on whatever path it comes.
func operationOf(id string, s *routingv1.Signal) string {
	if s.Number == 0 {
		return id + "/id/" + s.Id
	}
	return id + "/" + s.LegId + "/" + strconv.FormatUint(s.Number, 10)
}
