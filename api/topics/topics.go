// Package topics is the partition plan: every Kafka topic of Busyhour with its key, count, retention and owner. The
// names are the contract; nothing else in the code spells one.
package topics

import "time"

// Cleanup is Kafka's cleanup.policy.
type Cleanup string

const (
	Delete  Cleanup = "delete"
	Compact Cleanup = "compact"
)

// Names of the topics, by owner.
const (
	Signals           = "call-routing.signals.v1"
	ContactEvents     = "call-routing.contact-events.v1"
	ContactState      = "call-routing.contact-state.v1"
	QueueStats        = "call-routing.queue-stats.v1"
	RoutingEpochs     = "call-routing.epochs.v1"
	RoutingDeadLetter = "call-routing.dead-letter.v1"

	PresenceCommands   = "agent-presence.commands.v1"
	AgentEvents        = "agent-presence.agent-events.v1"
	AgentState         = "agent-presence.agent-state.v1"
	PresenceEpochs     = "agent-presence.epochs.v1"
	PresenceDeadLetter = "agent-presence.dead-letter.v1"

	Requests               = "provisioning.requests.v1"
	Outcomes               = "provisioning.outcomes.v1"
	JobState               = "provisioning.job-state.v1"
	DirectoryEvents        = "provisioning.directory-events.v1"
	Directory              = "provisioning.directory.v1"
	ProvisioningEpochs     = "provisioning.epochs.v1"
	ProvisioningDeadLetter = "provisioning.dead-letter.v1"
)

const day = 24 * time.Hour

// Topic is one line of the plan.
type Topic struct {
	Name string
	// Partitions at creation. A live topic may have more, never fewer.
	Partitions int32
	// Key says what the record key is, in words.
	Key     string
	Cleanup Cleanup
	// Retention of a topic with Cleanup Delete. Compacted ones keep the latest of each key for ever, and the others at least
	// for so long.
	Retention time.Duration
	// Growth says how far the topic may grow, and by what.
	Growth string
	// Group names the consumer groups that read it; no group is given more consumers than partitions.
	Groups []string
	// Purpose in a few words.
	Purpose string
}

// epochsKept is longer than the time in which a recovery counts how many reigns have ended.
const epochsKept = 15 * time.Minute

// Plan lists every topic, grouped by owner.
func Plan() []Topic {
	return []Topic{
		{Signals, 12, "call id", Delete, day, "to 48, with the switches' signal rate", []string{"call-routing.signals"}, "signals from switches that speak Kafka"},
		{ContactEvents, 12, "contact id", Delete, 7 * day, "to 48, with the transition rate; contact-state first", []string{"call-routing.compactor"}, "every contact transition, with the record after it"},
		{ContactState, 12, "contact id", Compact, 0, "before contact-events", nil, "latest event per contact, in order; a tombstone an hour after its end"},
		{QueueStats, 6, "queue id", Delete, day, "none expected", nil, "aggregates per queue and interval"},
		{RoutingEpochs, 1, "tenant", Compact, epochsKept, "never: the offset is the epoch", nil, "epochs taken by call-routing"},
		{RoutingDeadLetter, 3, "original key", Delete, 30 * day, "none expected", nil, "what call-routing could not read or apply, with why"},

		{PresenceCommands, 6, "agent id", Delete, day, "to 24, with the number of agents", []string{"agent-presence.commands"}, "presence changes asked for by other systems"},
		{AgentEvents, 6, "agent id", Delete, 7 * day, "to 24, with the number of agents; agent-state first", []string{"agent-presence.compactor"}, "every presence transition"},
		{AgentState, 6, "tenant/agent id", Compact, 0, "before agent-events", nil, "latest event per agent, in order"},
		{PresenceEpochs, 1, "tenant", Compact, epochsKept, "never: the offset is the epoch", nil, "epochs taken by agent-presence"},
		{PresenceDeadLetter, 3, "original key", Delete, 30 * day, "none expected", nil, "what agent-presence could not read or apply, with why"},

		{Requests, 3, "agent id", Delete, 30 * day, "to 12; the workers behind it set the pace, not the partitions", []string{"provisioning.requests"}, "one record per item of a bulk job"},
		{Outcomes, 3, "agent id; job id for the job as a whole", Delete, 30 * day, "with requests; job-state first", []string{"provisioning.compactor"}, "what became of it, and of the job"},
		{JobState, 3, "tenant/record", Compact, 0, "before outcomes", nil, "latest outcome per item and job, in order; a tombstone after 31 days"},
		{DirectoryEvents, 3, "tenant/entity id", Delete, 7 * day, "none expected", []string{"provisioning.compactor"}, "every change of an agent or a queue"},
		{Directory, 3, "tenant/entity id", Compact, 0, "before directory-events", nil, "agents and queues as they should be: latest event per entity, in order"},
		{ProvisioningEpochs, 1, "tenant", Compact, epochsKept, "never: the offset is the epoch", nil, "epochs taken by provisioning"},
		{ProvisioningDeadLetter, 3, "original key", Delete, 30 * day, "none expected", nil, "what provisioning could not read or apply, with why"},
	}
}
