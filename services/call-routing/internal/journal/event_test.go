package journal

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/busyhour/busyhour/api/events"
	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
)

func TestEventIsWhatProtobufWouldWrite(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	c := &contact.Change{
		After:    &routingv1.Contact{Id: "c-1", State: routingv1.ContactState_CONTACT_STATE_QUEUED, Attributes: map[string]string{"a": "b"}},
		Revision: &commonv1.Revision{Epoch: 2, N: 3}, Kind: routingv1.ContactEvent_KIND_QUEUED, Note: "busy",
	}
	whole, err := proto.Marshal(c.After)
	if err != nil {
		t.Fatal(err)
	}
	e := Event(c, whole, now)
	got := &routingv1.ContactEvent{}
	if err := proto.Unmarshal(e.Data, got); err != nil {
		t.Fatal(err)
	}
	want := &routingv1.ContactEvent{Kind: c.Kind, Revision: c.Revision, At: timestamppb.New(now), Contact: c.After, Note: "busy"}
	if !proto.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if e.Key != "c-1" || e.Type != "busyhour.routing.contact.queued.v1" {
		t.Errorf("key %q, type %q", e.Key, e.Type)
	}
}

func TestTypesAreWordsWithDashes(t *testing.T) {
	if got := events.Contact(routingv1.ContactEvent_KIND_OFFER_TIMED_OUT); got != "busyhour.routing.contact.offer-timed-out.v1" {
		t.Error(got)
	}
}

func TestEndedContactComesBackAsStub(t *testing.T) {
	value, _ := proto.Marshal(&routingv1.ContactEvent{Contact: &routingv1.Contact{
		Id: "c-1", State: routingv1.ContactState_CONTACT_STATE_ABANDONED, From: "+49", Attributes: map[string]string{"a": "b"},
	}})
	c, err := Contact(eventlog.Message{Value: value})
	if err != nil || c.From != "" || len(c.Attributes) != 0 || c.Id != "c-1" {
		t.Errorf("%v, %v", c, err)
	}
	if _, err := Contact(eventlog.Message{Value: []byte{0xff}}); err == nil {
		t.Error("garbage is taken for an event")
	}
	if _, err := Contact(eventlog.Message{}); err == nil {
		t.Error("an event without a contact is taken")
	}
}
