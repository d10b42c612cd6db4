package contract

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/busyhour/busyhour/api/events"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
)

func signal() *routingv1.Signal {
	return &routingv1.Signal{
		Tenant: "acme", SwitchId: "sbc-1", CallId: "call-7", Number: 1, Kind: routingv1.SignalKind_SIGNAL_KIND_OFFERED,
		Offered: &routingv1.CallOffered{QueueId: "support"},
	}
}

// sample is a good one, or what change makes of it.
func sample(m proto.Message, change func(*Sample)) Sample {
	value, _ := proto.Marshal(m)
	key := "call-7"
	s := Sample{Name: "sample", Key: &key, Value: value, Headers: map[string]string{
		"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/sbc-1", "ce_type": events.Signal, "ce_tenant": "acme",
		"content-type": "application/protobuf", "ce_time": "2026-11-27T09:00:00.5Z",
		"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}}
	if change != nil {
		change(&s)
	}
	return s
}

func TestAGoodSampleHasNoProblem(t *testing.T) {
	asJSON := func(s *Sample) {
		s.Value, s.JSON = nil, json.RawMessage(`{"tenant": "acme", "switchId": "sbc-1", "callId": "call-7", "id": "x", "kind": "SIGNAL_KIND_RINGING"}`)
	}
	for _, s := range []Sample{sample(signal(), nil), sample(signal(), asJSON)} {
		if p := Check(topics.Signals, s); len(p) > 0 {
			t.Errorf("%v", p)
		}
	}
}

func TestEachProblemIsNamedWithWhatToDo(t *testing.T) {
	header := func(key, value string) Sample {
		return sample(signal(), func(s *Sample) {
			s.Headers = maps.Clone(s.Headers)
			delete(s.Headers, key)
			if value != "" {
				s.Headers[key] = value
			}
		})
	}
	broken, large := signal(), signal()
	broken.Number, broken.Offered = 0, nil
	large.Offered.Attributes = map[string]string{"a": strings.Repeat("x", 70_000)}
	other := "call-8"
	for name, c := range map[string]struct {
		topic  string
		sample Sample
		says   []string
	}{
		"a topic of ours":    {topics.ContactEvents, sample(signal(), nil), []string{"nobody but Busyhour writes to " + topics.ContactEvents, topics.Requests}},
		"no topic":           {"no.such.topic", sample(signal(), nil), []string{"nobody but", topics.PresenceCommands}},
		"another type":       {topics.Signals, header("ce_type", "busyhour.routing.signal.v2"), []string{`"busyhour.routing.signal.v2"`, "set it to " + events.Signal}},
		"no version":         {topics.Signals, header("ce_specversion", ""), []string{"ce_specversion"}},
		"no id":              {topics.Signals, header("ce_id", ""), []string{"ce_id is missing"}},
		"no source":          {topics.Signals, header("ce_source", ""), []string{"ce_source is missing"}},
		"no tenant":          {topics.Signals, header("ce_tenant", ""), []string{"ce_tenant is missing"}},
		"another tenant":     {topics.Signals, header("ce_tenant", "other"), []string{`ce_tenant is "other", the payload is of "acme"`}},
		"no content type":    {topics.Signals, header("content-type", ""), []string{"content-type", "application/protobuf"}},
		"a strange time":     {topics.Signals, header("ce_time", "yesterday"), []string{`ce_time is "yesterday"`}},
		"another schema":     {topics.Signals, header("ce_dataschema", "urn:x"), []string{"ce_dataschema", events.SchemaSignal}},
		"a strange trace":    {topics.Signals, header("traceparent", "1-2-3"), []string{"traceparent"}},
		"capital letters":    {topics.Signals, header("CE_Subject", "x"), []string{"write it ce_subject"}},
		"no protobuf":        {topics.Signals, sample(signal(), func(s *Sample) { s.Value = []byte("\xff\xff") }), []string{"the value is no busyhour.routing.v1.Signal"}},
		"a schema id before": {topics.Signals, sample(signal(), func(s *Sample) { s.Value = append([]byte{0, 0, 0, 0, 1, 0}, s.Value...) }), []string{"without a length, a schema id"}},
		"a field too many":   {topics.Signals, sample(signal(), func(s *Sample) { s.Value, s.JSON = nil, json.RawMessage(`{"color": "red"}`) }), []string{"color"}},
		"no value":           {topics.Signals, sample(signal(), func(s *Sample) { s.Value = nil }), []string{"there is no value"}},
		"broken rules":       {topics.Signals, sample(broken, nil), []string{"a signal needs a number per leg, or an id", "a signal of kind offered says which queue is wanted"}},
		"too large":          {topics.Signals, sample(large, nil), []string{"takes at most 65536", "offered.attributes"}},
		"no key":             {topics.Signals, sample(signal(), func(s *Sample) { s.Key = nil }), []string{"there is no key", "call_id"}},
		"another key":        {topics.Signals, sample(signal(), func(s *Sample) { s.Key = &other }), []string{`the key is "call-8", call_id is "call-7"`}},
	} {
		var text strings.Builder
		for _, p := range Check(c.topic, c.sample) {
			if p.Do == "" {
				t.Errorf("%s: %q does not say what to do", name, p.What)
			}
			text.WriteString(p.String() + "\n")
		}
		for _, want := range c.says {
			if !strings.Contains(text.String(), want) {
				t.Errorf("%s: got\n%s\nwant a word of %q", name, text.String(), want)
			}
		}
	}
}

func TestSamplesAreReadFromFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	two := write("two.jsonl", `{"key": "a", "headers": {}, "value": {}} {"key": "b", "headers": {"x": "y"}, "valueBase64": "AAE="}`)
	binary := write("sample.bin", "\x00\x01")
	write("sample.bin"+headersSuffix, `{"key": "c", "headers": {"x": "z"}}`)
	for path, want := range map[string]int{two: 2, binary: 1} {
		samples, err := Read(path)
		if err != nil || len(samples) != want {
			t.Fatalf("%s: %d samples, %v", path, len(samples), err)
		}
		last := samples[len(samples)-1]
		if string(last.Value) != "\x00\x01" || last.Headers["x"] == "" || last.Key == nil {
			t.Errorf("%s: %+v", path, last)
		}
	}
	for path, says := range map[string]string{
		write("alone.bin", "x"):                           "alone.bin" + headersSuffix,
		write("typo.json", `{"heders": {}}`):              "heders",
		write("empty.json", ``):                           "has no event",
		filepath.Join(dir, "nowhere.json"):                "nowhere.json",
		write("bytes.json", `{"valueBase64": "not b64"}`): "valueBase64",
	} {
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want a word of %q", path, err, says)
		}
	}
}
