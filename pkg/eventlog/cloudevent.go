package eventlog

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
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
	HeaderDataSchema  = "ce_dataschema"
	HeaderTraceParent = "traceparent"

	// Of a type that goes, CloudEvents' deprecation extension.
	HeaderDeprecated           = "ce_deprecated"
	HeaderDeprecationFrom      = "ce_deprecationfrom"
	HeaderDeprecationSunset    = "ce_deprecationsunset"
	HeaderDeprecationMigration = "ce_deprecationmigration"
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
	// Schema is a URI that names what the value is.
	Schema string
	// Op is the id of the operation that made the change.
	Op   string
	Time time.Time
	// Deprecated is nil for a type that stays.
	Deprecated *Deprecation
}

// Deprecation says that a type of event goes.
type Deprecation struct {
	From, Sunset time.Time
	// Migration is a URI: what comes instead, or where that is said.
	Migration string
}

const source = "/busyhour/"

// ID is unique for an event: the record and its revision.
func (e CloudEvent) ID() string {
	return fmt.Sprintf("%s/%s@%d.%d", e.Tenant, e.Record, e.Epoch, e.N)
}

// Headers writes it. Trace headers are the caller's to add.
func (e CloudEvent) Headers() []Header {
	headers := []Header{
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
	if e.Schema != "" {
		headers = append(headers, Header{HeaderDataSchema, e.Schema})
	}
	if d := e.Deprecated; d != nil {
		headers = append(headers,
			Header{HeaderDeprecated, "true"},
			Header{HeaderDeprecationFrom, d.From.UTC().Format(time.RFC3339)},
			Header{HeaderDeprecationSunset, d.Sunset.UTC().Format(time.RFC3339)},
			Header{HeaderDeprecationMigration, d.Migration})
	}
	return headers
}

// TraceHeaders are the W3C trace context of the span under way, as Kafka clients look for it and as CloudEvents' extension
// has it.
func TraceHeaders(ctx context.Context) []Header {
	carrier := propagation.MapCarrier{}
	otel.GetTextMapPropagator().Inject(ctx, carrier)
	var headers []Header
	for _, key := range []string{HeaderTraceParent, "tracestate"} {
		if value := carrier[key]; value != "" {
			headers = append(headers, Header{key, value}, Header{"ce_" + key, value})
		}
	}
	if value := carrier["baggage"]; value != "" {
		headers = append(headers, Header{"baggage", value})
	}
	return headers
}

// ParseCloudEvent reads the headers of an event. The error says which is missing or wrong.
func ParseCloudEvent(m *Message) (CloudEvent, error) {
	e := CloudEvent{Tenant: m.Header(HeaderTenant), Record: m.Header(HeaderSubject), Type: m.Header(HeaderType), Schema: m.Header(HeaderDataSchema), Op: m.Header(HeaderOp)}
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
