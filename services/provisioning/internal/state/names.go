// Package state keeps the directory and the jobs: the keys, records and indexes of provisioning.
//
//	agent:<id>         record  provisioningv1.DirectoryEntry; a deleted one stays, with its id only
//	queue:<id>         record  provisioningv1.DirectoryEntry
//	job:<id>           record  provisioningv1.Job, without counts
//	item:<job>/<n>     record  provisioningv1.Outcome; with the Request while it is pending, and of a failed one
//	requeued           record  the pod that has put what had no outcome back into the stream, in this epoch
//	reconciliation     record  provisioningv1.Reconciliation, the last round's or the one under way, in this epoch
//	agents, queues     index   ids of those that are not deleted → 0, so in the order of ids
//	serves:<queue>     index   agents that serve the queue → 0
//	external:agent:<external id>, external:queue:<external id>
//	                   index   those that an identity provider knows by that id → 0
//	applied:<job>      index   items of the job that were applied → their number
//	failed:<job>       index   items that failed → their number
//	cancelled:<job>    index   items that were cancelled → their number
//	pending            index   items without an outcome → 0
//	jobs               index   ids of jobs → minus the time they were created, in ms: the newest first
//
// The streams of items that wait for a worker are internal/stream's. Indexes are hints; the record is the truth.
package state

import (
	"strconv"
	"strings"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// Service owns these records.
const Service = "provisioning"

// Indexes.
const (
	Agents = "agents"
	Queues = "queues"
	Jobs   = "jobs"
	// Pending are the items without an outcome, of all jobs.
	Pending = "pending"
)

// Requeued is the record that says that in this epoch everything without an outcome is back in the stream.
const Requeued = "requeued"

// Reconciliation is the record of the report on the last round that compared the downstream with the directory.
const Reconciliation = "reconciliation"

// Serves is the index of the agents that serve a queue.
func Serves(queue string) string { return "serves:" + queue }

// ExternalAgents is the index of the agents that an identity provider knows by an id; it may be of several.
func ExternalAgents(externalID string) string { return "external:agent:" + externalID }

// ExternalQueues is the index of the queues that an identity provider knows by an id.
func ExternalQueues(externalID string) string { return "external:queue:" + externalID }

// Applied is the index of a job's items that were applied.
func Applied(job string) string { return "applied:" + job }

// Failed is the index of a job's items that failed.
func Failed(job string) string { return "failed:" + job }

// Cancelled is the index of a job's items that were cancelled.
func Cancelled(job string) string { return "cancelled:" + job }

// Ended is the index of a job's items with an outcome; empty if it is no final one.
func Ended(job string, outcome provisioningv1.ItemOutcome) string {
	switch outcome {
	case provisioningv1.ItemOutcome_ITEM_OUTCOME_APPLIED:
		return Applied(job)
	case provisioningv1.ItemOutcome_ITEM_OUTCOME_FAILED:
		return Failed(job)
	case provisioningv1.ItemOutcome_ITEM_OUTCOME_CANCELLED:
		return Cancelled(job)
	}
	return ""
}

const (
	agentPrefix = "agent:"
	queuePrefix = "queue:"
	jobPrefix   = "job:"
	itemPrefix  = "item:"
)

// Agent is the name of an agent's record.
func Agent(id string) string { return agentPrefix + id }

// Queue is the name of a queue's record.
func Queue(id string) string { return queuePrefix + id }

// Job is the name of a job's record.
func Job(id string) string { return jobPrefix + id }

// Item is the name of an item's record.
func Item(job string, number uint32) string {
	return itemPrefix + job + "/" + strconv.FormatUint(uint64(number), 10)
}

// ItemOf is the name of the record that a request becomes.
func ItemOf(r *provisioningv1.Request) string { return Item(r.GetJobId(), r.GetNumber()) }

// IsItem reports whether a record of that name is an item.
func IsItem(name string) bool { return strings.HasPrefix(name, itemPrefix) }

// JobOf is the job whose record has this name.
func JobOf(name string) (id string, ok bool) { return strings.CutPrefix(name, jobPrefix) }

// Entity is the name of an agent or a queue as other services and teams know it: "agent/ann" of "agent:ann".
func Entity(name string) string { return strings.Replace(name, ":", "/", 1) }

// Named is the name of the record of an agent or a queue: "agent:ann" of "agent/ann".
func Named(entity string) string { return strings.Replace(entity, "/", ":", 1) }

// IsEntry reports whether a record of that name is an agent or a queue.
func IsEntry(name string) bool {
	return strings.HasPrefix(name, agentPrefix) || strings.HasPrefix(name, queuePrefix)
}

// EntryKey is the key of an agent or a queue in the log.
func EntryKey(tenant, name string) string { return tenant + "/" + Entity(name) }
