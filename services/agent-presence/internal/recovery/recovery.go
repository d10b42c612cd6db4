// Package recovery says how presences come back from the log: which record an event carries, and what a new epoch makes
// of the records.
package recovery

import (
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/busyhour/busyhour/api/events"
	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/rebuild"
	"github.com/busyhour/busyhour/services/agent-presence/internal/agent"
	"github.com/busyhour/busyhour/services/agent-presence/internal/state"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Source is how agent-presence is rebuilt.
func Source(rules agent.Rules) rebuild.Source {
	return rebuild.Source{
		Topics:  []rebuild.Topic{agents()},
		Value:   value,
		Derive:  func(b *rebuild.Build) error { return derive(b, rules) },
		Gap:     gap,
		Logged:  logged,
		Lasting: lasting,
	}
}

// agents are compacted with their tenant in the key: two tenants may have an agent of the same id. A presence never ends.
func agents() rebuild.Topic {
	return rebuild.Topic{
		Events: topics.AgentEvents, State: topics.AgentState,
		Key: func(tenant, record string) string {
			id, _ := state.AgentOf(record)
			return tenant + "/" + id
		},
		EventKey: func(_, record string) (string, bool) { return state.AgentOf(record) },
	}
}

func logged(r *commit.Record, _ time.Time) bool {
	_, ok := state.AgentOf(r.Name)
	return ok
}

// lasting is a presence without what a new epoch makes of it (agent.Reborn).
func lasting(value []byte) []byte {
	p := &presencev1.Presence{}
	if proto.Unmarshal(value, p) != nil {
		return value // no presence of ours, and so like none
	}
	chosen, err := state.Encode(agent.Chosen(p))
	if err != nil {
		return value
	}
	return chosen
}

// value is the presence after the event, in the very bytes that the commit stored.
func value(m eventlog.Message) ([]byte, error) {
	event := &presencev1.PresenceEvent{}
	if err := proto.Unmarshal(m.Value, event); err != nil {
		return nil, fmt.Errorf("not a PresenceEvent: %w", err)
	}
	if event.Presence == nil {
		return nil, errors.New("a PresenceEvent without a presence")
	}
	return state.Encode(event.Presence)
}

// derive puts everybody who was connected into grace: a screen must answer in this epoch before its agent can be given
// a contact. So nobody stands in the index of the available, and no screen in that of a pod.
func derive(b *rebuild.Build, rules agent.Rules) error {
	for _, r := range b.Records {
		id, ok := state.AgentOf(r.Name)
		if !ok {
			continue
		}
		if err := bringBack(b, r, id, rules); err != nil {
			return err
		}
	}
	return nil
}

func bringBack(b *rebuild.Build, r commit.Record, id string, rules agent.Rules) error {
	known, err := state.Presence(&r)
	if err != nil {
		return err
	}
	p, changed := agent.Reborn(known, b.Now, b.Closed, spread(id), rules)
	if !changed {
		return nil
	}
	value, err := state.Encode(p)
	if err != nil {
		return err
	}
	b.Replace(r.Name, value)
	b.Add(state.Online, id, 0)
	b.Deadline(r.Name, p.Deadline.AsTime().Add(-b.Closed)) // moved by Closed there; here it was moved already
	return nil
}

// spread keeps ten thousand agents whose screens do not answer from going offline in the same millisecond.
func spread(id string) time.Duration {
	h := fnv.New32a()
	h.Write([]byte(id))
	return time.Duration(h.Sum32()%1000) * time.Millisecond
}

// gap says that history is missing.
func gap(g commit.Gap) commit.Event {
	data, _ := proto.Marshal(&commonv1.Gap{ // numbers, times and a name that came from Redis always marshal
		Tenant: g.Tenant, Epoch: g.Epoch, From: timestamppb.New(g.From), To: timestamppb.New(g.To),
	})
	return commit.Event{Topic: topics.AgentEvents, Key: g.Tenant, Type: events.PresenceGap, Schema: events.SchemaGap, Data: data}
}
