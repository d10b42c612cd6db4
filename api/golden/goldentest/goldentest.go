// Package goldentest compares what a service writes with the golden events, or writes them anew:
//
//	go test ./services/call-routing -run Golden -args -golden
package goldentest

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/busyhour/busyhour/api/events"
	"github.com/busyhour/busyhour/api/golden"
)

var update = flag.Bool("golden", false, "write the golden events anew; review them as a diff")

// epoch stands for every epoch: it follows from where Kafka's offsets happen to be.
const epoch = 7

// Compare compares the first record of each of the types with its golden event. fixed replaces ids that are another in
// each run.
func Compare(t *testing.T, records []golden.Record, fixed *strings.Replacer, types ...string) {
	t.Helper()
	slices.SortStableFunc(records, func(a, b golden.Record) int { return when(a).Compare(when(b)) }) // partitions come in any order
	first := map[string]golden.Record{}
	for _, r := range records {
		if _, seen := first[r.Headers["ce_type"]]; !seen {
			first[r.Headers["ce_type"]] = r
		}
	}
	for _, typ := range types {
		r, ok := first[typ]
		if !ok {
			t.Errorf("no event of type %s was written", typ)
			continue
		}
		e, ok := events.Of(typ)
		if !ok {
			t.Errorf("%s is not in the table of events", typ)
			continue
		}
		if err := still(&r, e, fixed); err != nil {
			t.Errorf("%s: %v", typ, err)
			continue
		}
		if *update {
			write(t, typ, r)
			continue
		}
		want, ok := golden.Of(typ)
		if !ok {
			t.Errorf("%s has no golden event: run this with -args -golden", typ)
			continue
		}
		if got, want := head(r), head(want); got != want {
			t.Errorf("%s: headers\n%s\nwant\n%s", typ, got, want)
		}
		if !bytes.Equal(r.Value, want.Value) || !bytes.Equal(r.JSON, want.JSON) {
			t.Errorf("%s: value\n%s\nwant\n%s", typ, r.JSON, want.JSON)
		}
	}
}

func when(r golden.Record) time.Time {
	at, _ := time.Parse(time.RFC3339Nano, r.Headers["ce_time"]) // others need not say
	return at
}

func write(t *testing.T, typ string, r golden.Record) {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	base := filepath.Join(filepath.Dir(here), "..", "v1", typ)
	for suffix, data := range map[string][]byte{".bin": r.Value, ".json": r.JSON, ".headers.json": []byte(head(r))} {
		if err := os.WriteFile(base+suffix, data, 0o600); err != nil {
			t.Error(err)
		}
	}
}

func head(r golden.Record) string {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		panic(err) // strings always marshal
	}
	return string(b) + "\n"
}

var (
	revisionInID = regexp.MustCompile(`@[0-9]+\.`)
	gapInID      = regexp.MustCompile(`/gap/[0-9]+/`)
	markerID     = regexp.MustCompile(`^epoch/[0-9]+/.*`)
	markerEpoch  = regexp.MustCompile(`"epoch":[0-9]+`)
	instant      = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z`)
	markerNonce  = regexp.MustCompile(`"nonce":"[^"]*"`)
)

// still takes out what is another in each run.
func still(r *golden.Record, e events.Event, fixed *strings.Replacer) error {
	r.Key = markerID.ReplaceAllString(fixed.Replace(r.Key), fmt.Sprintf("epoch/%d/once", epoch))
	for name, value := range r.Headers {
		switch name {
		case "ce_time":
			value = at("at")
		case "ce_op":
			value = "op-1"
		case "ce_id":
			value = stillID(fixed.Replace(value))
		case "ce_revision":
			var number uint64
			if _, err := fmt.Sscan(value, &number); err != nil {
				return fmt.Errorf("ce_revision: %w", err)
			}
			value = fmt.Sprint(uint64(epoch)<<32 | number&(1<<32-1))
		default:
			value = fixed.Replace(value)
		}
		r.Headers[name] = value
	}
	if e.Message == nil {
		r.Value = markerEpoch.ReplaceAll([]byte(fixed.Replace(string(r.Value))), fmt.Appendf(nil, `"epoch":%d`, epoch))
		r.Value = markerNonce.ReplaceAll(r.Value, []byte(`"nonce":"once"`))
		r.JSON = append(bytes.Clone(r.Value), '\n')
		return nil
	}
	m := e.New()
	if err := proto.Unmarshal(r.Value, m); err != nil {
		return err
	}
	stillMessage(m.ProtoReflect(), "", fixed)
	var err error
	if r.Value, err = (proto.MarshalOptions{Deterministic: true}).Marshal(m); err != nil {
		return err
	}
	compact, err := protojson.Marshal(m)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, compact, "", "  "); err != nil {
		return err
	}
	r.JSON = append(out.Bytes(), '\n')
	return nil
}

func stillID(id string) string {
	id = revisionInID.ReplaceAllString(id, fmt.Sprintf("@%d.", epoch))
	id = gapInID.ReplaceAllString(id, fmt.Sprintf("/gap/%d/", epoch))
	return markerID.ReplaceAllString(id, fmt.Sprintf("epoch/%d/once", epoch))
}

func stillMessage(m protoreflect.Message, field string, fixed *strings.Replacer) {
	switch m.Descriptor().FullName() {
	case "google.protobuf.Timestamp":
		when, err := time.Parse(time.RFC3339, at(field))
		if err != nil {
			panic(err) // it is one of ours
		}
		m.Set(m.Descriptor().Fields().ByName("seconds"), protoreflect.ValueOfInt64(when.Unix()))
		m.Clear(m.Descriptor().Fields().ByName("nanos"))
		return
	case "busyhour.common.v1.Revision":
		m.Set(m.Descriptor().Fields().ByName("epoch"), protoreflect.ValueOfUint32(epoch))
		return
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := string(f.Name())
		switch {
		case f.IsMap():
		case name == "epoch" && f.Kind() == protoreflect.Uint32Kind:
			m.Set(f, protoreflect.ValueOfUint32(epoch))
		case f.IsList():
			for i := range v.List().Len() {
				if f.Message() != nil {
					stillMessage(v.List().Get(i).Message(), name, fixed)
				} else if f.Kind() == protoreflect.StringKind {
					v.List().Set(i, protoreflect.ValueOfString(fixed.Replace(v.List().Get(i).String())))
				}
			}
		case f.Message() != nil:
			stillMessage(v.Message(), name, fixed)
		case f.Kind() == protoreflect.StringKind:
			m.Set(f, protoreflect.ValueOfString(instant.ReplaceAllString(fixed.Replace(v.String()), at("at"))))
		}
		return true
	})
}

// seconds after nine, in an order that could be.
var seconds = map[string]int{
	"created_at": 0, "queued_at": 0, "requested_at": 0, "offered_at": 1, "accepted_at": 4, "connected_at": 6, "begun_at": 2,
	"since": 10, "connection_since": 10, "heard_at": 10, "ended_at": 10, "at": 10, "deadline": 70,
}

func at(field string) string {
	n, ok := seconds[field]
	if !ok {
		n = seconds["at"]
	}
	return time.Date(2026, 1, 1, 9, 0, n, 0, time.UTC).Format(time.RFC3339)
}
