// Package state keeps presences: the keys, records and indexes of agent-presence, and what it reads of other services.
//
//	presence:<agent>  record   presencev1.Presence; written by internal/flow only
//	available         index    agents who can be given contacts → since when, in ms; read by call-routing
//	online            index    agents with a screen, or in grace → 0, so in the order of ids
//	pods              index    pods of this service → until when they are alive, in ms; written by internal/sweep
//	pod:<pod>         index    agents with a screen on that pod → 0
//
// Indexes are hints; the record is the truth.
package state

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/busyhour/busyhour/api/events"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/agent-presence/internal/agent"
	"google.golang.org/protobuf/proto"
)

// Services whose records are read or written here.
const (
	Service      = "agent-presence"
	provisioning = "provisioning"
	routing      = "call-routing"
)

// Indexes.
const (
	Available = "available"
	Online    = "online"
	Pods      = "pods"
)

// Pod is the index of the agents with a screen on a pod.
func Pod(pod string) string { return "pod:" + pod }

const presencePrefix = "presence:"

// Name of an agent's presence.
func Name(id string) string { return presencePrefix + id }

// AgentOf is the agent whose presence has this name.
func AgentOf(name string) (string, bool) { return strings.CutPrefix(name, presencePrefix) }

// Agent is what is loaded to decide about one agent.
type Agent struct {
	id       string
	presence *commit.Record
	entry    *commit.Record
}

// Ask asks for what a decision about the agent needs. Fetch fills it.
func Ask(tx *commit.Tx, id string) *Agent {
	return &Agent{id: id, presence: tx.Record(Name(id)), entry: AskEntry(tx, id)}
}

// Known is what a decision rests on.
func (a *Agent) Known(tenant string) (agent.Known, error) {
	k := agent.Known{Tenant: tenant, ID: a.id}
	var err error
	if k.Presence, err = Presence(a.presence); err != nil {
		return k, err
	}
	k.Listed, err = Listed(a.entry)
	return k, err
}

// Revision of the presence as it was loaded.
func (a *Agent) Revision() commit.Revision { return a.presence.Revision }

// Op that made this revision.
func (a *Agent) Op() string { return a.presence.Op }

// Value of the presence as it was loaded.
func (a *Agent) Value() []byte { return a.presence.Value }

// Heal is Keep at a revision beyond past, which the log has and Redis has lost.
func (a *Agent) Heal(tx *commit.Tx, c *agent.Change, past commit.Revision) error {
	tx.Beyond(a.presence, past)
	return a.Keep(tx, c)
}

// Forget takes a record out that is no presence.
func (a *Agent) Forget(tx *commit.Tx) { tx.Delete(a.presence) }

// Keep puts a change into the commit: the record, its event, its indexes and its deadline.
func (a *Agent) Keep(tx *commit.Tx, c *agent.Change) error {
	event, err := a.event(tx.Next(a.presence), c)
	if err != nil {
		return err
	}
	value, err := Encode(c.After)
	if err != nil {
		return err
	}
	tx.Put(a.presence, value, event)
	tx.Deadline(a.presence, Deadline(c.After))
	a.index(tx, c)
	return nil
}

// index writes the whole truth, not the difference: an index that had gone wrong is right again after any change.
func (a *Agent) index(tx *commit.Tx, c *agent.Change) {
	set := func(member bool, index string, score float64) {
		if member {
			tx.Add(index, a.id, score)
		} else {
			tx.Remove(index, a.id)
		}
	}
	set(agent.Assignable(c.After), Available, float64(c.After.GetSince().AsTime().UnixMilli()))
	set(agent.Online(c.After), Online, 0)
	for _, pod := range agent.Pods(c.Before) {
		tx.Remove(Pod(pod), a.id)
	}
	for _, pod := range agent.Pods(c.After) { // removals come first
		tx.Add(Pod(pod), a.id, 0)
	}
	for _, pod := range newPods(c) {
		Renew(tx, pod)
	}
}

// newPods are the pods that a screen has just come to. It brings the pod's lease with it, so that no screen is ever held
// by a pod whose death nobody would notice.
func newPods(c *agent.Change) []string {
	before := agent.Pods(c.Before)
	return slices.DeleteFunc(agent.Pods(c.After), func(pod string) bool { return slices.Contains(before, pod) })
}

// Lease is how long after its last word a pod is taken for alive.
const Lease = 5 * time.Second

// Renew says that the pod is alive.
func Renew(tx *commit.Tx, pod string) { tx.Add(Pods, pod, float64(tx.Now().Add(Lease).UnixMilli())) }

func (a *Agent) event(r commit.Revision, c *agent.Change) (*commit.Event, error) {
	data, err := Encode(&presencev1.PresenceEvent{
		Kind: c.Kind, Revision: Revision(r), At: c.After.At, Before: c.Before, Presence: c.After,
	})
	return &commit.Event{Topic: topics.AgentEvents, Key: a.id, Type: events.Agent(c.Kind), Schema: events.SchemaPresence, Data: data}, err
}

// Deadline of a presence; zero if it has none.
func Deadline(p *presencev1.Presence) time.Time {
	if p.GetDeadline() == nil {
		return time.Time{}
	}
	return p.Deadline.AsTime()
}

var deterministic = proto.MarshalOptions{Deterministic: true}

// Encode gives a message the bytes it always has: the auditor compares them.
func Encode(m proto.Message) ([]byte, error) {
	b, err := deterministic.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	return b, nil
}
