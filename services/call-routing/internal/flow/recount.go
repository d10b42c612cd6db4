package flow

import (
	"context"
	"maps"
	"slices"
	"sync"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/rebuild"
	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
	"github.com/busyhour/busyhour/services/call-routing/internal/push"
	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

const (
	recountSize = 64  // agents in one script
	livePage    = 500 // contacts in one script
	leapSize    = 1000
)

// recounts is what a pod has seen of the workloads of one tenant.
type recounts struct {
	flow   *Flow
	tenant string

	mu    sync.Mutex // one look at a time
	epoch uint32
	seen  map[string]commit.Revision // agent → the highest revision of their workload in this epoch
}

// Recount compares what agents hold with the contacts, which say who holds them, and corrects what differs. No event tells
// of a workload, so the log cannot show that one was edited, deleted or rolled back by hand. A commit changes contact and
// workload together: what moves between two reads fails at its guards and is read anew.
func (f *Flow) Recount(ctx context.Context, tenant string) ([]rebuild.Divergence, error) {
	return f.recounts[tenant].next(ctx)
}

func (r *recounts) next(ctx context.Context) ([]rebuild.Divergence, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if epoch, _ := r.flow.store.Verified(r.tenant); epoch != r.epoch {
		r.epoch, r.seen = epoch, map[string]commit.Revision{}
	}
	held, err := r.held(ctx)
	if err != nil {
		return nil, err
	}
	agents, err := r.agents(ctx, held)
	if err != nil {
		return nil, err
	}
	var found []rebuild.Divergence
	for some := range slices.Chunk(agents, recountSize) {
		differ, err := r.recount(ctx, some, held)
		if err != nil {
			return found, err
		}
		found = append(found, differ...)
	}
	return found, nil
}

// held lists the live contacts that say that an agent holds them, by agent.
func (r *recounts) held(ctx context.Context) (map[string][]string, error) {
	held := map[string][]string{}
	for page := (&Page{}); page != nil; {
		var list []*routingv1.Contact
		var err error
		if list, page, err = r.flow.Live(ctx, r.tenant, "", *page, livePage); err != nil {
			return nil, err
		}
		for _, c := range list {
			if agent := c.GetReservation().GetAgentId(); agent != "" {
				held[agent] = append(held[agent], c.Id)
			}
		}
	}
	return held, nil
}

// agents are those who hold contacts, have a workload, or had one when this pod last looked.
func (r *recounts) agents(ctx context.Context, held map[string][]string) ([]string, error) {
	all := map[string]bool{}
	for agent := range held {
		all[agent] = true
	}
	for agent := range r.seen {
		all[agent] = true
	}
	err := r.flow.store.Names(ctx, r.tenant, func(names []string) error {
		for _, name := range names {
			if agent, ok := state.WorkloadAgent(name); ok {
				all[agent] = true
			}
		}
		return nil
	})
	return slices.Sorted(maps.Keys(all)), err
}

// recount compares some agents, corrects those that differ in one commit, and tells their screens.
func (r *recounts) recount(ctx context.Context, agents []string, held map[string][]string) ([]rebuild.Divergence, error) {
	var looked, differ []*counted
	var told []*push.Workload
	_, err := r.flow.store.Do(ctx, r.tenant, "", func(ctx context.Context, tx *commit.Tx) (err error) {
		looked, differ, told = nil, nil, nil
		if tx.Epoch() != r.epoch { // what was seen says nothing of an epoch that has begun since
			return nil
		}
		if looked, err = r.read(ctx, tx, agents, held); err != nil {
			return err
		}
		for _, c := range looked {
			if c.cause = c.differs(r.seen[c.agent]); c.cause == "" {
				continue
			}
			w, err := c.correct(tx, r.seen[c.agent])
			if err != nil {
				return err
			}
			differ, told = append(differ, c), append(told, w)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, c := range looked {
		r.seen[c.agent] = c.record.Revision
	}
	found := make([]rebuild.Divergence, len(differ))
	for i, c := range differ {
		found[i] = rebuild.Divergence{Record: c.record.Name, Cause: c.cause, Redis: c.record.Revision}
		r.seen[c.agent] = state.RevisionOf(told[i].Revision)
		r.flow.push.Workload(ctx, r.tenant, told[i])
		r.flow.LookAt(ctx, r.tenant, c.agent)
	}
	return found, nil
}

func (r *recounts) read(ctx context.Context, tx *commit.Tx, agents []string, held map[string][]string) ([]*counted, error) {
	list := make([]*counted, len(agents))
	for i, agent := range agents {
		list[i] = &counted{agent: agent, record: tx.Record(state.Workload(agent))}
		for _, id := range held[agent] {
			list[i].ask(tx, id)
		}
	}
	if err := tx.Fetch(ctx); err != nil {
		return nil, err
	}
	for _, c := range list {
		c.read()
		for _, card := range c.workload.GetCards() {
			c.ask(tx, card.ContactId)
		}
	}
	if err := tx.Fetch(ctx); err != nil {
		return nil, err
	}
	for _, c := range list {
		if err := c.count(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// counted is an agent's workload as it is, and what it should hold.
type counted struct {
	agent    string
	record   *commit.Record
	workload *routingv1.Workload // nil if there is none, or none that can be read
	contacts map[string]*commit.Record
	cards    []*routingv1.Card // by their contacts
	cause    rebuild.Cause
}

func (c *counted) ask(tx *commit.Tx, contact string) {
	if c.contacts == nil {
		c.contacts = map[string]*commit.Record{}
	}
	if c.contacts[contact] == nil {
		c.contacts[contact] = tx.Record(state.Contact(contact))
	}
}

func (c *counted) read() {
	if w, err := state.ReadWorkload(c.record); err == nil && w.GetAgentId() == c.agent {
		c.workload = w
	}
}

// count makes the cards of the contacts that the agent holds.
func (c *counted) count() error {
	for _, r := range c.contacts {
		one, err := state.ReadContact(r)
		if err != nil {
			return err
		}
		if one.GetReservation().GetAgentId() == c.agent {
			c.cards = append(c.cards, contact.Card(one, state.Revision(r.Revision)))
		}
	}
	return nil
}

// differs says in which way the workload is not what it should be; empty if it is.
func (c *counted) differs(seen commit.Revision) rebuild.Cause {
	switch {
	case !c.record.Exists() && (len(c.cards) > 0 || !seen.IsZero()):
		return rebuild.Missing
	case seen.Newer(c.record.Revision):
		return rebuild.Behind
	case c.record.Exists() && (c.workload == nil || !contact.Holds(c.workload, c.cards)):
		return rebuild.Altered
	}
	return ""
}

// correct puts what the agent holds, if the contacts stay as they were read.
func (c *counted) correct(tx *commit.Tx, seen commit.Revision) (*push.Workload, error) {
	for _, r := range c.contacts {
		tx.Guard(r)
	}
	leap(tx, c.record, seen)
	d := &decision{}
	if err := keepWorkload(tx, d, c.record, contact.Holding(c.workload, c.agent, c.cards, tx.Now())); err != nil {
		return nil, err
	}
	tx.Add(state.Doubtful, c.agent, 0) // the cards may be too many by now
	return d.workload, nil
}

// leap has a workload that was tampered with go on far beyond the last revision that was seen of it: nothing tells how far
// it had come since, and no revision may be used twice.
func leap(tx *commit.Tx, r *commit.Record, seen commit.Revision) {
	if r.Revision.Newer(seen) {
		seen = r.Revision
	}
	tx.Beyond(r, commit.Revision{Epoch: tx.Epoch(), N: seen.N + leapSize})
}
