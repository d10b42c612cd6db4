package routing_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/routing/v1/routingv1connect"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

// reasonOf is the reason in the detail of an error.
func reasonOf(t *testing.T, err error) (connect.Code, *commonv1.Refusal) {
	t.Helper()
	var e *connect.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v (%T) has no code", err, err)
	}
	for _, d := range e.Details() {
		if m, err := d.Value(); err == nil {
			if r, ok := m.(*commonv1.Refusal); ok {
				return e.Code(), r
			}
		}
	}
	return e.Code(), &commonv1.Refusal{}
}

func TestBadSignalsAreRefusedAndTheOthersGoOn(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	p := s.startPod("pod-1")
	sw := p.connect("sbc-1", 1)
	sw.welcome()
	tooLong := strings.Repeat("x", 10<<10)
	for position, c := range []struct {
		reason string
		signal *routingv1.Signal
	}{
		{"", callOffered("call-1", "support")},
		{"SIGNAL_INVALID", &routingv1.Signal{CallId: tooLong, Number: 1, Kind: routingv1.SignalKind_SIGNAL_KIND_ENDED}},
		{"SIGNAL_INVALID", &routingv1.Signal{CallId: "call-1", Kind: routingv1.SignalKind_SIGNAL_KIND_ENDED}}, // neither number nor id
		{"SIGNAL_INVALID", &routingv1.Signal{CallId: "call-1", Number: 2}},                                    // no kind
		{"SIGNAL_INVALID", &routingv1.Signal{CallId: "call-1", Number: 2, Kind: 99}},
		{"SIGNAL_INVALID", &routingv1.Signal{CallId: "call-2", Number: 1, Kind: routingv1.SignalKind_SIGNAL_KIND_OFFERED}}, // no queue
		{"WRONG_TENANT", &routingv1.Signal{Tenant: "other", CallId: "call-1", Number: 2, Kind: routingv1.SignalKind_SIGNAL_KIND_ENDED}},
		{"WRONG_TENANT", &routingv1.Signal{Tenant: tooLong, CallId: "call-1", Number: 2, Kind: routingv1.SignalKind_SIGNAL_KIND_ENDED}},
		{"WRONG_SWITCH", &routingv1.Signal{SwitchId: "sbc-2", CallId: "call-1", Number: 2, Kind: routingv1.SignalKind_SIGNAL_KIND_ENDED}},
		{"QUEUE_UNKNOWN", callOffered("call-3", "nowhere")},
		{"CONTACT_UNKNOWN", answered("call-4", 1)},
		{"IMPOSSIBLE", answered("call-1", 2)}, // nobody has accepted it
		{"", ended("call-1", 3)},
		{"CONTACT_ENDED", answered("call-1", 4)},
	} {
		sw.say(c.signal)
		if c.reason == "" {
			continue
		}
		r := sw.refused(uint64(position + 1))
		if r.Refusal.Reason != c.reason || r.Message == "" || r.Refusal.Help == "" {
			t.Errorf("position %d: %v, want %s", position+1, r, c.reason)
		}
		if (c.reason == "IMPOSSIBLE" || c.reason == "CONTACT_ENDED") && (r.Refusal.Record == "" || r.Refusal.Revision.GetN() == 0) {
			t.Errorf("position %d: the refusal names no record: %v", position+1, r)
		}
		if len(r.Message) > 2000 {
			t.Errorf("position %d: the message has %d bytes", position+1, len(r.Message))
		}
	}
	sw.acked() // refused ones count as handled
	if n := p.metric("busyhour_routing_signals_total", "refused"); n != 4 {
		t.Errorf("%v refused signals are counted", n)
	}
}

