// Package recovery says how contacts come back from the log: which record an event carries, and what follows from the
// records: where contacts stand, when they fall due, and what each agent holds.
package recovery

import (
	"cmp"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/busyhour/busyhour/api/events"
	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/rebuild"
	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
	"github.com/busyhour/busyhour/services/call-routing/internal/journal"
	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

// Source is how call-routing is rebuilt.
func Source() rebuild.Source {
	contacts := rebuild.Topic{
		Events: topics.ContactEvents, State: topics.ContactState, Ended: ended,
		Key: func(_, record string) string { return state.ContactID(record) }, // made from tenant, switch and call: no other tenant has it
		EventKey: func(_, record string) (string, bool) {
			if !state.IsContact(record) {
				return "", false
			}
			return state.ContactID(record), true
		},
	}
	return rebuild.Source{Topics: []rebuild.Topic{contacts}, Value: value, Derive: Derive, Logged: logged, Gap: gap}
}

// ended says how long the stub of a contact is kept, and leaves of its last event what the stub needs.
func ended(m eventlog.Message) (time.Time, []byte, error) {
	e, err := journal.Read(m)
	if err != nil || !contact.Final(e.Contact.State) {
		return time.Time{}, nil, err
	}
	e.Contact = contact.Stub(e.Contact)
	stub, err := state.Encode(e)
	return contact.Due(e.Contact), stub, err
}

// logged: contacts have events, and the log has them until their stubs are over. Workloads follow from contacts.
func logged(r *commit.Record, at time.Time) bool {
	if !state.IsContact(r.Name) {
		return false
	}
	c, err := state.ReadContact(r)
	return err != nil || !contact.Final(c.State) || contact.Due(c).After(at)
}

// value is the record after the event, in the very bytes that the commit stored.
func value(m eventlog.Message) ([]byte, error) {
	c, err := journal.Contact(m)
	if err != nil {
		return nil, err
	}
	return state.Encode(c)
}

// held is a contact that holds an agent.
type held struct {
	contact  *routingv1.Contact
	revision commit.Revision
}

// Derive makes all that follows from the contacts. Ready indexes stay empty: the sweep fills them from presence and
// directory once they are verified, for matching waits for them anyway.
func Derive(b *rebuild.Build) error {
	agents := map[string][]held{}
	for _, r := range b.Records {
		if !state.IsContact(r.Name) {
			continue
		}
		c, err := state.ReadContact(&r)
		if err != nil {
			return err
		}
		if contact.Final(c.State) && contact.Due(c).Before(b.Now) {
			b.Drop(r.Name)
			continue
		}
		place(b, r.Name, c)
		if agent := c.GetReservation().GetAgentId(); agent != "" {
			agents[agent] = append(agents[agent], held{c, r.Revision})
		}
	}
	for agent, contacts := range agents {
		if err := bringBack(b, agent, contacts); err != nil {
			return err
		}
	}
	return nil
}

func place(b *rebuild.Build, name string, c *routingv1.Contact) {
	for _, p := range state.Places(c) {
		b.Add(p.Index, c.Id, p.Score)
	}
	if contact.Unmet(c) {
		b.Add(state.Wishes, c.Id, float64(b.Now.UnixMilli()))
	}
	b.Deadline(name, contact.Due(c))
}

// bringBack makes what an agent holds. Two contacts of a channel may both be theirs, or be two reservations of one slot,
// for the log is no consistent cut over contacts; only the directory knows, so the sweep asks it.
func bringBack(b *rebuild.Build, agent string, contacts []held) error {
	slices.SortFunc(contacts, func(x, y held) int {
		return cmp.Compare(x.contact.Reservation.OfferedAt.AsTime().UnixMilli(), y.contact.Reservation.OfferedAt.AsTime().UnixMilli())
	})
	w := &routingv1.Workload{AgentId: agent, At: timestamppb.New(b.Now)}
	perChannel := map[commonv1.Channel]int{}
	for _, h := range contacts {
		w.Cards = append(w.Cards, contact.Card(h.contact, state.Revision(h.revision)))
		if perChannel[h.contact.Channel]++; perChannel[h.contact.Channel] == 2 {
			b.Add(state.Doubtful, agent, 0)
		}
	}
	value, err := state.Encode(w)
	if err != nil {
		return err
	}
	b.Put(state.Workload(agent), value)
	return nil
}

// gap says that history is missing.
func gap(g commit.Gap) commit.Event {
	data, _ := proto.Marshal(&commonv1.Gap{ // numbers, times and a name that came from Redis always marshal
		Tenant: g.Tenant, Epoch: g.Epoch, From: timestamppb.New(g.From), To: timestamppb.New(g.To),
	})
	return commit.Event{Topic: topics.ContactEvents, Key: g.Tenant, Type: events.RoutingGap, Schema: events.SchemaGap, Data: data}
}
