// Package journal turns what happened to a contact into the log's record of it, and back.
package journal

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/busyhour/busyhour/api/events"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
)

// contactField is the number of ContactEvent.contact.
const contactField = 4

// Event tells of a change. whole is the contact after it, encoded: it goes in as it is, for encoding twice costs.
func Event(c *contact.Change, whole []byte, at time.Time) *commit.Event {
	head, _ := proto.Marshal(&routingv1.ContactEvent{Kind: c.Kind, Revision: c.Revision, At: timestamppb.New(at), Note: c.Note})
	data := make([]byte, 0, len(head)+len(whole)+8)
	data = append(data, head...)
	data = protowire.AppendTag(data, contactField, protowire.BytesType)
	data = protowire.AppendBytes(data, whole)
	return &commit.Event{Topic: topics.ContactEvents, Key: c.After.Id, Type: events.Contact(c.Kind), Schema: events.SchemaContact, Data: data}
}

// Read reads an event back.
func Read(m eventlog.Message) (*routingv1.ContactEvent, error) {
	e := &routingv1.ContactEvent{}
	if err := proto.Unmarshal(m.Value, e); err != nil {
		return nil, fmt.Errorf("contact event at %s/%d@%d: %w", m.Topic, m.Partition, m.Offset, err)
	}
	if e.Contact == nil {
		return nil, fmt.Errorf("contact event at %s/%d@%d carries no contact", m.Topic, m.Partition, m.Offset)
	}
	return e, nil
}

// Contact is the contact as it was kept after an event.
func Contact(m eventlog.Message) (*routingv1.Contact, error) {
	e, err := Read(m)
	if err != nil {
		return nil, err
	}
	if contact.Final(e.Contact.State) {
		return contact.Stub(e.Contact), nil
	}
	return e.Contact, nil
}
