package consume

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"google.golang.org/protobuf/proto"

	"github.com/busyhour/busyhour/api/events"
	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
)

// contactEvent is a record as call-routing tells it.
func contactEvent(id string, revision Revision, state routingv1.ContactState) *sarama.ConsumerMessage {
	value, _ := proto.Marshal(&routingv1.ContactEvent{
		Kind: routingv1.ContactEvent_KIND_NOTED, Revision: &commonv1.Revision{Epoch: revision.Epoch(), N: revision.N()},
		Contact: &routingv1.Contact{Id: id, Tenant: "acme", State: state},
	})
	return record(topics.ContactEvents, id, value, map[string]string{
		headerSpecVersion: "1.0", headerID: "acme/contact:" + id + "@" + revision.String(), headerSource: "/busyhour/call-routing",
		headerType: "busyhour.routing.contact.noted.v1", headerSubject: "contact:" + id, headerTime: "2026-11-27T05:00:00.5Z",
		headerContentType: "application/protobuf", headerTenant: "acme", headerRevision: number(revision), headerOp: "op-1",
	})
}

func record(topic, key string, value []byte, headers map[string]string) *sarama.ConsumerMessage {
	m := &sarama.ConsumerMessage{Topic: topic, Key: []byte(key), Value: value, Timestamp: time.UnixMilli(1_800_000_000_000)}
	for k, v := range headers {
		m.Headers = append(m.Headers, &sarama.RecordHeader{Key: []byte(k), Value: []byte(v)})
	}
	return m
}

// with changes one header; "" takes it away.
func with(m *sarama.ConsumerMessage, key, value string) *sarama.ConsumerMessage {
	var kept []*sarama.RecordHeader
	for _, h := range m.Headers {
		if string(h.Key) != key {
			kept = append(kept, h)
		}
	}
	if value != "" {
		kept = append(kept, &sarama.RecordHeader{Key: []byte(key), Value: []byte(value)})
	}
	m.Headers = kept
	return m
}

func rev(epoch, n uint32) Revision { return Revision(epoch)<<32 | Revision(n) }

func TestAnEventIsWhatItsHeadersAndPayloadSay(t *testing.T) {
	m, err := decode(contactEvent("c-1", rev(3, 7), routingv1.ContactState_CONTACT_STATE_HELD), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	want := Meta{
		ID: "acme/contact:c-1@3.7", Source: "/busyhour/call-routing", Type: "busyhour.routing.contact.noted.v1", Tenant: "acme",
		Subject: "contact:c-1", Revision: rev(3, 7), Op: "op-1", Time: time.Date(2026, 11, 27, 5, 0, 0, 5e8, time.UTC),
		Key: "c-1", Topic: topics.ContactEvents, Logged: time.UnixMilli(1_800_000_000_000),
	}
	if m.Meta != want {
		t.Errorf("got %+v\nwant %+v", m.Meta, want)
	}
	if e := m.data.(*routingv1.ContactEvent); e.Contact.State != routingv1.ContactState_CONTACT_STATE_HELD {
		t.Errorf("got %v", e)
	}
}

func TestAKindToComeIsOfItsFamily(t *testing.T) {
	m, err := decode(with(contactEvent("c-1", rev(1, 1), 1), headerType, "busyhour.routing.contact.transferred.v1"), 1<<20)
	if err != nil || m.data.(*routingv1.ContactEvent).Contact.Id != "c-1" {
		t.Errorf("%v, %v", m, err)
	}
}

func TestATombstoneIsOfTheFamilyOfItsSubject(t *testing.T) {
	m, err := decode(record(topics.JobState, "acme/job:j-1", nil, map[string]string{headerTenant: "acme", headerSubject: "job:j-1", headerRevision: number(rev(1, 2))}), 1<<20)
	if err != nil || !m.Deleted || m.message.ProtoReflect().Descriptor().Name() != "Job" || versionOf(&m.Meta) <= Version(rev(1, 2))<<1 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestWhatIsNoEventIsRefusedWithAReason(t *testing.T) {
	other, _ := proto.Marshal(&presencev1.PresenceEvent{Revision: &commonv1.Revision{Epoch: 1, N: 1}, Presence: &presencev1.Presence{AgentId: "ann", Tenant: "acme"}})
	good := func() *sarama.ConsumerMessage { return contactEvent("c-1", rev(1, 1), 1) }
	for name, c := range map[string]struct {
		record *sarama.ConsumerMessage
		code   string
	}{
		"no CloudEvent":          {with(good(), headerSpecVersion, ""), "NOT_A_CLOUDEVENT"},
		"JSON":                   {with(good(), headerContentType, "application/json"), "CONTENT_TYPE_UNKNOWN"},
		"a version to come":      {with(good(), headerType, "busyhour.routing.contact.noted.v2"), "TYPE_UNKNOWN"},
		"no type":                {with(good(), headerType, ""), "TYPE_UNKNOWN"},
		"another topic's type":   {with(good(), headerType, "busyhour.presence.agent.noted.v1"), "TYPE_UNKNOWN"},
		"no time":                {with(good(), headerTime, ""), "HEADER_INVALID"},
		"no revision":            {with(good(), headerRevision, ""), "HEADER_INVALID"},
		"no tenant":              {with(good(), headerTenant, ""), "HEADER_MISSING"},
		"another tenant":         {with(good(), headerTenant, "other"), "WRONG_TENANT"},
		"another subject":        {with(good(), headerSubject, "contact:c-2"), "WRONG_SUBJECT"},
		"another revision":       {with(good(), headerRevision, "1"), "WRONG_REVISION"},
		"truncated":              {cut(good(), 3), "MALFORMED"},
		"a tombstone":            {valued(good(), nil), "MALFORMED"},
		"another schema":         {valued(good(), other), "WRONG_SUBJECT"},
		"huge":                   {valued(good(), make([]byte, 2<<20)), "TOO_LARGE"},
		"a marker that is none":  {valued(with(good(), headerType, events.Epoch), []byte("{")), "MALFORMED"},
		"a deletion of what not": {record(topics.ContactState, "x", nil, map[string]string{headerTenant: "acme"}), "TYPE_UNKNOWN"},
	} {
		_, err := decode(c.record, 1<<20)
		no, refused := refusalIn(err)
		if !refused || no.Code != c.code || !strings.HasPrefix(err.Error(), c.code+": ") {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

func valued(m *sarama.ConsumerMessage, value []byte) *sarama.ConsumerMessage {
	m.Value = value
	return m
}

// cut takes bytes off the end.
func cut(m *sarama.ConsumerMessage, bytes int) *sarama.ConsumerMessage {
	return valued(m, m.Value[:len(m.Value)-bytes])
}

func TestEveryMessageOfTheTableIsKnown(t *testing.T) {
	for at, m := range messages {
		aboutOf(m) // panics
		if !isGap(m) && !slices.ContainsFunc(slices.Collect(maps.Values(families)), func(f string) bool { return f == at[1] }) {
			t.Errorf("no tombstone is known of %s", at[1])
		}
	}
}
