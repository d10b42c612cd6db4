package eventlog_test

import (
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/cloudevents/sdk-go/protocol/kafka_sarama/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

func offered() eventlog.CloudEvent {
	return eventlog.CloudEvent{
		Service: "call-routing", Tenant: "acme", Record: "contact:c-42", Epoch: 7, N: 3, Type: "busyhour.routing.contact.offered.v1",
		Schema: "urn:busyhour:proto:busyhour.routing.v1.ContactEvent", Op: "op-1", Time: time.Date(2026, 11, 24, 1, 2, 3, 4e6, time.UTC),
		Deprecated: &eventlog.Deprecation{
			From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Sunset: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), Migration: "urn:busyhour:type:x.v2",
		},
	}
}

// What we write is what the CloudEvents SDK reads, and what it writes of that we read.
func TestTheSDKReadsAndWritesWhatWeDo(t *testing.T) {
	e := offered()
	in := &sarama.ConsumerMessage{Value: []byte{1, 2, 3}}
	for _, h := range append(e.Headers(), eventlog.Header{Key: "ce_traceparent", Value: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}) {
		in.Headers = append(in.Headers, &sarama.RecordHeader{Key: []byte(h.Key), Value: []byte(h.Value)})
	}
	read, err := binding.ToEvent(t.Context(), kafka_sarama.NewMessageFromConsumerMessage(in))
	if err != nil {
		t.Fatal(err)
	}
	if err := read.Validate(); err != nil {
		t.Error(err)
	}
	checkRead(t, read)

	out := &sarama.ProducerMessage{}
	if err := kafka_sarama.WriteProducerMessage(t.Context(), binding.ToMessage(read), out); err != nil {
		t.Fatal(err)
	}
	m := eventlog.Message{}
	for _, h := range out.Headers {
		m.Headers = append(m.Headers, eventlog.Header{Key: string(h.Key), Value: string(h.Value)})
	}
	got, err := eventlog.ParseCloudEvent(&m)
	e.Deprecated = nil // it is for readers
	if err != nil || got != e {
		t.Errorf("read back %+v, %v, want %+v", got, err, e)
	}
	if kind := m.Header(eventlog.HeaderContentType); kind != "application/protobuf" {
		t.Errorf("content-type %q", kind)
	}
}

func checkRead(t *testing.T, e *cloudevents.Event) {
	t.Helper()
	for name, pair := range map[string][2]any{
		"id": {e.ID(), "acme/contact:c-42@7.3"}, "source": {e.Source(), "/busyhour/call-routing"}, "type": {e.Type(), "busyhour.routing.contact.offered.v1"},
		"subject": {e.Subject(), "contact:c-42"}, "datacontenttype": {e.DataContentType(), "application/protobuf"},
		"dataschema": {e.DataSchema(), "urn:busyhour:proto:busyhour.routing.v1.ContactEvent"}, "specversion": {e.SpecVersion(), "1.0"},
		"tenant": {e.Extensions()["tenant"], "acme"}, "revision": {e.Extensions()["revision"], "30064771075"},
		"traceparent": {e.Extensions()["traceparent"], "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		"deprecated":  {e.Extensions()["deprecated"], "true"}, "data": {string(e.Data()), "\x01\x02\x03"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %v, want %v", name, pair[0], pair[1])
		}
	}
	if !e.Time().Equal(offered().Time) {
		t.Errorf("time is %s", e.Time())
	}
}