func TestStreamEndsWhereItsRulesAreBroken(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	p := s.startPod("pod-1")
	hello := func(of, sw string) *routingv1.ConnectRequest {
		return &routingv1.ConnectRequest{Message: &routingv1.ConnectRequest_Hello{Hello: &routingv1.Hello{Tenant: of, SwitchId: sw, StreamId: "s", ResumeFrom: 1}}}
	}
	batch := func(first uint64) *routingv1.ConnectRequest {
		o := callOffered("call-1", "support")
		o.Tenant, o.SwitchId = s.tenant, "sbc-1"
		return &routingv1.ConnectRequest{Message: &routingv1.ConnectRequest_Signals{Signals: &routingv1.SignalBatch{FirstPosition: first, Signals: []*routingv1.Signal{o}}}}
	}
	large := batch(1)
	large.GetSignals().Signals[0].Offered.Attributes = map[string]string{"note": strings.Repeat("x", 2<<20)}
	for name, c := range map[string]struct {
		code   connect.Code
		reason string
		say    []*routingv1.ConnectRequest
	}{
		"no hello":          {connect.CodeInvalidArgument, "HELLO_MISSING", []*routingv1.ConnectRequest{batch(1)}},
		"empty message":     {connect.CodeInvalidArgument, "", []*routingv1.ConnectRequest{{}}},
		"unknown tenant":    {connect.CodeNotFound, "TENANT_UNKNOWN", []*routingv1.ConnectRequest{hello("other", "sbc-1")}},
		"tenant of 10 kB":   {connect.CodeInvalidArgument, "", []*routingv1.ConnectRequest{hello(strings.Repeat("x", 10<<10), "sbc-1")}},
		"switch of 10 kB":   {connect.CodeInvalidArgument, "", []*routingv1.ConnectRequest{hello(s.tenant, strings.Repeat("x", 10<<10))}},
		"second hello":      {connect.CodeInvalidArgument, "HELLO_REPEATED", []*routingv1.ConnectRequest{hello(s.tenant, "sbc-1"), hello(s.tenant, "sbc-1")}},
		"gap":               {connect.CodeInvalidArgument, "POSITION_GAP", []*routingv1.ConnectRequest{hello(s.tenant, "sbc-1"), batch(2)}},
		"oversized message": {connect.CodeResourceExhausted, "", []*routingv1.ConnectRequest{hello(s.tenant, "sbc-1"), large}},
	} {
		t.Run(name, func(t *testing.T) {
			l := p.dial("sbc-1")
			for _, m := range c.say {
				l.send(m)
			}
			err := l.ends()
			code, refusal := reasonOf(t, err)
			if code != c.code || refusal.Reason != c.reason {
				t.Errorf("%v with %v, want %v %s", err, refusal, c.code, c.reason)
			}
		})
	}
	t.Run("invalid UTF-8", func(t *testing.T) {
		// A Go client cannot even send it, so it goes out as bytes that lie.
		hello, _ := proto.Marshal(hello(s.tenant, "sbc-1"))
		text := protowire.AppendString(protowire.AppendTag(nil, 3, protowire.BytesType), "\xff\xfe")
		signal := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), text)
		bad := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), signal)
		client := connect.NewClient[raw, raw](s.http2(), p.url+routingv1connect.SignalingServiceConnectProcedure, connect.WithGRPC(), connect.WithCodec(rawCodec{}))
		st := client.CallBidiStream(t.Context())
		for _, b := range [][]byte{hello, bad} {
			if err := st.Send(&raw{b}); err != nil {
				t.Fatal(err)
			}
		}
		for {
			_, err := st.Receive()
			if err == nil {
				continue
			}
			if code := connect.CodeOf(err); code != connect.CodeInvalidArgument {
				t.Errorf("%v", err)
			}
			return
		}
	})
	// The pod is as it was.
	sw := p.connect("sbc-1", 1)
	sw.welcome()
	sw.say(callOffered("call-9", "support"))
	sw.acked()
}

// raw are bytes that stand for any message.
type raw struct{ bytes []byte }

type rawCodec struct{}

func (rawCodec) Name() string                  { return "proto" }
func (rawCodec) Marshal(m any) ([]byte, error) { return m.(*raw).bytes, nil }
func (rawCodec) Unmarshal(b []byte, m any) error {
	m.(*raw).bytes = append([]byte(nil), b...)
	return nil
}

