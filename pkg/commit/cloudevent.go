package commit

import (
	"context"
	"strconv"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

// message is the event as a CloudEvent in Kafka's binary mode
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md).
func (tx *Tx) message(r *Record, next Revision, e *Event) eventlog.Message {
	headers := []eventlog.Header{
		{Key: "ce_specversion", Value: "1.0"},
		{Key: "ce_id", Value: tx.tenant + "/" + r.Name + "@" + next.String()},
		{Key: "ce_source", Value: "/busyhour/" + tx.store.service},
		{Key: "ce_type", Value: e.Type},
		{Key: "ce_subject", Value: r.Name},
		{Key: "ce_time", Value: tx.now.Format(time.RFC3339Nano)},
		{Key: "content-type", Value: "application/protobuf"},
		{Key: "ce_tenant", Value: tx.tenant},
		{Key: "ce_revision", Value: strconv.FormatUint(next.Number(), 10)},
		{Key: "ce_op", Value: tx.op},
	}
	return eventlog.Message{Topic: e.Topic, Key: []byte(e.Key), Value: e.Data, Headers: append(headers, tx.trace...)}
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
