// Package events is the table of every event type: in which topics it stands, which message it carries, who writes it and
// since when. The names are the contract; nothing else in the code spells one.
package events

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
)

// Types of events, CloudEvents' attribute `type`. They end in the version of their meaning.
const (
	ContactQueued         = "busyhour.routing.contact.queued.v1"
	ContactOffered        = "busyhour.routing.contact.offered.v1"
	ContactOfferDeclined  = "busyhour.routing.contact.offer-declined.v1"
	ContactOfferTimedOut  = "busyhour.routing.contact.offer-timed-out.v1"
	ContactOfferWithdrawn = "busyhour.routing.contact.offer-withdrawn.v1"
	ContactOfferAccepted  = "busyhour.routing.contact.offer-accepted.v1"
	ContactConnected      = "busyhour.routing.contact.connected.v1"
	ContactHeld           = "busyhour.routing.contact.held.v1"
	ContactResumed        = "busyhour.routing.contact.resumed.v1"
	ContactEnded          = "busyhour.routing.contact.ended.v1"
	ContactCompleted      = "busyhour.routing.contact.completed.v1"
	ContactAbandoned      = "busyhour.routing.contact.abandoned.v1"
	ContactOverflowed     = "busyhour.routing.contact.overflowed.v1"
	ContactFailed         = "busyhour.routing.contact.failed.v1"
	ContactLost           = "busyhour.routing.contact.lost.v1"
	ContactNoted          = "busyhour.routing.contact.noted.v1"
	ContactHealed         = "busyhour.routing.contact.healed.v1"
	RoutingGap            = "busyhour.routing.gap.v1"

	AgentStatusChanged = "busyhour.presence.agent.status-changed.v1"
	AgentScreenJoined  = "busyhour.presence.agent.screen-joined.v1"
	AgentScreenLeft    = "busyhour.presence.agent.screen-left.v1"
	AgentGraceBegan    = "busyhour.presence.agent.grace-began.v1"
	AgentLost          = "busyhour.presence.agent.lost.v1"
	AgentNoted         = "busyhour.presence.agent.noted.v1"
	AgentHealed        = "busyhour.presence.agent.healed.v1"
	PresenceGap        = "busyhour.presence.gap.v1"

	EntryAgentCreated = "busyhour.provisioning.agent.created.v1"
	EntryAgentUpdated = "busyhour.provisioning.agent.updated.v1"
	EntryAgentDeleted = "busyhour.provisioning.agent.deleted.v1"
	EntryAgentHealed  = "busyhour.provisioning.agent.healed.v1"
	EntryQueueCreated = "busyhour.provisioning.queue.created.v1"
	EntryQueueUpdated = "busyhour.provisioning.queue.updated.v1"
	EntryQueueDeleted = "busyhour.provisioning.queue.deleted.v1"
	EntryQueueHealed  = "busyhour.provisioning.queue.healed.v1"
	JobCreated        = "busyhour.provisioning.job.created.v1"
	JobAccepted       = "busyhour.provisioning.job.accepted.v1"
	JobPaused         = "busyhour.provisioning.job.paused.v1"
	JobResumed        = "busyhour.provisioning.job.resumed.v1"
	JobCancelled      = "busyhour.provisioning.job.cancelled.v1"
	JobSettled        = "busyhour.provisioning.job.settled.v1"
	JobHealed         = "busyhour.provisioning.job.healed.v1"
	ItemEnded         = "busyhour.provisioning.outcome.v1"
	ProvisioningGap   = "busyhour.provisioning.gap.v1"

	// Epoch is a marker: behind it, in that partition, events of lower epochs of its tenants are void. It is JSON.
	Epoch = "busyhour.epoch.v1"
)

// Types that others write to us.
const (
	Signal          = "busyhour.routing.signal.v1"
	PresenceCommand = "busyhour.presence.command.v1"
	Request         = "busyhour.provisioning.request.v1"
)

