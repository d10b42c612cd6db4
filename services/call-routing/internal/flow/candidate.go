package flow

import (
	"context"
	"slices"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/call-routing/internal/match"
	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

// candidate is an agent as just read, and the records that say so. Their revisions guard what is decided on them.
type candidate struct {
	match.Candidate
	workload, presence, agent *commit.Record
}

func askCandidate(tx *commit.Tx, id string) *candidate {
	return &candidate{
		Candidate: match.Candidate{ID: id},
		workload:  tx.Record(state.Workload(id)),
		presence:  tx.Foreign(state.Presence, state.PresenceOf(id)),
		agent:     tx.Foreign(state.Provisioning, state.AgentEntry(id)),
	}
}

func (c *candidate) read() (err error) {
	if c.Workload, err = state.ReadWorkload(c.workload); err != nil {
		return err
	}
	if c.Presence, err = state.ReadPresence(c.presence); err != nil {
		return err
	}
	c.Agent, err = state.ReadAgent(c.agent)
	return err
}

func readCandidates(ctx context.Context, tx *commit.Tx, members []commit.Member) ([]*candidate, error) {
	if len(members) == 0 {
		return nil, nil
	}
	list := make([]*candidate, len(members))
	for i, m := range members {
		list[i] = askCandidate(tx, m.Name)
	}
	if err := tx.Fetch(ctx); err != nil {
		return nil, err
	}
	for _, c := range list {
		if err := c.read(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// free reports whether the agent can hold one more contact of any channel.
func (c *candidate) free() bool {
	for _, k := range c.Agent.GetCapacity() {
		if match.Free(c.Candidate, k.Channel) > 0 {
			return true
		}
	}
	return false
}

// channels in which the agent can hold anything at all.
func (c *candidate) channels() []commonv1.Channel {
	var list []commonv1.Channel
	for _, k := range c.Agent.GetCapacity() {
		if k.Contacts > 0 {
			list = append(list, k.Channel)
		}
	}
	return list
}

// places the agent in the ready indexes of the queues that they could be given a contact of now, and nowhere else. before
// are queues that they may stand in from earlier.
func (c *candidate) places(ctx context.Context, tx *commit.Tx, before []string) error {
	ready, err := c.readyFor(ctx, tx)
	if err != nil {
		return err
	}
	for _, q := range before {
		if !slices.Contains(c.Agent.GetQueueIds(), q) {
			tx.Remove(state.Ready(q), c.ID)
		}
	}
	idle := float64(match.IdleSince(c.Candidate).UnixMilli())
	for _, q := range c.Agent.GetQueueIds() {
		if slices.Contains(ready, q) {
			tx.Add(state.Ready(q), c.ID, idle)
		} else {
			tx.Remove(state.Ready(q), c.ID)
		}
	}
	return nil
}

func (c *candidate) readyFor(ctx context.Context, tx *commit.Tx) ([]string, error) {
	if !match.Open(c.Candidate) || !c.free() {
		return nil, nil
	}
	if len(c.channels()) == 1 {
		return c.Agent.QueueIds, nil
	}
	return c.readyByChannel(ctx, tx)
}

// ShouldBeReady says in which queues' ready indexes each of these agents should stand.
func ShouldBeReady(ctx context.Context, tx *commit.Tx, agents []commit.Member) (map[string][]string, error) {
	list, err := readCandidates(ctx, tx, agents)
	if err != nil {
		return nil, err
	}
	should := make(map[string][]string, len(list))
	for _, c := range list {
		if should[c.ID], err = c.readyFor(ctx, tx); err != nil {
			return nil, err
		}
	}
	return should, nil
}

// readyByChannel is for agents of several channels: they may be free for chats and busy for calls.
func (c *candidate) readyByChannel(ctx context.Context, tx *commit.Tx) (ready []string, err error) {
	records := make([]*commit.Record, len(c.Agent.QueueIds))
	for i, q := range c.Agent.QueueIds {
		records[i] = tx.Foreign(state.Provisioning, state.QueueEntry(q))
	}
	if err := tx.Fetch(ctx); err != nil {
		return nil, err
	}
	for i, r := range records {
		q, err := state.ReadQueue(r)
		if err != nil {
			return nil, err
		}
		if q != nil && match.Free(c.Candidate, q.Channel) > 0 {
			ready = append(ready, c.Agent.QueueIds[i])
		}
	}
	return ready, nil
}
