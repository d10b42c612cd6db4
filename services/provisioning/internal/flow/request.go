package flow

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// RequestType is the CloudEvents type of a request.
const RequestType = "busyhour.provisioning.request.v1"

func requestMessage(r *provisioningv1.Request, trace []eventlog.Header) (eventlog.Message, error) {
	value, err := proto.Marshal(r)
	if err != nil {
		return eventlog.Message{}, fmt.Errorf("encode item %d: %w", r.GetNumber(), err)
	}
	record := state.ItemOf(r)
	headers := []eventlog.Header{
		{Key: eventlog.HeaderSpecVersion, Value: "1.0"},
		{Key: eventlog.HeaderID, Value: r.GetTenant() + "/" + record},
		{Key: eventlog.HeaderSource, Value: "/busyhour/" + state.Service},
		{Key: eventlog.HeaderType, Value: RequestType},
		{Key: eventlog.HeaderSubject, Value: record},
		{Key: eventlog.HeaderTime, Value: r.GetRequestedAt().AsTime().Format(time.RFC3339Nano)},
		{Key: eventlog.HeaderContentType, Value: "application/protobuf"},
		{Key: eventlog.HeaderTenant, Value: r.GetTenant()},
	}
	return eventlog.Message{
		Topic: topics.Requests, Key: []byte(job.Key(r.GetItem())), Value: value, Headers: append(headers, trace...),
	}, nil
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
