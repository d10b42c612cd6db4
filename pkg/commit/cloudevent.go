package commit

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

// message is the event as it goes to the log.
func (tx *Tx) message(r *Record, next Revision, e *Event) eventlog.Message {
	event := eventlog.CloudEvent{
		Service: tx.store.service, Tenant: tx.tenant, Record: r.Name, Epoch: next.Epoch, N: next.N,
		Type: e.Type, Op: tx.op, Time: tx.now,
	}
	return eventlog.Message{Topic: e.Topic, Key: []byte(e.Key), Value: e.Data, Headers: append(event.Headers(), tx.trace...)}
}

// traceOf gives the W3C trace context headers of the span under way.
func traceOf(ctx context.Context) []eventlog.Header {
	carrier := propagation.MapCarrier{}
	otel.GetTextMapPropagator().Inject(ctx, carrier)
	var headers []eventlog.Header
	for _, key := range carrier.Keys() {
		headers = append(headers, eventlog.Header{Key: key, Value: carrier[key]})
	}
	return headers
}