func TestBadRecordsAreBuriedAndTheGroupMovesOn(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	p := s.startPod("pod-1")
	good := func(call string) *routingv1.Signal {
		o := callOffered(call, "support")
		o.Tenant, o.SwitchId = s.tenant, "pbx-1"
		return o
	}
	value := func(m proto.Message) []byte {
		b, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	changed := func(f func(*routingv1.Signal)) []byte {
		o := good("call-x")
		f(o)
		return value(o)
	}
	headers := func(more ...eventlog.Header) []eventlog.Header {
		return append([]eventlog.Header{{Key: "ce_specversion", Value: "1.0"}, {Key: "ce_type", Value: "busyhour.routing.signal.v1"}, {Key: "content-type", Value: "application/protobuf"}}, more...)
	}
	invalidUTF8 := protowire.AppendString(protowire.AppendTag(nil, 3, protowire.BytesType), "\xff\xfe")
	bad := []struct {
		reason  string
		headers []eventlog.Header
		value   []byte
	}{
		{"NOT_A_CLOUDEVENT", nil, value(good("call-x"))},
		{"TYPE_UNKNOWN", []eventlog.Header{{Key: "ce_specversion", Value: "1.0"}, {Key: "ce_type", Value: "busyhour.routing.signal.v2"}}, value(good("call-x"))},
		{"CONTENT_TYPE_UNKNOWN", []eventlog.Header{{Key: "ce_specversion", Value: "1.0"}, {Key: "ce_type", Value: "busyhour.routing.signal.v1"}, {Key: "content-type", Value: "application/json"}}, []byte("{}")},
		{"MALFORMED", headers(), []byte("this is no protobuf")},
		{"MALFORMED", headers(), invalidUTF8},
		{"SIGNAL_INVALID", headers(), nil},
		{"SIGNAL_INVALID", headers(), changed(func(o *routingv1.Signal) { o.CallId = strings.Repeat("x", 10<<10) })},
		{"SIGNAL_INVALID", headers(), changed(func(o *routingv1.Signal) { o.Number = 0 })},
		{"WRONG_TENANT", headers(eventlog.Header{Key: "ce_tenant", Value: "other"}), value(good("call-x"))},
		{"TENANT_UNKNOWN", headers(), changed(func(o *routingv1.Signal) { o.Tenant = "other" })},
		{"QUEUE_UNKNOWN", headers(), changed(func(o *routingv1.Signal) { o.Offered.QueueId = "nowhere" })},
		{"TOO_LARGE", headers(), make([]byte, 900<<10)},
		{"CONTACT_UNKNOWN", headers(), changed(func(o *routingv1.Signal) { o.Kind, o.Offered = routingv1.SignalKind_SIGNAL_KIND_ENDED, nil })},
	}
	producer, err := eventlog.NewProducer(s.kafkaConfig(prometheus.NewRegistry()))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for i, b := range bad {
		// One key, so one partition: whatever is not moved on from holds up all that follows.
		m := eventlog.Message{Topic: topics.Signals, Key: []byte(s.tenant), Headers: b.headers, Value: b.value}
		if err := producer.Send(t.Context(), m, eventlog.Message{Topic: topics.Signals, Key: []byte(s.tenant), Headers: headers(), Value: value(good(fmt.Sprint("call-", i)))}); err != nil {
			t.Fatal(err)
		}
	}
	s.await("all good calls wait", func() bool { return s.figures(p, "support").Waiting == uint32(len(bad)) })
	s.await("all bad records are buried", func() bool { return len(s.buried()) >= len(bad) })
	want := map[string]int{}
	for _, b := range bad {
		want[b.reason]++
	}
	for _, m := range s.buried() {
		reason, _, _ := strings.Cut(m.Header(eventlog.HeaderDeadLetterReason), ":")
		want[reason]--
		if m.Header(eventlog.HeaderDeadLetterTopic) != topics.Signals || string(m.Key) != s.tenant {
			t.Errorf("dead letter %v does not say where it stood", m.Headers)
		}
	}
	for reason, missing := range want {
		if missing != 0 {
			t.Errorf("%d dead letters too few because of %s", missing, reason)
		}
	}
}

// buried are the dead letters of this test.
func (s *stage) buried() (mine []eventlog.Message) {
	s.Helper()
	for _, m := range s.topic(topics.RoutingDeadLetter) {
		if string(m.Key) == s.tenant {
			mine = append(mine, m)
		}
	}
	return mine
}

func TestDuplicatesVanishWithinAndAcrossPaths(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	p := s.startPod("pod-1")
	sw := p.connect("sbc-1", 1)
	sw.welcome()
	producer, err := eventlog.NewProducer(s.kafkaConfig(prometheus.NewRegistry()))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	const calls = 20
	for i := range calls {
		call := fmt.Sprint("call-", i)
		both := []*routingv1.Signal{callOffered(call, "support"), ended(call, 2)}
		for _, signal := range both {
			signal.Tenant, signal.SwitchId = s.tenant, "sbc-1"
			b, err := proto.Marshal(signal)
			if err != nil {
				t.Fatal(err)
			}
			m := eventlog.Message{Topic: topics.Signals, Key: []byte(call), Value: b, Headers: []eventlog.Header{{Key: "ce_specversion", Value: "1.0"}, {Key: "ce_type", Value: "busyhour.routing.signal.v1"}}}
			if err := producer.Send(t.Context(), m, m); err != nil {
				t.Fatal(err)
			}
		}
		sw.say(both[0], both[0], both[1], both[1])
	}
	sw.acked()
	signals := func(outcome string) float64 { return p.metric("busyhour_routing_signals_total", outcome) }
	s.await("all copies have come", func() bool { return signals("applied")+signals("duplicate") == calls*8 })
	if n := signals("applied"); n != calls*2 {
		t.Errorf("%v signals were applied, not %d", n, calls*2)
	}
	if n := len(s.events()); n != calls*2 {
		t.Errorf("the log has %d events, not %d", n, calls*2)
	}
	s.checkLog(t)
}

func TestRequestsThatCannotBeAreRefusedWithTheirReason(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	p := s.startPod("pod-1")
	sw := p.connect("sbc-1", 1)
	sw.welcome()
	sw.say(callOffered("call-1", "support"))
	sw.acked()
	list, err := p.routing().ListContacts(t.Context(), connect.NewRequest(&routingv1.ListContactsRequest{Tenant: s.tenant}))
	if err != nil || len(list.Msg.Contacts) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	id := list.Msg.Contacts[0].Id
	c := p.routing()
	act := func(of, contact string, a routingv1.ActRequest_Action) error {
		_, err := c.Act(t.Context(), connect.NewRequest(&routingv1.ActRequest{Tenant: of, AgentId: "anna", ContactId: contact, Action: a}))
		return err
	}
	get := func(of, id string) error {
		_, err := c.GetContact(t.Context(), connect.NewRequest(&routingv1.GetContactRequest{Tenant: of, ContactId: id}))
		return err
	}
	page := func(token string) error {
		_, err := c.ListContacts(t.Context(), connect.NewRequest(&routingv1.ListContactsRequest{Tenant: s.tenant, PageToken: token}))
		return err
	}
	watch := func(of string) error {
		st, err := c.WatchQueueFigures(t.Context(), connect.NewRequest(&routingv1.WatchQueueFiguresRequest{Tenant: of}))
		if err != nil {
			return err
		}
		st.Receive()
		return st.Err()
	}
	closing := func(id, reason string) error {
		_, err := c.CloseContact(t.Context(), connect.NewRequest(&routingv1.CloseContactRequest{Tenant: s.tenant, ContactId: id, Reason: reason}))
		return err
	}
	for i, want := range []struct {
		code   connect.Code
		reason string
		err    error
	}{
		{connect.CodePermissionDenied, "OFFER_NOT_YOURS", act(s.tenant, id, accept)},
		{connect.CodeNotFound, "CONTACT_UNKNOWN", act(s.tenant, "c-none", accept)},
		{connect.CodeNotFound, "TENANT_UNKNOWN", act("other", id, accept)},
		{connect.CodeInvalidArgument, "", act(s.tenant, id, 0)},
		{connect.CodeInvalidArgument, "", act(s.tenant, id, 99)},
		{connect.CodeInvalidArgument, "", act(s.tenant, strings.Repeat("x", 10<<10), accept)},
		{connect.CodeNotFound, "CONTACT_UNKNOWN", get(s.tenant, "c-none")},
		{connect.CodeNotFound, "TENANT_UNKNOWN", get("other", id)},
		{connect.CodeInvalidArgument, "PAGE_TOKEN_INVALID", page("?")},
		{connect.CodeInvalidArgument, "PAGE_TOKEN_INVALID", page("LTEuMA")},
		{connect.CodeNotFound, "TENANT_UNKNOWN", watch("other")},
		{connect.CodeNotFound, "CONTACT_UNKNOWN", closing("c-none", "test")},
		{connect.CodeInvalidArgument, "", closing(id, "")},
	} {
		code, refusal := reasonOf(t, want.err)
		if code != want.code || refusal.Reason != want.reason {
			t.Errorf("%d: %v with %v, want %v %s", i, want.err, refusal, want.code, want.reason)
		}
	}
	_, refusal := reasonOf(t, act(s.tenant, id, accept))
	if refusal.Record != "contact:"+id || refusal.Revision.GetN() != 1 {
		t.Errorf("the refusal names %v", refusal)
	}
}
