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
	// Retention of a topic with Cleanup Delete; zero for compacted ones, which keep the latest of each key.
	Retention time.Duration
	// Growth says how far the topic may grow, and by what.
	Growth string
	// Group names the consumer groups that read it; no group is given more consumers than partitions.
	Groups []string
	// Purpose in a few words.
	Purpose string
}

// Plan lists every topic, grouped by owner.
func Plan() []Topic {
	return []Topic{
		{Signals, 12, "call id", Delete, day, "to 48, with the switches' signal rate", []string{"call-routing.signals"}, "signals from switches that speak Kafka"},
		{ContactEvents, 12, "contact id", Delete, 7 * day, "to 48, with the transition rate", nil, "every contact transition, with the record after it"},
		{ContactState, 12, "contact id", Compact, 0, "with contact-events", nil, "latest record per live contact, in order"},
		{QueueStats, 6, "queue id", Delete, day, "none expected", nil, "aggregates per queue and interval"},
		{RoutingEpochs, 1, "tenant", Compact, 0, "never: the offset is the epoch", nil, "epochs taken by call-routing"},
		{RoutingDeadLetter, 3, "original key", Delete, 30 * day, "none expected", nil, "what call-routing could not read or apply, with why"},

		{PresenceCommands, 6, "agent id", Delete, day, "to 24, with the number of agents", []string{"agent-presence.commands"}, "presence changes asked for by other systems"},
		{AgentEvents, 6, "agent id", Delete, 7 * day, "to 24, with the number of agents", nil, "every presence transition"},
		{AgentState, 6, "agent id", Compact, 0, "with agent-events", nil, "latest presence per agent"},
		{PresenceEpochs, 1, "tenant", Compact, 0, "never: the offset is the epoch", nil, "epochs taken by agent-presence"},
		{PresenceDeadLetter, 3, "original key", Delete, 30 * day, "none expected", nil, "what agent-presence could not read or apply, with why"},

		{Requests, 3, "agent id", Delete, 30 * day, "to 12; the workers behind it set the pace, not the partitions", []string{"provisioning.requests"}, "one record per item of a bulk job"},
		{Outcomes, 3, "agent id; job id for the job as a whole", Delete, 30 * day, "with requests", nil, "what became of it, and of the job"},
		{Directory, 3, "entity id", Compact, 0, "none expected", nil, "agents and queues as they should be"},
		{ProvisioningEpochs, 1, "tenant", Compact, 0, "never: the offset is the epoch", nil, "epochs taken by provisioning"},
		{ProvisioningDeadLetter, 3, "original key", Delete, 30 * day, "none expected", nil, "what provisioning could not read or apply, with why"},
	}
}
