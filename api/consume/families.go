package consume

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
)

const markerType = "busyhour.epoch.v1"

// family is the events that share a payload. A kind that is new in a version belongs to its family: it is told from the
// payload, and whoever keeps state need not know it.
type family struct {
	topics []string
	// types ends in ".*.v1" where the star is the kind, or is one type.
	types string
	// subject is how names of these records begin; empty: the events are about no record.
	subject string
	message func() proto.Message
	// about is what the payload says of itself, as far as it does.
	about func(proto.Message) about
}

type about struct {
	tenant, subject string
	revision        *commonv1.Revision
}

var families = []family{
	{
		[]string{topics.ContactEvents, topics.ContactState}, "busyhour.routing.contact.*.v1", "contact:",
		func() proto.Message { return &routingv1.ContactEvent{} },
		func(m proto.Message) about {
			e := m.(*routingv1.ContactEvent)
			return about{e.GetContact().GetTenant(), "contact:" + e.GetContact().GetId(), e.GetRevision()}
		},
	},
	{
		[]string{topics.AgentEvents, topics.AgentState}, "busyhour.presence.agent.*.v1", "presence:",
		func() proto.Message { return &presencev1.PresenceEvent{} },
		func(m proto.Message) about {
			e := m.(*presencev1.PresenceEvent)
			return about{e.GetPresence().GetTenant(), "presence:" + e.GetPresence().GetAgentId(), e.GetRevision()}
		},
	},
	{
		[]string{topics.DirectoryEvents, topics.Directory}, "busyhour.provisioning.agent.*.v1", "agent:",
		func() proto.Message { return &provisioningv1.DirectoryEntry{} },
		func(m proto.Message) about {
			e := m.(*provisioningv1.DirectoryEntry)
			return about{e.GetTenant(), "agent:" + e.GetAgent().GetId(), e.GetRevision()}
		},
	},
	{
		[]string{topics.DirectoryEvents, topics.Directory}, "busyhour.provisioning.queue.*.v1", "queue:",
		func() proto.Message { return &provisioningv1.DirectoryEntry{} },
		func(m proto.Message) about {
			e := m.(*provisioningv1.DirectoryEntry)
			return about{e.GetTenant(), "queue:" + e.GetQueue().GetId(), e.GetRevision()}
		},
	},
	{
		[]string{topics.Outcomes, topics.JobState}, "busyhour.provisioning.outcome.v1", "item:",
		func() proto.Message { return &provisioningv1.Outcome{} },
		func(m proto.Message) about {
			e := m.(*provisioningv1.Outcome)
			return about{e.GetTenant(), fmt.Sprintf("item:%s/%d", e.GetJobId(), e.GetNumber()), e.GetRevision()}
		},
	},
	{
		[]string{topics.Outcomes, topics.JobState}, "busyhour.provisioning.job.*.v1", "job:",
		func() proto.Message { return &provisioningv1.Job{} },
		func(m proto.Message) about {
			e := m.(*provisioningv1.Job)
			return about{e.GetTenant(), "job:" + e.GetId(), nil}
		},
	},
	gapsOf("routing", topics.ContactEvents),
	gapsOf("presence", topics.AgentEvents),
	gapsOf("provisioning", topics.Outcomes),
}

func gapsOf(domain, topic string) family {
	return family{
		[]string{topic}, "busyhour." + domain + ".gap.v1", "",
		func() proto.Message { return &commonv1.Gap{} },
		func(m proto.Message) about { return about{tenant: m.(*commonv1.Gap).GetTenant()} },
	}
}

// has reports whether the type is one of the family's.
func (f *family) has(name string) bool {
	before, after, pattern := strings.Cut(f.types, "*")
	if !pattern {
		return name == f.types
	}
	kind, ok := strings.CutPrefix(name, before)
	if !ok {
		return false
	}
	kind, ok = strings.CutSuffix(kind, after)
	return ok && kind != "" && !strings.Contains(kind, ".")
}

// familyOf finds the family of an event by its type, or of a tombstone, which has none, by its subject.
func familyOf(m *read) *family {
	for i, f := range families {
		if !slices.Contains(f.topics, m.Topic) {
			continue
		}
		if f.has(m.Type) || m.Deleted && f.subject != "" && strings.HasPrefix(m.Subject, f.subject) {
			return &families[i]
		}
	}
	return nil
}

// compacted reports whether the topic keeps the latest event of each record: there is nothing void in it, and there are
// tombstones.
func compacted(topic string) bool {
	i := slices.IndexFunc(topics.Plan(), func(t topics.Topic) bool { return t.Name == topic })
	return i >= 0 && topics.Plan()[i].Cleanup == topics.Compact
}
