package flow

import (
	"context"
	"crypto/rand"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// Standing is an entry of the directory, and its revision.
type Standing struct {
	Entry    *directory.Entry
	Revision commit.Revision
}

// CreateAgent makes an agent.
func (f *Flow) CreateAgent(ctx context.Context, tenant, actor string, a *provisioningv1.Agent) (Standing, error) {
	return f.change(ctx, directory.AgentEntry(tenant, actor, a), func(tx *commit.Tx, p directory.Present, wish *directory.Entry) (*directory.Entry, error) {
		return directory.Create(p, wish, tx.Now())
	})
}

// UpdateAgent replaces an agent, if it still stands at the revision the caller has seen.
func (f *Flow) UpdateAgent(ctx context.Context, tenant, actor string, a *provisioningv1.Agent, seen *commonv1.Revision) (Standing, error) {
	return f.change(ctx, directory.AgentEntry(tenant, actor, a), func(tx *commit.Tx, p directory.Present, wish *directory.Entry) (*directory.Entry, error) {
		return directory.Replace(p, wish, seen, tx.Now())
	})
}

// DeleteAgent deletes an agent.
func (f *Flow) DeleteAgent(ctx context.Context, tenant, actor, id string) (Standing, error) {
	return f.change(ctx, directory.NoAgent(tenant, actor, id), func(tx *commit.Tx, p directory.Present, wish *directory.Entry) (*directory.Entry, error) {
		return directory.Delete(p, wish, tx.Now())
	})
}

// CreateQueue makes a queue.
func (f *Flow) CreateQueue(ctx context.Context, tenant, actor string, q *provisioningv1.Queue) (Standing, error) {
	return f.change(ctx, directory.QueueEntry(tenant, actor, q), func(tx *commit.Tx, p directory.Present, wish *directory.Entry) (*directory.Entry, error) {
		return directory.Create(p, wish, tx.Now())
	})
}

// UpdateQueue replaces a queue, if it still stands at the revision the caller has seen.
func (f *Flow) UpdateQueue(ctx context.Context, tenant, actor string, q *provisioningv1.Queue, seen *commonv1.Revision) (Standing, error) {
	return f.change(ctx, directory.QueueEntry(tenant, actor, q), func(tx *commit.Tx, p directory.Present, wish *directory.Entry) (*directory.Entry, error) {
		return directory.Replace(p, wish, seen, tx.Now())
	})
}

// DeleteQueue deletes a queue that no agent serves.
func (f *Flow) DeleteQueue(ctx context.Context, tenant, actor, id string) (Standing, error) {
	return f.change(ctx, directory.NoQueue(tenant, actor, id), func(tx *commit.Tx, p directory.Present, wish *directory.Entry) (*directory.Entry, error) {
		return directory.Delete(p, wish, tx.Now())
	})
}

// move decides about one entry.
type move func(tx *commit.Tx, p directory.Present, wish *directory.Entry) (*directory.Entry, error)

// change makes a change that a caller waits for.
func (f *Flow) change(ctx context.Context, wish *directory.Entry, decide move) (Standing, error) {
	standing, result, err := f.commit(ctx, wish, rand.Text(), decide)
	return standing, f.answer(ctx, wish.GetTenant(), result, err)
}

// commit makes a change, and tells of it at once. op is the operation's id.
func (f *Flow) commit(ctx context.Context, wish *directory.Entry, op string, decide move) (Standing, commit.Result, error) {
	var entry *directory.Entry
	result, err := f.store.Do(ctx, wish.GetTenant(), op, func(ctx context.Context, tx *commit.Tx) (err error) {
		entry, err = f.decide(ctx, tx, wish, op, decide)
		return err
	})
	if err == nil && (result.Changed || result.Duplicate) {
		f.push.Entry(ctx, result.Record, entry)
	}
	return Standing{entry, result.Revision}, result, err
}

// decide loads what the decision rests on, decides, and returns the entry as it stands after.
func (f *Flow) decide(ctx context.Context, tx *commit.Tx, wish *directory.Entry, op string, decide move) (*directory.Entry, error) {
	loaded := ask(tx, wish)
	if err := tx.Fetch(ctx); err != nil {
		return nil, err
	}
	present, err := state.Present(loaded.entry)
	if err != nil {
		return nil, err
	}
	if loaded.entry.Op == op { // our own commit, whose answer did not reach us
		return present.Entry, nil
	}
	if err := loaded.refuse(present, wish); err != nil {
		return nil, err
	}
	after, err := decide(tx, present, proto.CloneOf(wish))
	if err != nil || after == nil {
		return present.Entry, err
	}
	tx.Guard(loaded.queues...)
	return after, state.PutEntry(tx, loaded.entry, present, after)
}

// loaded is what a decision about an entry rests on.
type loaded struct {
	entry   *commit.Record
	queues  []*commit.Record // that the agent is to serve
	agents  *int64           // that serve the queue, if it is to be deleted
	serving *commit.Members  // some of them
}

func ask(tx *commit.Tx, wish *directory.Entry) *loaded {
	l := &loaded{}
	if q := wish.GetQueue(); q != nil {
		l.entry = tx.Record(state.Queue(q.GetId()))
		if wish.GetDeleted() {
			l.agents, l.serving = tx.Count(state.Serves(q.GetId())), tx.First(state.Serves(q.GetId()), 3)
		}
		return l
	}
	l.entry = tx.Record(state.Agent(wish.GetAgent().GetId()))
	for _, q := range wish.GetAgent().GetQueueIds() {
		l.queues = append(l.queues, tx.Record(state.Queue(q)))
	}
	return l
}

// refuse says no to what no move may do.
func (l *loaded) refuse(p directory.Present, wish *directory.Entry) error {
	if wish.GetDeleted() {
		return l.refuseServed(p)
	}
	if q := wish.GetQueue(); q != nil {
		return directory.Refuse(p.Record, directory.CheckQueue(q))
	}
	exists, err := live(l.queues)
	if err != nil {
		return err
	}
	problems := append(directory.CheckAgent(wish.GetAgent()), directory.UnknownQueues(wish.GetAgent(), exists)...)
	return directory.Refuse(p.Record, problems)
}

func (l *loaded) refuseServed(p directory.Present) error {
	if l.agents == nil {
		return nil
	}
	names := make([]string, len(l.serving.List))
	for i, m := range l.serving.List {
		names[i] = m.Name
	}
	return directory.RefuseServed(p, *l.agents, names)
}

// live tells which queues exist.
func live(records []*commit.Record) (func(id string) bool, error) {
	found := map[string]bool{}
	for _, r := range records {
		p, err := state.Present(r)
		if err != nil {
			return nil, err
		}
		found[r.Name] = p.Live()
	}
	return func(id string) bool { return found[state.Queue(id)] }, nil
}