// Schemas, CloudEvents' attribute `dataschema`: behind the prefix stands the full name of the protobuf message, whose
// package ends in the major version. The descriptor set of the contracts has them all.
const (
	SchemaPrefix = "urn:busyhour:proto:"

	SchemaContact  = SchemaPrefix + "busyhour.routing.v1.ContactEvent"
	SchemaPresence = SchemaPrefix + "busyhour.presence.v1.PresenceEvent"
	SchemaEntry    = SchemaPrefix + "busyhour.provisioning.v1.DirectoryEntry"
	SchemaJob      = SchemaPrefix + "busyhour.provisioning.v1.Job"
	SchemaOutcome  = SchemaPrefix + "busyhour.provisioning.v1.Outcome"
	SchemaGap      = SchemaPrefix + "busyhour.common.v1.Gap"
	SchemaSignal   = SchemaPrefix + "busyhour.routing.v1.Signal"
	SchemaCommand  = SchemaPrefix + "busyhour.presence.v1.PresenceCommand"
	SchemaRequest  = SchemaPrefix + "busyhour.provisioning.v1.Request"
	// SchemaEpoch is of the marker, the one payload that is JSON.
	SchemaEpoch = "urn:busyhour:json:busyhour.epoch.v1"
)

// Services that write events.
const (
	Routing      = "call-routing"
	Presence     = "agent-presence"
	Provisioning = "provisioning"
	// Others are switches, workforce management, HR and whoever else asks something of us.
	Others = "others"
)

// Event is one line of the table.
type Event struct {
	Type string
	// Topics in which it stands; the first is where it is written, a compacted one behind it keeps the latest of each record.
	Topics []string
	// Message that the value is, as a prototype; nil for JSON.
	Message proto.Message
	// Schema is CloudEvents' dataschema.
	Schema string
	// Producers are services, or Others.
	Producers []string
	// Since is the first release that has it.
	Since string
	// Purpose in a sentence.
	Purpose string
	// Deprecated is nil as long as the type is meant to stay.
	Deprecated *Deprecation
}

// Deprecation says that a type goes. Its events say so in their headers: ce_deprecated, ce_deprecationfrom,
// ce_deprecationsunset and ce_deprecationmigration, as CloudEvents' extension has them.
type Deprecation struct {
	From time.Time
	// Sunset is when the type is not written any more; later is allowed, earlier never.
	Sunset time.Time
	// Successor is the type that takes its place.
	Successor string
}

// ContentType of the value.
func (e Event) ContentType() string {
	if e.Message == nil {
		return "application/json"
	}
	return "application/protobuf"
}

// MessageName is the full name of the protobuf message, "" for JSON.
func (e Event) MessageName() protoreflect.FullName {
	if e.Message == nil {
		return ""
	}
	return e.Message.ProtoReflect().Descriptor().FullName()
}

// New is an empty message to decode a value into; nil for JSON.
func (e Event) New() proto.Message {
	if e.Message == nil {
		return nil
	}
	return e.Message.ProtoReflect().New().Interface()
}

// about are the events of one kind of record.
func about(message proto.Message, schema, producer string, in []string, types ...[2]string) []Event {
	all := make([]Event, len(types))
	for i, t := range types {
		all[i] = Event{Type: t[0], Topics: in, Message: message, Schema: schema, Producers: []string{producer}, Since: "0.1", Purpose: t[1]}
	}
	return all
}

