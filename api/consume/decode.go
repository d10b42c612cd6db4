package consume

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/IBM/sarama"
	"google.golang.org/protobuf/proto"

	"github.com/busyhour/busyhour/api/events"
)

// Headers of our events: CloudEvents 1.0 in Kafka's binary mode.
const (
	headerSpecVersion = "ce_specversion"
	headerID          = "ce_id"
	headerSource      = "ce_source"
	headerType        = "ce_type"
	headerSubject     = "ce_subject"
	headerTime        = "ce_time"
	headerTenant      = "ce_tenant"
	headerRevision    = "ce_revision"
	headerOp          = "ce_op"
	headerContentType = "content-type"
	headerTraceParent = "traceparent"
)

// read is a record as it was understood.
type read struct {
	Meta
	message proto.Message // the kind of payload, as a prototype
	data    proto.Message // nil of a tombstone
	marker  *marker       // or else
}

// marker ends the reigns before its epoch: behind it, in its partition, events of its tenants with a lower epoch are void.
type marker struct {
	Tenants []string `json:"tenants"`
	Epoch   uint32   `json:"epoch"`
}

// decode understands a record, or refuses it.
func decode(r *sarama.ConsumerMessage, maxBytes int) (*read, error) {
	header := headersOf(r)
	if header[headerType] == events.Epoch {
		return decodeMarker(r)
	}
	m := &read{Meta: Meta{
		ID: header[headerID], Source: header[headerSource], Type: header[headerType], Tenant: header[headerTenant],
		Subject: header[headerSubject], Op: header[headerOp], TraceParent: header[headerTraceParent],
		Deleted: r.Value == nil && compacted(r.Topic),
		Key:     string(r.Key), Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Logged: r.Timestamp,
	}}
	if !m.Deleted {
		if err := m.checkHeaders(header); err != nil {
			return nil, err
		}
	}
	family := familyOf(m.Type)
	if m.Deleted {
		family = familyOfRecord(m.Subject)
	}
	if m.message = messages[[2]string{r.Topic, family}]; m.message == nil {
		return nil, Refuse("TYPE_UNKNOWN", "header ce_type is %.128q, subject %.128q: no event of %s that this version knows", m.Type, m.Subject, r.Topic)
	}
	if m.Tenant == "" {
		return nil, Refuse("HEADER_MISSING", "header ce_tenant")
	}
	if !isGap(m.message) {
		revision, err := strconv.ParseUint(header[headerRevision], 10, 64)
		if err != nil {
			return nil, Refuse("HEADER_INVALID", "header ce_revision is %.64q, want a number", header[headerRevision])
		}
		m.Revision = Revision(revision)
	}
	if m.Deleted {
		return m, nil
	}
	if r.Value == nil {
		return nil, Refuse("MALFORMED", "there is no value; tombstones are in compacted topics only")
	}
	if len(r.Value) > maxBytes {
		return nil, Refuse("TOO_LARGE", "the value has %d bytes, at most %d are read", len(r.Value), maxBytes)
	}
	return m, m.decodeData(r.Value)
}

func headersOf(r *sarama.ConsumerMessage) map[string]string {
	headers := make(map[string]string, len(r.Headers))
	for _, h := range r.Headers {
		if _, twice := headers[string(h.Key)]; !twice {
			headers[string(h.Key)] = string(h.Value)
		}
	}
	return headers
}

func decodeMarker(r *sarama.ConsumerMessage) (*read, error) {
	m := &marker{}
	if err := json.Unmarshal(r.Value, m); err != nil {
		return nil, Refuse("MALFORMED", "a marker that is no JSON: %v", err)
	}
	return &read{marker: m}, nil
}

func (m *read) checkHeaders(header map[string]string) (err error) {
	if v := header[headerSpecVersion]; v != "1.0" {
		return Refuse("NOT_A_CLOUDEVENT", "header ce_specversion is %.64q, want \"1.0\"", v)
	}
	if v := header[headerContentType]; v != "application/protobuf" {
		return Refuse("CONTENT_TYPE_UNKNOWN", "header content-type is %.64q, want application/protobuf", v)
	}
	if m.Time, err = time.Parse(time.RFC3339Nano, header[headerTime]); err != nil {
		return Refuse("HEADER_INVALID", "header ce_time: %v", err)
	}
	return nil
}

// decodeData reads the payload and compares what it says of itself with the headers: bytes of another message often decode.
func (m *read) decodeData(value []byte) error {
	m.data = m.message.ProtoReflect().New().Interface()
	if err := proto.Unmarshal(value, m.data); err != nil {
		return Refuse("MALFORMED", "the value is no %s: %v", m.data.ProtoReflect().Descriptor().FullName(), err)
	}
	a := aboutOf(m.data)
	switch {
	case a.subject != m.Subject:
		return Refuse("WRONG_SUBJECT", "header ce_subject is %.128q, the payload is about %.128q", m.Subject, a.subject)
	case a.tenant != m.Tenant:
		return Refuse("WRONG_TENANT", "header ce_tenant is %.64q, the payload is of tenant %.64q", m.Tenant, a.tenant)
	case a.revision != nil && revisionOf(a.revision) != m.Revision:
		return Refuse("WRONG_REVISION", "header ce_revision is %s, the payload has %s", m.Revision, revisionOf(a.revision))
	}
	return nil
}

func revisionOf(r interface {
	GetEpoch() uint32
	GetN() uint32
}) Revision {
	return Revision(r.GetEpoch())<<32 | Revision(r.GetN())
}
