// Package tail shows what stands in a topic: events, markers, tombstones and dead letters, decoded.
package tail

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/busyhour/busyhour/api/events"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

// Record is what is shown of one.
type Record struct {
	Topic     string    `json:"topic"`
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	Time      time.Time `json:"time"`
	Type      string    `json:"type,omitempty"`
	Tenant    string    `json:"tenant,omitempty"`
	Key       string    `json:"key"`
	Subject   string    `json:"subject,omitempty"`
	// Revision is epoch.n.
	Revision string `json:"revision,omitempty"`
	// Tombstone: the record is forgotten.
	Tombstone bool `json:"tombstone,omitempty"`
	// DeadLetter says why it is one.
	DeadLetter string `json:"dead_letter,omitempty"`
	// Data is the payload as JSON; of what can't be decoded its bytes in base64, and Problem says why.
	Data    json.RawMessage `json:"data,omitempty"`
	Problem string          `json:"problem,omitempty"`

	bytes int
}

const dateTime = "2006-01-02T15:04:05.000"

// read tells what a message is.
func read(m eventlog.Message) Record {
	r := Record{
		Topic: m.Topic, Partition: m.Partition, Offset: m.Offset, Time: m.Time.UTC(),
		Type: m.Header(eventlog.HeaderType), Tenant: m.Header(eventlog.HeaderTenant), Key: string(m.Key), Subject: m.Header(eventlog.HeaderSubject),
		Tombstone: m.Value == nil, DeadLetter: m.Header(eventlog.HeaderDeadLetterReason), bytes: len(m.Value),
	}
	if n, err := strconv.ParseUint(m.Header(eventlog.HeaderRevision), 10, 64); err == nil {
		r.Revision = fmt.Sprintf("%d.%d", n>>32, uint32(n))
	}
	if m.Value == nil {
		return r
	}
	data, tenant, err := decode(r.Type, m.Value)
	if err != nil {
		r.Problem = err.Error()
		data, _ = json.Marshal(base64.StdEncoding.EncodeToString(m.Value))
	}
	r.Data = data
	if r.Tenant == "" {
		r.Tenant = tenant // commands and signals need no header
	}
	return r
}

// decode gives a payload as one line of JSON, and its tenant where it names one.
func decode(typ string, value []byte) (data json.RawMessage, tenant string, err error) {
	e, known := events.Of(typ)
	switch {
	case !known:
		return nil, "", fmt.Errorf("no type of ours: %q", typ)
	case e.Message == nil:
		data, err = compact(value)
		return data, "", err
	}
	message := e.New()
	if err := proto.Unmarshal(value, message); err != nil {
		return nil, "", err
	}
	text, err := protojson.Marshal(message)
	if err != nil {
		return nil, "", err
	}
	if named, ok := message.(interface{ GetTenant() string }); ok {
		tenant = named.GetTenant()
	}
	data, err = compact(text) // protojson puts spaces at random, so that nobody compares its text
	return data, tenant, err
}

func compact(text []byte) (json.RawMessage, error) {
	var line bytes.Buffer
	err := json.Compact(&line, text)
	return line.Bytes(), err
}

// line is the record for people.
func (r Record) line() string {
	words := []string{r.Time.Local().Format(dateTime), dash(short(r.Type)), dash(r.Tenant), printable(r.Key)}
	switch {
	case r.Tombstone:
		words[1] = "TOMBSTONE"
	case r.Type == events.Epoch:
		words[1] = "MARKER"
	}
	words = append(words, dash(r.Revision))
	if r.DeadLetter != "" {
		words = append(words, "DEAD LETTER "+strconv.Quote(r.DeadLetter))
	}
	switch {
	case r.Problem != "":
		words = append(words, fmt.Sprintf("UNREADABLE %q, %d bytes", r.Problem, r.bytes))
	case !r.Tombstone:
		words = append(words, string(r.Data))
	}
	return strings.Join(words, "  ")
}

// short leaves out of a type what all have.
func short(typ string) string {
	return strings.TrimSuffix(strings.TrimPrefix(typ, "busyhour."), ".v1")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return printable(s)
}

func printable(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return s
	}
	return strconv.Quote(s)
}
