package flow

import (
	"context"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// GetJob reads a job and counts its items.
func (f *Flow) GetJob(ctx context.Context, tenant, id string) (j *provisioningv1.Job, verified bool, err error) {
	verified, err = f.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		r := tx.Record(state.Job(id))
		applied, failed := tx.Count(state.Applied(id)), tx.Count(state.Failed(id))
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		if j, err = state.JobIn(r); err == nil && j != nil {
			j = job.Count(j, *applied, *failed)
		}
		return err
	})
	if err == nil && j == nil {
		err = unless(verified, tenant, noJob(id))
	}
	return j, verified, err
}

// ListOutcomes reads up to n items of a job after a number, in order. last is the number to go on from; it is zero when
// there are no more.
func (f *Flow) ListOutcomes(ctx context.Context, tenant, id string, after uint32, n int) (items []*provisioningv1.Outcome, last uint32, verified bool, err error) {
	var j *provisioningv1.Job
	verified, err = f.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		r := tx.Record(state.Job(id))
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		if j, err = state.JobIn(r); err != nil || j == nil {
			return err
		}
		end := min(uint64(after)+uint64(n), uint64(j.GetTotal()))
		var records []*commit.Record
		for number := uint64(after) + 1; number <= end; number++ {
			records = append(records, tx.Record(state.Item(id, uint32(number))))
		}
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		if end < uint64(j.GetTotal()) {
			last = uint32(end)
		}
		items, err = outcomes(j, after, records)
		return err
	})
	if err == nil && j == nil {
		err = unless(verified, tenant, noJob(id))
	}
	return items, last, verified, err
}

// outcomes are what callers see of items. One that has not come in yet is pending.
func outcomes(j *provisioningv1.Job, after uint32, records []*commit.Record) ([]*provisioningv1.Outcome, error) {
	items := make([]*provisioningv1.Outcome, len(records))
	for i, r := range records {
		o, err := state.ItemIn(r)
		if err != nil {
			return nil, err
		}
		if o == nil {
			o = job.Unseen(j, after+uint32(i)+1)
		}
		o.Request = nil
		items[i] = o
	}
	return items, nil
}

func noJob(id string) error {
	return refusal.New(refusal.NotFound, "NOT_FOUND", "there is no such job, or it was made more than %d days ago", int(job.Keep.Hours()/24)).
		At(state.Job(id), 0, 0).To("look at the id that CreateJob gave")
}
