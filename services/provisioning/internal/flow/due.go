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
	var open []Waiting
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
			if early(tx, r, state.ItemDeadline(o)) {
				return nil
			}
			state.ForgetItem(tx, r, o)
			return nil
		}
		expired, open, err = overdue(ctx, tx, r, o)
		return err
	})
	if err == nil && result.Changed {
		f.count(expired)
	}
	return Taken{Epoch: result.Epoch, Items: open}, err
}

// overdue decides about an item that is still pending: it has failed, its job is paused, or it is to be in the stream.
func overdue(ctx context.Context, tx *commit.Tx, r *commit.Record, o *provisioningv1.Outcome) (expired *provisioningv1.Outcome, open []Waiting, err error) {
	jr := tx.Record(state.Job(o.GetJobId()))
	if err := tx.Fetch(ctx); err != nil {
		return nil, nil, err
	}
	j, err := state.JobIn(jr)
	if err != nil {
		return nil, nil, err
	}
	if v, yes := job.Expired(o, j, tx.Now()); yes {
		expired = job.Finish(o, v, tx.Now())
		return expired, nil, state.PutItem(tx, r, expired)
	}
	tx.Deadline(r, tx.Now().Add(job.LookAfter))
	if o.GetBegunAt() == nil && j.GetPausedAt() != nil {
		return nil, nil, nil
	}
	return nil, []Waiting{{r.Name, job.PriorityOfRequest(o.GetRequest())}}, nil
}

// brokenPortion is how many items of a broken-off job are ended in one go.
const brokenPortion = 500

// JobDue moves a job whose deadline has passed: of one that was steered the items are told; one that is done is forgotten;
// of one that was broken off, the items that never came into the log have failed.
func (f *Flow) JobDue(ctx context.Context, tenant, id, op string, queue Queue) error {
	unsettled, missing, err := f.jobDue(ctx, tenant, id, op)
	if err != nil {
		return err
	}
	if unsettled != nil {
		return f.settle(ctx, unsettled, queue)
	}
	for _, m := range missing {
		name := state.Item(id, m.GetNumber())
		if err := f.failMissing(ctx, tenant, name, m); err != nil {
			return err
		}
	}
	return nil
}

// jobDue returns a job whose items are to be told, or the next items of one that never came. Only when there are none left
// does the job wait to be forgotten; until then it falls due again and again.
func (f *Flow) jobDue(ctx context.Context, tenant, id, op string) (unsettled *provisioningv1.Job, missing []*provisioningv1.Outcome, err error) {
	_, err = f.store.Do(ctx, tenant, op, func(ctx context.Context, tx *commit.Tx) error {
		unsettled, missing = nil, nil
		r := tx.Record(state.Job(id))
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		j, err := state.JobIn(r)
		if err != nil {
			return err
		}
		keep := j.GetCreatedAt().AsTime().Add(job.Keep)
		switch {
		case j == nil || !tx.Now().Before(keep):
			state.ForgetJob(tx, r, j)
			return nil
		case j.GetUnsettled():
			unsettled = j
			return nil
		case j.GetAcceptedAt() != nil:
			tx.Deadline(r, keep)
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
	return unsettled, missing, err
}

// early reports whether something has happened to the record since its deadline was set, so that its time is later.
func early(tx *commit.Tx, r *commit.Record, due time.Time) bool {
	if !r.Exists() || !tx.Now().Before(due) {
		return false
	}
	tx.Deadline(r, due)
	return true
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
