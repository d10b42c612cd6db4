package tail

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/busyhour/busyhour/api/events"
	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/embedded"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

type stage struct {
	*testing.T
	cfg      eventlog.Config
	producer *eventlog.Producer
}

func set(t *testing.T) *stage {
	t.Helper()
	k, err := embedded.StartKafka("", t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	s := &stage{T: t, cfg: eventlog.Config{Brokers: []string{k.Addr}}}
	if _, err := eventlog.Ensure(t.Context(), s.cfg, []eventlog.TopicSpec{
		{Name: topics.ContactEvents, Partitions: 2, Cleanup: "delete", Retention: time.Hour},
		{Name: topics.ContactState, Partitions: 1, Cleanup: "compact"},
		{Name: topics.RoutingDeadLetter, Partitions: 1, Cleanup: "delete", Retention: time.Hour},
	}, 1); err != nil {
		t.Fatal(err)
	}
	if s.producer, err = eventlog.NewProducer(s.cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.producer.Close() })
	return s
}

func event(topic, tenant, id string, n uint32) eventlog.Message {
	value, _ := proto.Marshal(&routingv1.ContactEvent{Revision: &commonv1.Revision{Epoch: 3, N: n}, Contact: &routingv1.Contact{Id: id, Tenant: tenant}})
	e := eventlog.CloudEvent{Service: "call-routing", Tenant: tenant, Record: "contact:" + id, Epoch: 3, N: n, Type: events.ContactQueued, Time: time.Now()}
	return eventlog.Message{Topic: topic, Key: []byte(id), Value: value, Headers: e.Headers()}
}

func (s *stage) send(messages ...eventlog.Message) {
	s.Helper()
	if err := s.producer.Send(s.Context(), messages...); err != nil {
		s.Fatal(err)
	}
}

// show runs until the end, and gives the lines.
func (s *stage) show(topic string, change func(*Config)) []string {
	s.Helper()
	cfg := Config{Kafka: s.cfg, Topic: topic, From: From{place: "beginning"}, UntilEnd: true}
	if change != nil {
		change(&cfg)
	}
	var out bytes.Buffer
	if err := Run(s.Context(), &out, cfg); err != nil {
		s.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func TestWhatStandsInATopicIsShownDecoded(t *testing.T) {
	s := set(t)
	if _, err := eventlog.FenceTopic(t.Context(), s.producer, eventlog.Fence{Topic: topics.ContactState, Marker: eventlog.Marker{Tenants: []string{"acme"}, Epoch: 3, Nonce: "x"}}); err != nil {
		t.Fatal(err)
	}
	tombstone := event(topics.ContactState, "acme", "c-2", 4)
	tombstone.Value, tombstone.Headers = nil, []eventlog.Header{{Key: eventlog.HeaderTenant, Value: "acme"}, {Key: eventlog.HeaderSubject, Value: "contact:c-2"}, {Key: eventlog.HeaderRevision, Value: "12884901892"}}
	bad := event(topics.ContactState, "acme", "c-3", 5)
	bad.Value = []byte("\xff\xff")
	s.send(event(topics.ContactState, "acme", "c-1", 1), tombstone, bad)
	lines := s.show(topics.ContactState, nil)
	for i, want := range [][]string{
		{"MARKER", `{"tenants":["acme"],"epoch":3,"nonce":"x"}`},
		{"routing.contact.queued  acme  c-1  3.1", `"contact":{"id":"c-1","tenant":"acme"}`},
		{"TOMBSTONE  acme  c-2  3.4"},
		{"c-3  3.5  UNREADABLE", "2 bytes"},
	} {
		for _, word := range want {
			if i >= len(lines) || !strings.Contains(lines[i], word) {
				t.Fatalf("line %d has no %q:\n%s", i+1, word, strings.Join(lines, "\n"))
			}
		}
	}

	letter := eventlog.DeadLetter(topics.RoutingDeadLetter, bad, "MALFORMED: no such thing")
	s.send(letter)
	if got := s.show(topics.RoutingDeadLetter, nil)[0]; !strings.Contains(got, `DEAD LETTER "MALFORMED: no such thing"`) {
		t.Error(got)
	}
}

func TestOnlyWhatIsAskedForIsShown(t *testing.T) {
	s := set(t)
	s.send(event(topics.ContactEvents, "acme", "c-1", 1), event(topics.ContactEvents, "other", "c-2", 1), event(topics.ContactEvents, "acme", "c-3", 1))
	for name, c := range map[string]struct {
		change func(*Config)
		lines  int
	}{
		"all":             {nil, 3},
		"a tenant":        {func(c *Config) { c.Tenant = "acme" }, 2},
		"a key":           {func(c *Config) { c.Key = "c-3" }, 1},
		"since a while":   {func(c *Config) { c.From = From{ago: time.Hour} }, 3},
		"since just now":  {func(c *Config) { c.From = From{} }, 0},
		"what comes only": {func(c *Config) { c.From = End }, 0},
	} {
		got := s.show(topics.ContactEvents, c.change)
		if len(got) == 1 && got[0] == "" {
			got = nil
		}
		if len(got) != c.lines {
			t.Errorf("%s: %d lines, want %d:\n%s", name, len(got), c.lines, strings.Join(got, "\n"))
		}
	}
	r := Record{}
	if err := json.Unmarshal([]byte(s.show(topics.ContactEvents, func(c *Config) { c.Key, c.JSON = "c-2", true })[0]), &r); err != nil || r.Subject != "contact:c-2" || r.Revision != "3.1" {
		t.Errorf("as JSON: %+v, %v", r, err)
	}
}

func TestItGoesOnWithWhatComes(t *testing.T) {
	s := set(t)
	s.send(event(topics.ContactEvents, "acme", "c-0", 1))
	ctx, stop := context.WithCancel(t.Context())
	read, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, out, Config{Kafka: s.cfg, Topic: topics.ContactEvents, From: From{place: "beginning"}})
	}()
	line := make([]byte, 4096)
	for _, id := range []string{"c-0", "c-1", "c-2"} {
		if id != "c-0" {
			s.send(event(topics.ContactEvents, "acme", id, 1))
		}
		n, err := read.Read(line)
		if err != nil || !strings.Contains(string(line[:n]), id) {
			t.Fatalf("want %s: %s, %v", id, line[:n], err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestFromIsReadFromAFlag(t *testing.T) {
	for text, want := range map[string]From{"beginning": {place: "beginning"}, "end": End, "10m": {ago: 10 * time.Minute}} {
		var f From
		if err := f.Set(text); err != nil || f != want {
			t.Errorf("%s: %+v, %v", text, f, err)
		}
	}
	for _, text := range []string{"yesterday", "-5m", ""} {
		if err := new(From).Set(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
