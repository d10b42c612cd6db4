package flow

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/busyhour/busyhour/api/events"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

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
		{Key: eventlog.HeaderType, Value: events.Request},
		{Key: eventlog.HeaderSubject, Value: record},
		{Key: eventlog.HeaderTime, Value: r.GetRequestedAt().AsTime().Format(time.RFC3339Nano)},
		{Key: eventlog.HeaderContentType, Value: "application/protobuf"},
		{Key: eventlog.HeaderTenant, Value: r.GetTenant()},
		{Key: eventlog.HeaderDataSchema, Value: events.SchemaRequest},
	}
	return eventlog.Message{
		Topic: topics.Requests, Key: []byte(job.Key(r.GetItem())), Value: value, Headers: append(headers, trace...),
	}, nil
}
