package flow

import (
	"context"
	"time"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// ItemDue moves an item whose deadline has passed: one that has ended is forgotten, one that has been pending for too
// long has failed, and any other is to be in the stream.
func (f *Flow) ItemDue(ctx context.Context, tenant, name, op string) (Taken, error) {
	var open []string
	var expired *provisioningv1.Outcome
	result, err := f.store.Do(ctx, tenant, op, func(ctx context.Context, tx *commit.Tx) error {
		open, expired = nil, nil
		r := tx.Record(name)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		o, err := state.ItemIn(r)
		if err != nil {
			return err
		}
		if o == nil || job.Final(o) {
			forget(tx, r, o, state.ItemDeadline(o))
			return nil
		}
		if v, yes := job.Expired(o, tx.Now()); yes {
			expired = job.Finish(o, v, tx.Now())
			return state.PutItem(tx, r, expired)
		}
		open = []string{name}
		tx.Deadline(r, tx.Now().Add(job.LookAfter))
		return nil
	})
	if err == nil && result.Changed {
		f.count(expired)
	}
	return Taken{Epoch: result.Epoch, Items: open}, err
}

// brokenPortion is how many items of a broken-off job are ended in one go.
const brokenPortion = 500

// JobDue moves a job whose deadline has passed: one that is done is forgotten; of one that was broken off, the items
// that never came into the log have failed.
func (f *Flow) JobDue(ctx context.Context, tenant, id, op string) error {
	missing, err := f.brokenOff(ctx, tenant, id, op)
	if err != nil {
		return err
	}
	for _, m := range missing {
		name := state.Item(id, m.GetNumber())
		if err := f.failMissing(ctx, tenant, name, m); err != nil {
			return err
		}
	}
	return nil
}

// brokenOff returns the next items of a job that never came. Only when there are none left does the job wait to be
// forgotten; until then it falls due again and again.
func (f *Flow) brokenOff(ctx context.Context, tenant, id, op string) (missing []*provisioningv1.Outcome, err error) {
	_, err = f.store.Do(ctx, tenant, op, func(ctx context.Context, tx *commit.Tx) error {
		missing = nil
		r := tx.Record(state.Job(id))
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		j, err := state.JobIn(r)
		if err != nil {
			return err
		}
		keep := j.GetCreatedAt().AsTime().Add(job.Keep)
		if j == nil || j.GetAcceptedAt() != nil || !tx.Now().Before(keep) {
			forget(tx, r, nil, keep)
			return nil
		}
		if missing, err = f.neverCame(ctx, tx, j); err != nil {
			return err
		}
		if len(missing) == 0 {
			tx.Deadline(r, keep)
		}
		return nil
	})
	return missing, err
}

// forget takes a record out, unless something has happened to it since its deadline was set: then its time is later.
func forget(tx *commit.Tx, r *commit.Record, o *provisioningv1.Outcome, due time.Time) {
	if r.Exists() && tx.Now().Before(due) {
		tx.Deadline(r, due)
		return
	}
	state.Forget(tx, r, o)
}

func (f *Flow) neverCame(ctx context.Context, tx *commit.Tx, j *provisioningv1.Job) (missing []*provisioningv1.Outcome, err error) {
	records := make([]*commit.Record, 0, brokenPortion)
	for number := uint32(1); number <= j.GetTotal() && len(missing) < brokenPortion; number++ {
		records = append(records, tx.Record(state.Item(j.GetId(), number)))
		if len(records) < brokenPortion && number < j.GetTotal() {
			continue
		}
		if err := tx.Fetch(ctx); err != nil {
			return nil, err
		}
		for i, r := range records {
			if !r.Exists() {
				missing = append(missing, job.Missing(j, number-uint32(len(records))+uint32(i)+1, tx.Now()))
			}
		}
		records = records[:0]
	}
	return missing[:min(len(missing), brokenPortion)], nil
}

func (f *Flow) failMissing(ctx context.Context, tenant, name string, m *provisioningv1.Outcome) error {
	_, err := f.changeItem(ctx, tenant, name, "missing", func(have *provisioningv1.Outcome, _ time.Time) *provisioningv1.Outcome {
		if have != nil {
			return nil
		}
		return m
	})
	return err
}
