// Package access is what each service may do on Kafka, Redis and NATS: what it does, and nothing else. The table is here;
// the files beside it write it down as each server wants it. The tests of the stack run with exactly these rights.
package access

import (
	"github.com/busyhour/busyhour/api/subjects"
	"github.com/busyhour/busyhour/api/topics"
)

// Service is one line of the table. Its name is that of its user on every server.
type Service struct {
	Name string
	// Reads are the services whose records it reads in Redis: those that it guards its decisions by.
	Reads []string
	// Streams are kept in Redis, for work that is handed out.
	Streams bool
	// Consumes and Produces are topics.
	Consumes, Produces []string
	// Groups of consumers, and what the ids of its transactions begin with.
	Groups, Transactions []string
	// Hears and Tells are NATS subjects.
	Hears, Tells []string
}

// Services is the table.
func Services() []Service {
	return []Service{
		{
			Name:         routing,
			Reads:        []string{presence, provisioning},
			Consumes:     []string{topics.Signals, topics.ContactEvents, topics.ContactState, topics.RoutingEpochs},
			Produces:     []string{topics.ContactEvents, topics.ContactState, topics.RoutingEpochs, topics.RoutingDeadLetter},
			Groups:       []string{"call-routing.signals", "call-routing.compactor"},
			Transactions: []string{compactor(topics.ContactEvents)},
			Hears:        []string{subjects.EveryPresence(), subjects.EveryDirectory(), subjects.EverySwitch()},
			Tells:        []string{subjects.EveryWorkload(), subjects.EverySwitch()},
		},
		{
			Name:         presence,
			Reads:        []string{routing, provisioning},
			Consumes:     []string{topics.PresenceCommands, topics.AgentEvents, topics.AgentState, topics.PresenceEpochs},
			Produces:     []string{topics.AgentEvents, topics.AgentState, topics.PresenceEpochs, topics.PresenceDeadLetter},
			Groups:       []string{"agent-presence.commands", "agent-presence.compactor"},
			Transactions: []string{compactor(topics.AgentEvents)},
			Hears:        []string{subjects.EveryAgent(), subjects.EveryDirectory()},
			Tells:        []string{subjects.EveryPresence()},
		},
		{
			Name:         provisioning,
			Reads:        []string{routing},
			Streams:      true,
			Consumes:     []string{topics.Requests, topics.Outcomes, topics.JobState, topics.DirectoryEvents, topics.Directory, topics.ProvisioningEpochs},
			Produces:     []string{topics.Requests, topics.Outcomes, topics.JobState, topics.DirectoryEvents, topics.Directory, topics.ProvisioningEpochs, topics.ProvisioningDeadLetter},
			Groups:       []string{"provisioning.requests", "provisioning.compactor"},
			Transactions: []string{compactor(topics.Outcomes), compactor(topics.DirectoryEvents)},
			Tells:        []string{subjects.EveryDirectory()},
		},
	}
}

const (
	routing      = "call-routing"
	presence     = "agent-presence"
	provisioning = "provisioning"
)

// compactor is what the ids of the transactions begin with by which a topic is compacted; the partition follows.
func compactor(events string) string { return "compactor-" + events + "-" }
