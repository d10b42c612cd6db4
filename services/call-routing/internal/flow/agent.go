package flow

import (
	"context"
	"math"
	"slices"
	"time"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/call-routing/internal/match"
	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

// How many of each queue's waiting contacts are looked at in one go; further pages are for agents who lack what those
// in front require.
var waitingPages = []int{4, 16, 64}

// How often an agent is looked at in one go: once for each contact that they can hold, and once more when a contact came
// to wait while they were made ready.
const looks = 8

// LookAt looks at an agent anew, in their turn: after a presence change, a change in the directory, the end of a contact.
// A look that has not begun yet will see this reason for it too.
func (f *Flow) LookAt(ctx context.Context, tenant, agent string) {
	key := agentLane(tenant, agent)
	if _, due := f.dueLooks.LoadOrStore(key, true); due {
		return
	}
	ctx = context.WithoutCancel(ctx)
	f.lanes.Go(key, func() time.Duration {
		f.dueLooks.Delete(key)
		f.look(ctx, tenant, agent)
		return 0
	})
}

// look withdraws what the agent cannot take any more, or gives them what waits for them, or makes them ready.
func (f *Flow) look(ctx context.Context, tenant, agent string) {
	for range looks {
		if busy := f.taken.busy(agentLane(tenant, agent)); busy != nil {
			<-busy // a contact is being offered to them; what comes after it is seen then
		}
		l := &looking{Flow: f, tenant: tenant, agent: agent, hold: hold{set: f.taken}}
		again, err := l.once(ctx)
		if err != nil {
			f.failed(tenant, "look at agent", agent, err)
			return
		}
		for _, id := range l.withdraw {
			f.withdraw(ctx, tenant, id, agent)
		}
		if !again {
			return
		}
	}
}

// looking is one look at an agent.
type looking struct {
	*Flow
	hold
	tenant, agent string

	tries    int
	withdraw []string        // contacts whose offer the agent cannot take any more
	queues   []string        // the agent stands ready in them since this look
	seen     map[string]bool // contacts that wait and are not for this agent
	more     bool            // the agent was offered a contact and can hold another
}

// once reports whether the agent should be looked at again.
func (l *looking) once(ctx context.Context) (again bool, err error) {
	defer l.release()
	result, d, err := l.commit(ctx, l.tenant, operation("look"), l.decide)
	switch {
	case err != nil:
		return false, err
	case d.change != nil:
		l.metrics.matchTries.Observe(float64(l.tries))
		l.metrics.moved(d.change)
		l.tell(ctx, l.tenant, result, d)
		return l.more, nil
	case len(l.queues) > 0:
		return l.somebodyCame(ctx)
	}
	return false, nil
}

func (l *looking) decide(ctx context.Context, tx *commit.Tx, d *decision) error {
	l.tries++
	l.release()
	l.withdraw, l.queues, l.seen, l.more = nil, nil, map[string]bool{}, false
	c := askCandidate(tx, l.agent)
	if err := tx.Fetch(ctx); err != nil {
		return err
	}
	if err := c.read(); err != nil {
		return err
	}
	if mustLetGo(c.Candidate) {
		l.withdraw = offeredTo(c.Workload)
	}
	if match.Open(c.Candidate) && c.free() {
		chosen, why, err := l.choose(ctx, tx, c)
		if err != nil {
			return err
		}
		if chosen != nil {
			d.contact, d.revision = chosen.Contact, tx.Next(c.workload)
			err := offer(ctx, tx, d, chosen.record, chosen.queue, c, why)
			l.more = c.free()
			return err
		}
		l.queues = c.Agent.QueueIds
	}
	return c.places(ctx, tx, c.Workload.GetQueueIds())
}

// mustLetGo reports whether what is offered to the agent is taken back. An agent who is not in the directory keeps it until
// its deadline: the entry may only be missing because the directory is being rebuilt.
func mustLetGo(c match.Candidate) bool {
	return !match.Assignable(c.Presence) || c.Agent.GetDeactivated()
}

func offeredTo(w *routingv1.Workload) (ids []string) {
	for _, card := range w.GetCards() {
		if card.State == routingv1.ContactState_CONTACT_STATE_OFFERED {
			ids = append(ids, card.ContactId)
		}
	}
	return ids
}

// waiting is a contact that waits, and the records that say so.
type waiting struct {
	match.Waiting
	record, queue *commit.Record
}

// choose goes through what waits in the agent's queues, page by page, until something fits.
func (l *looking) choose(ctx context.Context, tx *commit.Tx, c *candidate) (*waiting, *routingv1.Decision, error) {
	queues := make(map[string]*commit.Record, len(c.Agent.QueueIds))
	for _, q := range c.Agent.QueueIds {
		queues[q] = tx.Foreign(state.Provisioning, state.QueueEntry(q))
	}
	open, skip := c.Agent.QueueIds, 0
	for _, size := range waitingPages {
		pages := make([]*commit.Members, len(open))
		for i, q := range open {
			pages[i] = tx.After(state.Waiting(q), math.Inf(-1), skip, size)
		}
		if err := tx.Fetch(ctx); err != nil {
			return nil, nil, err
		}
		list, err := l.read(ctx, tx, queues, open, pages)
		if err != nil {
			return nil, nil, err
		}
		if chosen, why := l.pick(tx, c, list); chosen != nil {
			return chosen, why, nil
		}
		skip += size
		if open = longer(open, pages, size); len(open) == 0 {
			break
		}
	}
	return nil, nil, nil
}

// longer keeps the queues that have more than what was read.
func longer(open []string, pages []*commit.Members, size int) (left []string) {
	for i, q := range open {
		if len(pages[i].List) == size {
			left = append(left, q)
		}
	}
	return left
}

func (l *looking) read(ctx context.Context, tx *commit.Tx, queues map[string]*commit.Record, open []string, pages []*commit.Members) ([]*waiting, error) {
	var list []*waiting
	for i, q := range open {
		for _, m := range pages[i].List {
			l.seen[m.Name] = true
			list = append(list, &waiting{record: tx.Record(state.Contact(m.Name)), queue: queues[q]})
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	if err := tx.Fetch(ctx); err != nil {
		return nil, err
	}
	for _, w := range list {
		var err error
		if w.Contact, err = state.ReadContact(w.record); err != nil {
			return nil, err
		}
		if w.Queue, err = state.ReadQueue(w.queue); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(list, func(w *waiting) bool {
		return w.Queue == nil || w.Contact.GetState() != routingv1.ContactState_CONTACT_STATE_QUEUED
	}), nil
}

// pick chooses among those that no sibling is offering, and takes the chosen one and the agent.
func (l *looking) pick(tx *commit.Tx, c *candidate, list []*waiting) (*waiting, *routingv1.Decision) {
	for {
		plain := make([]match.Waiting, len(list))
		for i, w := range list {
			w.Taken = l.taken.busy(contactLane(l.tenant, w.Contact.Id)) != nil
			plain[i] = w.Waiting
		}
		i, why := match.Contact(c.Candidate, plain, tx.Now(), l.tries > 1)
		if i < 0 {
			return nil, nil
		}
		if l.take(contactLane(l.tenant, list[i].Contact.Id)) {
			return list[i], why
		}
	}
}

// somebodyCame looks once more, after the agent was made ready: a contact that came to wait in between saw no agent.
func (l *looking) somebodyCame(ctx context.Context) (bool, error) {
	came := false
	_, err := l.store.Read(ctx, l.tenant, func(ctx context.Context, tx *commit.Tx) error {
		var fronts []*commit.Members
		for _, q := range l.queues {
			fronts = append(fronts, tx.First(state.Waiting(q), waitingPages[0]))
		}
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		for _, m := range fronts {
			came = came || slices.ContainsFunc(m.List, func(m commit.Member) bool { return !l.seen[m.Name] })
		}
		return nil
	})
	return came, err
}
