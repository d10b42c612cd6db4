package consume

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/busyhour/busyhour/api/events"
	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
)

// messages gives, by topic and family, what an event carries. A family is the types that differ in their kind only: one that
// is new in this version carries the same message, and whoever keeps state need not know it.
var messages = func() map[[2]string]proto.Message {
	all := map[[2]string]proto.Message{}
	for _, e := range events.Table() {
		for _, topic := range e.Topics {
			if e.Message != nil && !slices.Contains(e.Producers, events.Others) {
				all[[2]string{topic, familyOf(e.Type)}] = e.Message
			}
		}
	}
	return all
}()

// familyOf a type: "busyhour.routing.contact.*.v1" of "busyhour.routing.contact.offered.v1".
func familyOf(typ string) string {
	words := strings.Split(typ, ".")
	if len(words) == 5 {
		words[3] = "*"
	}
	return strings.Join(words, ".")
}

// families of records, by what their names begin with: a tombstone has no type.
var families = map[string]string{
	"contact:":  familyOf(events.ContactNoted),
	"presence:": familyOf(events.AgentNoted),
	"agent:":    familyOf(events.EntryAgentUpdated),
	"queue:":    familyOf(events.EntryQueueUpdated),
	"item:":     events.ItemEnded,
	"job:":      familyOf(events.JobCreated),
}

func familyOfRecord(subject string) string {
	kind, _, _ := strings.Cut(subject, ":")
	return families[kind+":"]
}

// about is what a payload says of itself. A gap is about no record, a job has no revision.
type about struct {
	tenant, subject string
	revision        *commonv1.Revision
}

func aboutOf(m proto.Message) about {
	switch m := m.(type) {
	case *routingv1.ContactEvent:
		return about{m.GetContact().GetTenant(), "contact:" + m.GetContact().GetId(), m.GetRevision()}
	case *presencev1.PresenceEvent:
		return about{m.GetPresence().GetTenant(), "presence:" + m.GetPresence().GetAgentId(), m.GetRevision()}
	case *provisioningv1.DirectoryEntry:
		if m.GetQueue() != nil {
			return about{m.GetTenant(), "queue:" + m.GetQueue().GetId(), m.GetRevision()}
		}
		return about{m.GetTenant(), "agent:" + m.GetAgent().GetId(), m.GetRevision()}
	case *provisioningv1.Outcome:
		return about{m.GetTenant(), fmt.Sprintf("item:%s/%d", m.GetJobId(), m.GetNumber()), m.GetRevision()}
	case *provisioningv1.Job:
		return about{m.GetTenant(), "job:" + m.GetId(), nil}
	case *commonv1.Gap:
		return about{m.GetTenant(), "", nil}
	}
	panic(fmt.Sprintf("consume: %T is in the table of events, and nothing is known of it here", m))
}

// isGap says whether events with that payload are about no record: no revision orders them, and no marker voids them.
func isGap(m proto.Message) bool {
	_, is := m.(*commonv1.Gap)
	return is
}

// compacted reports whether the topic keeps the latest event of each record: there is nothing void in it, and there are
// tombstones.
func compacted(topic string) bool {
	return slices.ContainsFunc(plan, func(t topics.Topic) bool { return t.Name == topic && t.Cleanup == topics.Compact })
}

var plan = topics.Plan()

// hasEvents reports whether there is something to be read in a topic.
func hasEvents(topic string) bool {
	for key := range messages {
		if key[0] == topic {
			return true
		}
	}
	return false
}
