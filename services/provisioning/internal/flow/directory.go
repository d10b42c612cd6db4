package flow

import (
	"cmp"
	"context"
	"crypto/rand"
	"time"

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
	return f.change(ctx, directory.AgentEntry(tenant, actor, a), directory.Create)
}

// UpdateAgent replaces an agent, if it still stands at the revision the caller has seen.
func (f *Flow) UpdateAgent(ctx context.Context, tenant, actor string, a *provisioningv1.Agent, seen *commonv1.Revision) (Standing, error) {
	return f.change(ctx, directory.AgentEntry(tenant, actor, a), unmoved(seen, directory.Replace))
}

// DeleteAgent deletes an agent.
func (f *Flow) DeleteAgent(ctx context.Context, tenant, actor, id string) (Standing, error) {
	return f.change(ctx, directory.NoAgent(tenant, actor, id), directory.Delete)
}

// CreateQueue makes a queue.
func (f *Flow) CreateQueue(ctx context.Context, tenant, actor string, q *provisioningv1.Queue) (Standing, error) {
	return f.change(ctx, directory.QueueEntry(tenant, actor, q), directory.Create)
}

// UpdateQueue replaces a queue, if it still stands at the revision the caller has seen.
func (f *Flow) UpdateQueue(ctx context.Context, tenant, actor string, q *provisioningv1.Queue, seen *commonv1.Revision) (Standing, error) {
	return f.change(ctx, directory.QueueEntry(tenant, actor, q), unmoved(seen, directory.Replace))
}

// DeleteQueue deletes a queue that no agent serves.
func (f *Flow) DeleteQueue(ctx context.Context, tenant, actor, id string) (Standing, error) {
	return f.change(ctx, directory.NoQueue(tenant, actor, id), directory.Delete)
}

// move decides about one entry; see package directory.
type move func(p directory.Present, wish *directory.Entry, now time.Time) (*directory.Entry, error)

// unmoved is a move that refuses if the caller has seen another revision than the one that stands there.
func unmoved(seen *commonv1.Revision, m move) move {
	return func(p directory.Present, wish *directory.Entry, now time.Time) (*directory.Entry, error) {
		if err := directory.Unmoved(p, seen); err != nil {
			return nil, err
		}
		return m(p, wish, now)
	}
}

// wish is how somebody wishes an entry to stand in the directory.
type wish struct {
	entry *directory.Entry
	// partial: the entry says whose it is, and no more.
	partial bool
	joins   []string // the queues that its agent is to serve
	move    move
}

// change makes a change that a caller waits for.
func (f *Flow) change(ctx context.Context, entry *directory.Entry, m move) (Standing, error) {
	w := wish{entry: entry, joins: entry.GetAgent().GetQueueIds(), move: m}
	standing, result, err := f.commit(ctx, w, rand.Text(), alone{})
	return standing, f.answer(ctx, entry.GetTenant(), result, err)
}

// along is what else a commit decides about than the entry.
type along interface {
	// ask asks for records.
	ask(tx *commit.Tx)
	// may says what stands in the way, before anything is decided.
	may() error
	// put puts what goes with the decision into the commit. p is the entry before it.
	put(tx *commit.Tx, p directory.Present) error
}

// alone is an entry and nothing else.
type alone struct{}

func (alone) ask(*commit.Tx)                          {}
func (alone) may() error                              { return nil }
func (alone) put(*commit.Tx, directory.Present) error { return nil }

// commit makes a change, and tells of it at once. op is the operation's id.
func (f *Flow) commit(ctx context.Context, w wish, op string, with along) (Standing, commit.Result, error) {
	var entry *directory.Entry
	result, err := f.store.Do(ctx, w.entry.GetTenant(), op, func(ctx context.Context, tx *commit.Tx) (err error) {
		entry, err = decide(ctx, tx, w, op, with)
		return err
	})
	if err == nil && (result.Revision != result.Previous || result.Duplicate) {
		f.push.Entry(ctx, result.Record, entry)
	}
	return Standing{entry, result.Revision}, result, err
}

// decide loads what the decision rests on, decides, and returns the entry as it stands after.
func decide(ctx context.Context, tx *commit.Tx, w wish, op string, with along) (*directory.Entry, error) {
	loaded := ask(tx, w)
	with.ask(tx)
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
	if err := cmp.Or(with.may(), loaded.refuse(present, w)); err != nil {
		return nil, err
	}
	after, err := w.move(present, proto.CloneOf(w.entry), tx.Now())
	if err != nil || after == nil {
		return present.Entry, cmp.Or(err, with.put(tx, present))
	}
	tx.Guard(loaded.queues...)
	return after, cmp.Or(state.PutEntry(tx, loaded.entry, present, after), with.put(tx, present))
}

// loaded is what a decision about an entry rests on.
type loaded struct {
	entry   *commit.Record
	queues  []*commit.Record // that the agent is to serve
	agents  *int64           // that serve the queue, if it is to be deleted
	serving *commit.Members  // some of them
}

// servingNamed are how many of those who serve a queue are named to who wants to delete it.
const servingNamed = 3

func ask(tx *commit.Tx, w wish) *loaded {
	l := &loaded{}
	if q := w.entry.GetQueue(); q != nil {
		l.entry = tx.Record(state.Queue(q.GetId()))
		if w.entry.GetDeleted() {
			l.agents, l.serving = tx.Count(state.Serves(q.GetId())), tx.First(state.Serves(q.GetId()), servingNamed)
		}
		return l
	}
	l.entry = tx.Record(state.Agent(w.entry.GetAgent().GetId()))
	for _, q := range w.joins {
		l.queues = append(l.queues, tx.Record(state.Queue(q)))
	}
	return l
}

// refuse says no to what no move may do.
func (l *loaded) refuse(p directory.Present, w wish) error {
	if w.entry.GetDeleted() {
		return l.refuseServed(p)
	}
	exists, err := live(l.queues)
	if err != nil {
		return err
	}
	return w.refuse(p, exists)
}

// refuse says no to an agent or a queue that cannot stand in the directory.
func (w wish) refuse(p directory.Present, exists func(queue string) bool) error {
	if q := w.entry.GetQueue(); q != nil {
		return directory.Refuse(p.Record, directory.CheckQueue(q))
	}
	problems := directory.UnknownQueues(w.joins, exists)
	if !w.partial {
		problems = append(directory.CheckAgent(w.entry.GetAgent()), problems...)
	}
	return directory.Refuse(p.Record, problems)
}

func (l *loaded) refuseServed(p directory.Present) error {
	if l.agents == nil {
		return nil
	}
	return directory.RefuseServed(p, *l.agents, names(l.serving))
}

func names(m *commit.Members) []string {
	all := make([]string, len(m.List))
	for i, one := range m.List {
		all[i] = one.Name
	}
	return all
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
