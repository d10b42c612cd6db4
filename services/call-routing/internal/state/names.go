// Package state is what call-routing keeps in Redis: the names of its records and indexes, what lies in them, and how a
// change of a contact changes them. It writes only through pkg/commit, and only its own.
package state

import (
	"strings"

	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
)

// Services whose records are read here, and guard our commits. Only they write them.
const (
	Presence     = "agent-presence"
	Provisioning = "provisioning"
)

// Records. In Redis each is a hash with revision, operation and value.
func Contact(id string) string       { return contact.Name(id) }    // routingv1.Contact
func Workload(agent string) string   { return "workload:" + agent } // routingv1.Workload
func PresenceOf(agent string) string { return "presence:" + agent } // agent-presence's presencev1.Presence
func AgentEntry(agent string) string { return "agent:" + agent }    // provisioning's provisioningv1.DirectoryEntry
func QueueEntry(queue string) string { return "queue:" + queue }    // provisioning's provisioningv1.DirectoryEntry
func Boot(id string) string          { return "boot:" + id }        // routingv1.Switch
func ContactID(record string) string { return record[len("contact:"):] }
func IsContact(record string) bool   { return len(record) > 8 && record[:8] == "contact:" }

// WorkloadAgent is the agent whose workload has this name.
func WorkloadAgent(record string) (agent string, ok bool) {
	return strings.CutPrefix(record, "workload:")
}

// Indexes. In Redis each is a sorted set. All but waiting and in hand are hints: a commit's guards decide.
const (
	Live     = "live"     // contact → created at, ms: contacts that have not ended
	Wishes   = "wanted"   // contact → when its wish is told to the switch again, ms
	Switches = "switches" // switch → its latest inventory, ms
	Alarms   = "alarms"   // switch → since when nothing of it is closed although contacts are missing, ms
	Doubtful = "doubtful" // agent → 0: who may hold more than they can, since a recovery or a healing

	Available = "available" // agent-presence's: agent → available and connected since, ms
	Queues    = "queues"    // provisioning's: queue → 0
)

func Waiting(queue string) string { return "waiting:" + queue } // contact → match.Order
func Ready(queue string) string   { return "ready:" + queue }   // agent → idle since, ms
func InHand(queue string) string  { return "inhand:" + queue }  // contact → offered at, ms
func Switch(id string) string     { return "switch:" + id }     // contact → created at, ms: live, or with a wish open
func Missing(id string) string    { return "missing:" + id }    // contact → since when the switch's inventories lack it, ms

// Counters, in one hash; they begin with the epoch.
func CalledTotal(queue string) string    { return "offered:" + queue }
func AnsweredTotal(queue string) string  { return "answered:" + queue }
func InTargetTotal(queue string) string  { return "in-target:" + queue }
func AbandonedTotal(queue string) string { return "abandoned:" + queue }