// Table lists every type, in the order of the topics.
func Table() []Event {
	var all []Event
	all = append(all, about(&routingv1.Signal{}, SchemaSignal, Others, []string{topics.Signals},
		[2]string{Signal, "a switch tells of a call"})...)
	all = append(all, about(&routingv1.ContactEvent{}, SchemaContact, Routing, []string{topics.ContactEvents, topics.ContactState},
		[2]string{ContactQueued, "a call has come and waits"},
		[2]string{ContactOffered, "an agent is reserved for it, and is asked"},
		[2]string{ContactOfferDeclined, "the agent said no; it waits again"},
		[2]string{ContactOfferTimedOut, "the agent said nothing in time; it waits again"},
		[2]string{ContactOfferWithdrawn, "the agent went away before they answered; it waits again"},
		[2]string{ContactOfferAccepted, "the agent said yes; the switch is to connect"},
		[2]string{ContactConnected, "customer and agent are connected"},
		[2]string{ContactHeld, "the customer is on hold"},
		[2]string{ContactResumed, "the customer is on hold no more"},
		[2]string{ContactEnded, "the call is over, the agent wraps up"},
		[2]string{ContactCompleted, "it was answered and wrapped up; final"},
		[2]string{ContactAbandoned, "the customer left before an agent was connected; final"},
		[2]string{ContactOverflowed, "it waited longer than its queue allows; final"},
		[2]string{ContactFailed, "the switch could not connect it, or said that it failed; final"},
		[2]string{ContactLost, "nobody heard of it for too long, or its switch does not carry it any more; final"},
		[2]string{ContactNoted, "something was learnt that changes no state"},
		[2]string{ContactHealed, "Redis and the log had differed, and this is what it should be"})...)
	all = append(all, about(&commonv1.Gap{}, SchemaGap, Routing, []string{topics.ContactEvents},
		[2]string{RoutingGap, "from when to when the history of contacts is incomplete for good"})...)
	all = append(all, about(&presencev1.PresenceCommand{}, SchemaCommand, Others, []string{topics.PresenceCommands},
		[2]string{PresenceCommand, "another system wants an agent's status changed"})...)
	all = append(all, about(&presencev1.PresenceEvent{}, SchemaPresence, Presence, []string{topics.AgentEvents, topics.AgentState},
		[2]string{AgentStatusChanged, "the agent is available, busy, on a break or offline now"},
		[2]string{AgentScreenJoined, "a screen of the agent has come"},
		[2]string{AgentScreenLeft, "a screen has gone, and others are there"},
		[2]string{AgentGraceBegan, "the last screen has gone; the agent has a while to come back"},
		[2]string{AgentLost, "nobody came back in time; the agent is offline"},
		[2]string{AgentNoted, "a request that found its wish fulfilled"},
		[2]string{AgentHealed, "Redis and the log had differed, and this is what it should be"})...)
	all = append(all, about(&commonv1.Gap{}, SchemaGap, Presence, []string{topics.AgentEvents},
		[2]string{PresenceGap, "from when to when the history of presences is incomplete for good"})...)
	all = append(all, about(&provisioningv1.Request{}, SchemaRequest, Provisioning, []string{topics.Requests},
		[2]string{Request, "one item of a job: make, change or delete an agent or a queue"})...)
	all[len(all)-1].Producers = []string{Provisioning, Others}
	all = append(all, about(&provisioningv1.Outcome{}, SchemaOutcome, Provisioning, []string{topics.Outcomes, topics.JobState},
		[2]string{ItemEnded, "what became of an item: applied, failed or cancelled"})...)
	all = append(all, about(&provisioningv1.Job{}, SchemaJob, Provisioning, []string{topics.Outcomes, topics.JobState},
		[2]string{JobCreated, "a job is known"},
		[2]string{JobAccepted, "all its items are durable"},
		[2]string{JobPaused, "no further item is begun"},
		[2]string{JobResumed, "items are begun again"},
		[2]string{JobCancelled, "what has not begun never will"},
		[2]string{JobSettled, "all its items have been told that it was resumed or cancelled"},
		[2]string{JobHealed, "Redis and the log had differed, and this is what it should be"})...)
	all = append(all, about(&commonv1.Gap{}, SchemaGap, Provisioning, []string{topics.Outcomes},
		[2]string{ProvisioningGap, "from when to when the history of jobs and directory is incomplete for good"})...)
	all = append(all, about(&provisioningv1.DirectoryEntry{}, SchemaEntry, Provisioning, []string{topics.DirectoryEvents, topics.Directory},
		[2]string{EntryAgentCreated, "an agent is in the directory"},
		[2]string{EntryAgentUpdated, "an agent's entry has changed"},
		[2]string{EntryAgentDeleted, "an agent is out of the directory"},
		[2]string{EntryAgentHealed, "Redis and the log had differed, and this is what it should be"},
		[2]string{EntryQueueCreated, "a queue is in the directory"},
		[2]string{EntryQueueUpdated, "a queue's entry has changed"},
		[2]string{EntryQueueDeleted, "a queue is out of the directory"},
		[2]string{EntryQueueHealed, "Redis and the log had differed, and this is what it should be"})...)
	return append(all, Event{
		Type: Epoch, Schema: SchemaEpoch, Producers: []string{Routing, Presence, Provisioning}, Since: "0.1",
		Purpose: "a marker: behind it, in that partition, events of lower epochs of its tenants are void",
		Topics: []string{
			topics.ContactEvents, topics.ContactState, topics.RoutingEpochs,
			topics.AgentEvents, topics.AgentState, topics.PresenceEpochs,
			topics.Outcomes, topics.JobState, topics.DirectoryEvents, topics.Directory, topics.ProvisioningEpochs,
		},
	})
}

// Of is the line of a type.
func Of(typ string) (Event, bool) {
	for _, e := range Table() {
		if e.Type == typ {
			return e, true
		}
	}
	return Event{}, false
}

// In are the events that stand in a topic.
func In(topic string) (in []Event) {
	for _, e := range Table() {
		for _, t := range e.Topics {
			if t == topic {
				in = append(in, e)
			}
		}
	}
	return in
}
