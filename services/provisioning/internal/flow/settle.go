package flow

import (
	"context"
	"time"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// Queue puts items into the streams.
type Queue func(ctx context.Context, tenant string, t Taken) error

// settlePortion is how many items of a steered job are looked at in one commit.
const settlePortion = 100

// settle tells the items of a job that was resumed or cancelled: those that wait go back into the stream, or end. One that
// is just being run a worker tells, and one that comes in later, too.
func (f *Flow) settle(ctx context.Context, j *provisioningv1.Job, queue Queue) error {
	for first := uint32(1); first <= j.GetTotal(); first += settlePortion {
		last := min(first+settlePortion-1, j.GetTotal())
		if err := f.settleSome(ctx, j, first, last, queue); err != nil {
			return err
		}
	}
	_, _, err := f.changeJob(ctx, j.GetTenant(), j.GetId(), "settled", func(have *provisioningv1.Job, _ time.Time) (*provisioningv1.Job, error) {
		return job.Settle(have, j), nil
	})
	return err
}

func (f *Flow) settleSome(ctx context.Context, j *provisioningv1.Job, first, last uint32, queue Queue) error {
	var cancelled []*provisioningv1.Outcome
	var waiting []Waiting
	result, err := f.store.Do(ctx, j.GetTenant(), "", func(ctx context.Context, tx *commit.Tx) error {
		cancelled, waiting = nil, nil
		pending, err := fetchPending(ctx, tx, j.GetId(), first, last)
		if err != nil {
			return err
		}
		for _, p := range pending {
			if o := job.Cancel(p.outcome, j, tx.Now()); o != nil && !p.changed() {
				cancelled = append(cancelled, o)
				if err := state.PutItem(tx, p.record, o); err != nil {
					return err
				}
				continue
			}
			waiting = append(waiting, Waiting{p.record.Name, job.PriorityOfRequest(p.outcome.GetRequest())})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if result.Changed {
		f.count(cancelled...)
	}
	return queue(ctx, j.GetTenant(), Taken{Epoch: result.Epoch, Items: waiting})
}

// pendingItem is an item without an outcome, and the entry that it is about.
type pendingItem struct {
	record, entry *commit.Record
	outcome       *provisioningv1.Outcome
}

// changed reports whether the item has changed the entry. Its record says so too, unless that was made again after Redis
// was lost.
func (p pendingItem) changed() bool { return p.entry.Op == p.record.Name }

// fetchPending reads the items of a job, from the first to the last, that have no outcome.
func fetchPending(ctx context.Context, tx *commit.Tx, id string, first, last uint32) (pending []pendingItem, err error) {
	var records []*commit.Record
	for number := first; number <= last; number++ {
		records = append(records, tx.Record(state.Item(id, number)))
	}
	if err := tx.Fetch(ctx); err != nil {
		return nil, err
	}
	for _, r := range records {
		o, err := state.ItemIn(r)
		if err != nil {
			return nil, err
		}
		if o != nil && !job.Final(o) {
			pending = append(pending, pendingItem{r, tx.Record(state.Named(job.Entity(o.GetRequest().GetItem()))), o})
		}
	}
	if len(pending) == 0 {
		return nil, nil
	}
	return pending, tx.Fetch(ctx)
}

// CancelItem ends an item of a cancelled job. It had not begun when Apply last looked, so it never will.
func (f *Flow) CancelItem(ctx context.Context, tenant, name, id string) error {
	var o *provisioningv1.Outcome
	result, err := f.store.Do(ctx, tenant, "cancel:"+name, func(ctx context.Context, tx *commit.Tx) error {
		r, jr := tx.Record(name), tx.Record(state.Job(id))
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		have, err := state.ItemIn(r)
		if err != nil {
			return err
		}
		j, err := state.JobIn(jr)
		if err != nil {
			return err
		}
		if o = job.Cancel(have, j, tx.Now()); o == nil {
			return nil
		}
		return state.PutItem(tx, r, o)
	})
	if err == nil && result.Changed {
		f.count(o)
	}
	return err
}
