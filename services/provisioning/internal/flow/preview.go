package flow

import (
	"context"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// mostDifferences are told one by one; all are counted.
const mostDifferences = 1000

// Preview is what items would make of the directory.
type Preview struct {
	// Differences are what would change or be refused, in the order in which it would be carried out.
	Differences []*provisioningv1.Difference
	Counts      *provisioningv1.DifferenceCounts
}

// Preview carries an import out in memory, by the moves of a real run, and writes nothing: nil if anything is wrong with it.
// What others change meanwhile it may see or not.
func (f *Flow) Preview(ctx context.Context, tenant, actor string, im *job.Import) (*Preview, error) {
	if err := f.CheckImport(ctx, tenant, im); err != nil || im.Wrong > 0 {
		return nil, err
	}
	exists, err := f.queues(ctx, tenant, im.Items)
	if err != nil {
		return nil, err
	}
	t := newTrial(im, exists)
	requests := job.Requests(&provisioningv1.Job{Tenant: tenant, Actor: actor, Total: uint32(len(im.Items))}, im.Items)
	for some := range slices.Chunk(requests, portion) {
		found, err := f.load(ctx, tenant, t, some)
		if err != nil {
			return nil, err
		}
		for i, r := range some {
			if err := t.try(r, found[i]); err != nil {
				return nil, err
			}
		}
	}
	return &t.Preview, nil
}

// found is what an item is tried on.
type found struct {
	present directory.Present
	now     time.Time
	agents  int64    // that serve the queue, if it is to be deleted
	serving []string // some of them
}

// load reads what items are tried on. It must be verified, or what has only not come back yet would be created.
func (f *Flow) load(ctx context.Context, tenant string, t *trial, some []*provisioningv1.Request) (all []found, err error) {
	err = f.readVerified(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		asked := make([]*loaded, len(some))
		for i, r := range some {
			asked[i] = t.ask(tx, r.GetItem())
		}
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		all = make([]found, len(some))
		for i, l := range asked {
			if all[i], err = l.found(tx.Now()); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

func (l *loaded) found(now time.Time) (found, error) {
	present, err := state.Present(l.entry)
	at := found{present: present, now: now}
	if l.agents != nil {
		at.agents, at.serving = *l.agents, names(l.serving)
	}
	return at, err
}

// trial carries out items in memory, one after the other.
type trial struct {
	Preview
	im     *job.Import
	exists func(queue string) bool // in the directory
	made   map[string]bool         // queues that items have made
	served map[string]*served      // queues that items are to delete
}

// served is what items have changed of who serves a queue.
type served struct{ left, joined map[string]bool }

func newTrial(im *job.Import, exists func(queue string) bool) *trial {
	t := &trial{im: im, exists: exists, made: map[string]bool{}, served: map[string]*served{}}
	t.Counts = &provisioningv1.DifferenceCounts{}
	for _, it := range im.Items {
		if it.GetKind() == provisioningv1.Item_KIND_DELETE_QUEUE {
			t.served[it.GetQueue().GetId()] = &served{map[string]bool{}, map[string]bool{}}
		}
	}
	return t
}

// ask asks for an entry; of a queue that is to be deleted also for so many who serve it that some are left.
func (t *trial) ask(tx *commit.Tx, it *provisioningv1.Item) *loaded {
	l := &loaded{entry: tx.Record(state.Named(job.Entity(it)))}
	if it.GetKind() == provisioningv1.Item_KIND_DELETE_QUEUE {
		id := it.GetQueue().GetId()
		l.agents, l.serving = tx.Count(state.Serves(id)), tx.First(state.Serves(id), servingNamed+len(t.served[id].left))
	}
	return l
}

// try carries out one, and notes what it comes to.
func (t *trial) try(r *provisioningv1.Request, at found) error {
	it := r.GetItem()
	d := &provisioningv1.Difference{Line: uint32(t.im.Lines[r.GetNumber()-1]), Entity: job.Entity(it)}
	after, err := t.decide(wishOf(r), at)
	no, refused := refusal.As(err)
	switch {
	case refused:
		d.Action, d.Reason = provisioningv1.Difference_ACTION_REFUSE, no.Message
	case err != nil:
		return err
	case after == nil:
		d.Action = provisioningv1.Difference_ACTION_NOTHING
	default:
		d.Action = actionOf(at.present, after)
		if d.Action == provisioningv1.Difference_ACTION_UPDATE {
			d.Changes = directory.Changes(at.present.Entry, after)
		}
		t.stands(at.present.Entry, after)
	}
	t.note(d)
	return nil
}

func (t *trial) decide(w wish, at found) (*directory.Entry, error) {
	if err := t.refuse(w, at); err != nil {
		return nil, err
	}
	return w.move(at.present, proto.CloneOf(w.entry), at.now)
}

func (t *trial) refuse(w wish, at found) error {
	switch q := w.entry.GetQueue(); {
	case !w.entry.GetDeleted():
		return w.refuse(at.present, func(id string) bool { return t.made[id] || t.exists(id) })
	case q != nil:
		return t.served[q.GetId()].refuse(at)
	}
	return nil
}

func (s *served) refuse(at found) error {
	some := slices.DeleteFunc(at.serving, func(id string) bool { return s.left[id] })
	some = append(some, slices.Sorted(maps.Keys(s.joined))...)
	n := at.agents - int64(len(s.left)) + int64(len(s.joined))
	return directory.RefuseServed(at.present, n, some[:min(len(some), servingNamed)])
}

// stands notes what later items depend on: which queues there are, and who serves those that are to be deleted.
func (t *trial) stands(before, after *directory.Entry) {
	if q := after.GetQueue(); q != nil {
		t.made[q.GetId()] = !after.GetDeleted()
		return
	}
	agent := after.GetAgent().GetId()
	had, has := before.GetAgent().GetQueueIds(), after.GetAgent().GetQueueIds()
	for _, q := range had {
		if s := t.served[q]; s != nil && !slices.Contains(has, q) {
			s.left[agent] = true
		}
	}
	for _, q := range has {
		if s := t.served[q]; s != nil && !slices.Contains(had, q) {
			s.joined[agent] = true
		}
	}
}

func (t *trial) note(d *provisioningv1.Difference) {
	switch d.GetAction() {
	case provisioningv1.Difference_ACTION_CREATE:
		t.Counts.Create++
	case provisioningv1.Difference_ACTION_UPDATE:
		t.Counts.Update++
	case provisioningv1.Difference_ACTION_DELETE:
		t.Counts.Delete++
	case provisioningv1.Difference_ACTION_REFUSE:
		t.Counts.Refuse++
	default:
		t.Counts.Nothing++
		return
	}
	if len(t.Differences) < mostDifferences {
		t.Differences = append(t.Differences, d)
	}
}

func actionOf(p directory.Present, after *directory.Entry) provisioningv1.Difference_Action {
	switch {
	case after.GetDeleted():
		return provisioningv1.Difference_ACTION_DELETE
	case p.Live():
		return provisioningv1.Difference_ACTION_UPDATE
	}
	return provisioningv1.Difference_ACTION_CREATE
}
