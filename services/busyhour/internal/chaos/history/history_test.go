package history

import (
	"bytes"
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/embedded"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

func TestWhatIsRecordedIsLoaded(t *testing.T) {
	began := time.Date(2026, 11, 25, 22, 0, 0, 0, time.UTC)
	records := []Record{
		{Run: &Run{Began: began, Seed: 7}},
		{At: 1, Agent: &Agent{Tenant: "acme", ID: "ann", Capacity: map[string]int{"voice": 1}}},
		{At: 2, Signal: &Signal{Did: Sent, Tenant: "acme", Contact: "c-1", Number: 1, Kind: "offered"}},
		{At: 3, Command: &Command{Tenant: "acme", Verb: "accept", Called: 2, Returned: 3, Outcome: Done, Revision: Revision{7, 3}}},
		{At: 4, Event: &Event{Topic: "t", Offset: 5, Record: "contact:c-1", Revision: Revision{7, 2}, Contact: &Contact{State: "queued"}}},
		{At: 5, Event: &Event{Topic: "t", Offset: 4, Marker: &Marker{Tenants: []string{"acme"}, Epoch: 7}}},
		{At: 6, Fault: &Fault{Did: Begun, ID: "f1", Kind: "redis-flushall"}},
		{At: 7, Quiet: &Quiet{}},
		{At: 8, Stored: &Stored{Tenant: "acme", Name: "contact:c-1", Revision: Revision{7, 2}}},
	}
	var file bytes.Buffer
	r := NewRecorder(&file, *records[0].Run)
	for _, rec := range records[1:] {
		r.Record(rec)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	whole := bytes.Clone(file.Bytes())
	h, err := Load(&file)
	if err != nil {
		t.Fatal(err)
	}
	if want := Of(records...); !reflect.DeepEqual(h, want) {
		t.Errorf("loaded\n%+v, want\n%+v", h, want)
	}
	if h.Events[0].It.Offset != 4 {
		t.Error("events are not in the order of offsets")
	}
	if h, err = Load(bytes.NewReader(whole[:len(whole)-9])); err != nil || len(h.Stored) != 0 || h.Quiet != 7 {
		t.Errorf("a history that was cut off: %+v, %v", h, err)
	}
}

func TestEventAndRecordOfAnEndedContactHaveOneValue(t *testing.T) {
	whole := &routingv1.Contact{
		Id: "c-1", Tenant: "acme", SwitchId: "sw", CallId: "call", QueueId: "sales", State: routingv1.ContactState_CONTACT_STATE_COMPLETED,
		Since: timestamppb.Now(), From: "+1555", Legs: []*routingv1.Leg{{Last: 2, Window: 3}},
		Decision: &routingv1.Decision{Chosen: "ann", Why: "LONGEST_IDLE"},
	}
	stub := proto.CloneOf(whole)
	stub.From = ""
	if valueOf(whole) != valueOf(stub) {
		t.Error("a stub has another value than the event that left it")
	}
	stub.Legs[0].Last = 3
	if valueOf(whole) == valueOf(stub) {
		t.Error("other signals applied, and yet the same value")
	}
}

func TestPresenceKeepsItsValueInGrace(t *testing.T) {
	p := &presencev1.Presence{AgentId: "ann", Status: presencev1.Status_STATUS_AVAILABLE, Connection: presencev1.Connection_CONNECTION_CONNECTED}
	grace := proto.CloneOf(p)
	grace.Connection = presencev1.Connection_CONNECTION_GRACE
	if presenceValue(p) != presenceValue(grace) {
		t.Error("grace has another value")
	}
	grace.Status = presencev1.Status_STATUS_BREAK
	if presenceValue(p) == presenceValue(grace) {
		t.Error("another status, and yet the same value")
	}
}

func TestDumpReadsWhatACommitStored(t *testing.T) {
	server, err := embedded.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer client.Close()
	ctx := context.Background()
	c := &routingv1.Contact{Id: "c-1", QueueId: "sales", State: routingv1.ContactState_CONTACT_STATE_QUEUED}
	value, _ := proto.Marshal(c)
	key := func(name string) string { return commit.Key("acme", "call-routing", 7, name) }
	client.HSet(ctx, commit.MarkKey("acme", "call-routing"), "epoch", 7, "open", 1)
	client.HSet(ctx, key("contact:c-1"), "r", commit.Revision{Epoch: 7, N: 2}.Number(), "o", "op", "v", value)
	client.HSet(ctx, key("counters"), "offered:sales", 1)
	client.RPush(ctx, key("outbox:contact:c-1"), "entry")
	client.ZAdd(ctx, key("waiting:sales"), redis.Z{Member: "c-1"})
	client.HSet(ctx, commit.Key("acme", "call-routing", 6, "contact:c-0"), "r", 1, "o", "", "v", "")

	records, err := Dump(ctx, client, "acme", "call-routing")
	if err != nil {
		t.Fatal(err)
	}
	h := Of(records...)
	if len(h.Marks) != 1 || h.Marks[0] != (Mark{"acme", "call-routing", 7, true}) {
		t.Errorf("marks %+v", h.Marks)
	}
	if len(h.Stored) != 1 || h.Stored[0].Revision != (Revision{7, 2}) || h.Stored[0].Contact.State != "queued" || h.Stored[0].Open != 1 || h.Stored[0].Value != valueOf(c) {
		t.Errorf("stored %+v", h.Stored)
	}
	if len(h.Indexes) != 1 || h.Indexes[0].Name != "waiting:sales" || !reflect.DeepEqual(h.Indexes[0].Members, []string{"c-1"}) {
		t.Errorf("indexes %+v", h.Indexes)
	}
}

func TestEventOfReadsHeadersAndRecord(t *testing.T) {
	began := time.Date(2026, 11, 25, 22, 0, 0, 0, time.UTC)
	data, _ := proto.Marshal(&routingv1.ContactEvent{Kind: routingv1.ContactEvent_KIND_OFFERED, Contact: &routingv1.Contact{
		Id: "c-1", Channel: commonv1.Channel_CHANNEL_VOICE, State: routingv1.ContactState_CONTACT_STATE_OFFERED,
		Reservation: &routingv1.Reservation{AgentId: "ann", Workload: &commonv1.Revision{Epoch: 7, N: 4}},
	}})
	head := eventlog.CloudEvent{Service: "call-routing", Tenant: "acme", Record: "contact:c-1", Epoch: 7, N: 2, Type: "x", Op: "op", Time: began.Add(time.Second)}
	e := EventOf(eventlog.Message{Topic: topics.ContactEvents, Partition: 3, Offset: 9, Key: []byte("c-1"), Value: data, Headers: head.Headers()}, began)
	want := Contact{ID: "c-1", Channel: "voice", State: "offered", Kind: "offered", Agent: "ann", Workload: Revision{7, 4}}
	if !reflect.DeepEqual(*e.Contact, want) || e.Revision != (Revision{7, 2}) || e.Time != time.Second || e.Op != "op" || e.Unreadable != "" || e.Value == "" {
		t.Errorf("event %+v with contact %+v", e, *e.Contact)
	}
	gap := []eventlog.Header{{Key: eventlog.HeaderType, Value: "busyhour.routing.gap.v1"}, {Key: eventlog.HeaderTenant, Value: "acme"}}
	if e = EventOf(eventlog.Message{Topic: topics.ContactEvents, Headers: gap}, began); !e.Gap || e.Tenant != "acme" || e.Unreadable != "" {
		t.Errorf("a gap is read as %+v", e)
	}
	if e = EventOf(eventlog.Message{Topic: topics.ContactEvents}, began); e.Unreadable == "" {
		t.Error("a message without headers passes for an event")
	}
}
