package history

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

// EventOf is a Kafka record of an events topic or of an epoch topic. began is the run's.
func EventOf(m eventlog.Message, began time.Time) Event {
	e := Event{
		Topic: m.Topic, Partition: m.Partition, Offset: m.Offset, Key: string(m.Key), Type: m.Header(eventlog.HeaderType),
		Content: hash(m.Value),
	}
	if marker, ok, err := eventlog.ParseMarker(m); ok {
		e.Unreadable = words(err)
		e.Marker = &Marker{marker.Tenants, marker.Epoch, marker.Nonce}
		return e
	}
	if strings.HasSuffix(e.Type, ".gap.v1") {
		e.Tenant, e.Gap = m.Header(eventlog.HeaderTenant), true
		return e
	}
	head, err := eventlog.ParseCloudEvent(&m)
	e.Tenant, e.Record, e.Revision, e.Op = head.Tenant, head.Record, Revision{head.Epoch, head.N}, head.Op
	if err != nil {
		e.Unreadable = err.Error()
		return e
	}
	e.Time = head.Time.Sub(began)
	e.Unreadable = words(e.carry(m))
	return e
}

// carry decodes the record in the event.
func (e *Event) carry(m eventlog.Message) error {
	switch m.Topic {
	case topics.ContactEvents:
		v := &routingv1.ContactEvent{}
		if err := proto.Unmarshal(m.Value, v); err != nil {
			return err
		}
		e.Contact, e.Value = contactOf(v.Contact), valueOf(v.Contact)
		e.Contact.Kind = word(v.Kind.String(), "KIND_")
	case topics.AgentEvents:
		v := &presencev1.PresenceEvent{}
		if err := proto.Unmarshal(m.Value, v); err != nil {
			return err
		}
		e.Presence, e.Value = presenceOf(v.Presence), presenceValue(v.Presence)
	default:
		e.Value = hash(m.Value)
	}
	return nil
}

func words(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func contactOf(c *routingv1.Contact) *Contact {
	k := &Contact{
		ID: c.GetId(), Call: c.GetCallId(), Switch: c.GetSwitchId(), Queue: c.GetQueueId(),
		Channel: word(c.GetChannel().String(), "CHANNEL_"), State: StateOf(c.GetState()),
		Agent: c.GetReservation().GetAgentId(), Workload: RevisionOf(c.GetReservation().GetWorkload()),
		IDs: c.GetSignalIds(), Chosen: c.GetDecision().GetChosen(),
	}
	for _, l := range c.GetLegs() {
		k.Legs = append(k.Legs, Leg{l.Id, l.Last, l.Window})
	}
	for _, p := range c.GetPasses() {
		k.Passed = append(k.Passed, p.AgentId)
	}
	return k
}

func presenceOf(p *presencev1.Presence) *Presence {
	return &Presence{p.GetAgentId(), word(p.GetStatus().String(), "STATUS_"), word(p.GetConnection().String(), "CONNECTION_")}
}

// CardOf is a card as a screen or a workload shows it.
func CardOf(c *routingv1.Card) Card {
	return Card{c.ContactId, StateOf(c.State), word(c.Channel.String(), "CHANNEL_"), RevisionOf(c.Revision)}
}

// SignalOf is a signal of that contact, and what became of it.
func SignalOf(did, contact string, s *routingv1.Signal) Signal {
	return Signal{
		Did: did, Tenant: s.Tenant, Switch: s.SwitchId, Contact: contact, Call: s.CallId, Leg: s.LegId, Number: s.Number, ID: s.Id,
		Kind: word(s.Kind.String(), "SIGNAL_KIND_"),
	}
}

// StateOf is a contact's state in small letters, "wrap-up".
func StateOf(s routingv1.ContactState) string { return word(s.String(), "CONTACT_STATE_") }

// StatusOf is a presence's status in small letters.
func StatusOf(s presencev1.Status) string { return word(s.String(), "STATUS_") }

// ConnectionOf is a presence's connection in small letters.
func ConnectionOf(c presencev1.Connection) string { return word(c.String(), "CONNECTION_") }

func word(constant, prefix string) string {
	s := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(constant, prefix)), "_", "-")
	if s == "unspecified" {
		return ""
	}
	return s
}

var stable = proto.MarshalOptions{Deterministic: true}

// valueOf hashes what Redis must hold of a contact after its event. Of one that has ended that is a stub, so only what a
// stub keeps goes in.
func valueOf(c *routingv1.Contact) string {
	if c.GetState() < routingv1.ContactState_CONTACT_STATE_COMPLETED {
		return encoded(c)
	}
	return encoded(&routingv1.Contact{
		Id: c.Id, Tenant: c.Tenant, SwitchId: c.SwitchId, CallId: c.CallId, QueueId: c.QueueId, State: c.State, Since: c.Since,
		CreatedAt: c.CreatedAt, EndedAt: c.EndedAt, EndedBy: c.EndedBy, Wanted: c.Wanted, Legs: c.Legs, SignalIds: c.SignalIds,
	})
}

// presenceValue hashes a presence less its connection, which a new epoch changes without an event.
func presenceValue(p *presencev1.Presence) string {
	p = proto.CloneOf(p)
	if p == nil {
		return ""
	}
	p.Connection, p.ConnectionSince, p.Deadline, p.Screens, p.At = 0, nil, nil, nil, nil
	return encoded(p)
}

func encoded(m proto.Message) string {
	b, err := stable.Marshal(m)
	if err != nil {
		return fmt.Sprintf("cannot be encoded: %v", err)
	}
	return hash(b)
}

// hash of nothing is "": a tombstone.
func hash(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
