package consume

import (
	"time"

	"google.golang.org/protobuf/proto"
)

// Event is what a handler gets. M is the message of api/gen that the type of the event names.
type Event[M proto.Message] struct {
	Meta
	// Data is the payload; nil of a tombstone.
	Data M
}

// Meta is what the headers of an event say, and where it stands.
type Meta struct {
	// ID is unique for an event: a repeat has the same.
	ID     string
	Source string
	// Type, for instance "busyhour.routing.contact.offered.v1"; empty of a tombstone.
	Type   string
	Tenant string
	// Subject is the name of the record, for instance "contact:c-42"; empty of a gap, which is about no record.
	Subject  string
	Revision Revision
	// Op is the id of the operation that made the change.
	Op string
	// Time of the decision; zero of a tombstone.
	Time time.Time
	// TraceParent is the W3C trace context, if there is one.
	TraceParent string
	// Deleted: the record has been forgotten. Only in the compacted topics.
	Deleted bool

	Key       string
	Topic     string
	Partition int32
	Offset    int64
	// Logged is when Kafka got it.
	Logged time.Time
}
