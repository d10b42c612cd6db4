package routing_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
)

// raw reads all of a topic, markers too, in order per key.
func (s *stage) raw(name string) []eventlog.Message {
	s.Helper()
	var mu sync.Mutex
	var all []eventlog.Message
	err := eventlog.ReadTopic(s.Context(), s.kafkaConfig(prometheus.NewRegistry()), name, nil, nil, func(m eventlog.Message) error {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, m)
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	return all
}

// topic reads all of a topic that counts, in order per key.
func (s *stage) topic(name string) []eventlog.Message {
	s.Helper()
	voiders := map[int32]*eventlog.Voider{}
	return slices.DeleteFunc(s.raw(name), func(m eventlog.Message) bool {
		if voiders[m.Partition] == nil {
			voiders[m.Partition] = &eventlog.Voider{}
		}
		return voiders[m.Partition].Void(m)
	})
}

// events are the contacts' events that count, first appearances only.
func (s *stage) events() []*routingv1.ContactEvent {
	s.Helper()
	var events []*routingv1.ContactEvent
	last := map[string]uint64{}
	for _, m := range s.topic(topics.ContactEvents) {
		if m.Header(eventlog.HeaderTenant) != s.tenant {
			continue
		}
		e := &routingv1.ContactEvent{}
		if err := proto.Unmarshal(m.Value, e); err != nil {
			s.Fatal(err)
		}
		number := uint64(e.Revision.Epoch)<<32 | uint64(e.Revision.N)
		if number <= last[string(m.Key)] {
			continue // told again
		}
		last[string(m.Key)] = number
		events = append(events, e)
	}
	return events
}

// checkLog checks what the log must say of any history: revisions rise by one, each contact ends once at most, and no
// reservation is made of an agent's slot that another has.
func (s *stage) checkLog(t *testing.T) (contacts map[string]*routingv1.Contact) {
	t.Helper()
	contacts = map[string]*routingv1.Contact{}
	revisions := map[string]*routingv1.ContactEvent{}
	slots := map[string]string{}
	for _, e := range s.events() {
		c := e.Contact
		if before := revisions[c.Id]; before != nil {
			if e.Revision.Epoch == before.Revision.Epoch && e.Revision.N != before.Revision.N+1 {
				t.Errorf("contact %s: %v follows %v", c.Id, e.Revision, before.Revision)
			}
			if contact.Final(before.Contact.State) && c.State != before.Contact.State {
				t.Errorf("contact %s ended as %s and then as %s", c.Id, before.Contact.State, c.State)
			}
		}
		if e.Kind == routingv1.ContactEvent_KIND_OFFERED {
			slot := c.Reservation.AgentId + "@" + c.Reservation.Workload.String()
			if other := slots[slot]; other != "" {
				t.Errorf("contacts %s and %s were both offered on %s", other, c.Id, slot)
			}
			slots[slot] = c.Id
		}
		revisions[c.Id], contacts[c.Id] = e, c
	}
	return contacts
}
