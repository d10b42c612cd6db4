package eventlog

import (
	"fmt"
	"strconv"
	"time"
)

// Headers of an event: CloudEvents 1.0 in Kafka's binary mode, with our own extensions tenant, revision and op.
// https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
const (
	HeaderSpecVersion = "ce_specversion"
	HeaderID          = "ce_id"
	HeaderSource      = "ce_source"
	HeaderType        = "ce_type"
	HeaderSubject     = "ce_subject"
	HeaderTime        = "ce_time"
	HeaderTenant      = "ce_tenant"
	HeaderRevision    = "ce_revision"
	HeaderOp          = "ce_op"
	HeaderContentType = "content-type"
	HeaderTraceParent = "traceparent"
)

// CloudEvent is what the headers of an event say.
type CloudEvent struct {
	// Service that tells it, for instance "call-routing".
	Service string
	Tenant  string
	// Record is the name of the record that changed; Epoch and N are its revision after the change.
	Record   string
	Epoch, N uint32
	// Type, for instance "busyhour.routing.contact.offered.v1".
	Type string
	// Op is the id of the operation that made the change.
	Op   string
	Time time.Time
}

const source = "/busyhour/"

// ID is unique for an event: the record and its revision.
func (e CloudEvent) ID() string {
	return fmt.Sprintf("%s/%s@%d.%d", e.Tenant, e.Record, e.Epoch, e.N)
}

// Headers writes it. Trace headers are the caller's to add.
func (e CloudEvent) Headers() []Header {
	return []Header{
		{HeaderSpecVersion, "1.0"},
		{HeaderID, e.ID()},
		{HeaderSource, source + e.Service},
		{HeaderType, e.Type},
		{HeaderSubject, e.Record},
		{HeaderTime, e.Time.UTC().Format(time.RFC3339Nano)},
		{HeaderContentType, "application/protobuf"},
		{HeaderTenant, e.Tenant},
		{HeaderRevision, strconv.FormatUint(uint64(e.Epoch)<<32|uint64(e.N), 10)},
		{HeaderOp, e.Op},
	}
}

// ParseCloudEvent reads the headers of an event. The error says which is missing or wrong.
func ParseCloudEvent(m *Message) (CloudEvent, error) {
	e := CloudEvent{Tenant: m.Header(HeaderTenant), Record: m.Header(HeaderSubject), Type: m.Header(HeaderType), Op: m.Header(HeaderOp)}
	if v := m.Header(HeaderSpecVersion); v != "1.0" {
		return e, fmt.Errorf("header %s is %q, want \"1.0\"", HeaderSpecVersion, v)
	}
	for key, value := range map[string]string{HeaderTenant: e.Tenant, HeaderSubject: e.Record, HeaderType: e.Type} {
		if value == "" {
			return e, fmt.Errorf("header %s is missing", key)
		}
	}
	var err error
	if e.Epoch, e.N, err = revisionOf(m); err != nil {
		return e, err
	}
	if e.Time, err = time.Parse(time.RFC3339Nano, m.Header(HeaderTime)); err != nil {
		return e, fmt.Errorf("header %s: %w", HeaderTime, err)
	}
	if s := m.Header(HeaderSource); len(s) > len(source) && s[:len(source)] == source {
		e.Service = s[len(source):]
	}
	return e, nil
}

func revisionOf(m *Message) (epoch, n uint32, err error) {
	v, err := strconv.ParseUint(m.Header(HeaderRevision), 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("header %s: %w", HeaderRevision, err)
	}
	return uint32(v >> 32), uint32(v), nil
}
