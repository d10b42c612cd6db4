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
		r, ended := tx.Record(state.Job(id)), askCounts(tx, id)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		if j, err = state.JobIn(r); err == nil && j != nil {
			j = job.Count(j, ended.read())
		}
		return err
	})
	if err == nil && j == nil {
		err = unless(verified, tenant, noJob(id))
	}
	return j, verified, err
}

// Outcomes is a page of a job's items.
type Outcomes struct {
	Items []*provisioningv1.Outcome
	// Last is the number to go on from; zero when there are no more.
	Last uint32
}

// ListOutcomes reads up to n items of a job after a number, in order; with an outcome named, only those that ended so. What
// was asked for is left out.
func (f *Flow) ListOutcomes(ctx context.Context, tenant, id string, only provisioningv1.ItemOutcome, after uint32, n int) (page Outcomes, verified bool, err error) {
	page, verified, err = f.readOutcomes(ctx, tenant, id, only, after, n)
	for _, o := range page.Items {
		o.Request = nil
	}
	return page, verified, err
}

// outcomes reads what ListOutcomes does, verified and with what was asked for.
func (f *Flow) outcomes(ctx context.Context, tenant, id string, only provisioningv1.ItemOutcome, after uint32, n int) (Outcomes, error) {
	page, verified, err := f.readOutcomes(ctx, tenant, id, only, after, n)
	if err == nil && !verified {
		err = unverified(tenant)
	}
	return page, err
}

func (f *Flow) readOutcomes(ctx context.Context, tenant, id string, only provisioningv1.ItemOutcome, after uint32, n int) (page Outcomes, verified bool, err error) {
	var j *provisioningv1.Job
	verified, err = f.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		page = Outcomes{}
		r := tx.Record(state.Job(id))
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		if j, err = state.JobIn(r); err != nil || j == nil {
			return err
		}
		numbers, err := numbersOf(ctx, tx, j, only, after, n+1)
		if err != nil {
			return err
		}
		if len(numbers) > n {
			numbers = numbers[:n]
			page.Last = numbers[n-1]
		}
		page.Items, err = outcomesOf(ctx, tx, j, numbers)
		return err
	})
	if err == nil && j == nil {
		err = unless(verified, tenant, noJob(id))
	}
	return page, verified, err
}

// numbersOf are the next n items after a number.
func numbersOf(ctx context.Context, tx *commit.Tx, j *provisioningv1.Job, only provisioningv1.ItemOutcome, after uint32, n int) (numbers []uint32, err error) {
	if only == provisioningv1.ItemOutcome_ITEM_OUTCOME_UNSPECIFIED {
		for number := uint64(after) + 1; number <= min(uint64(after)+uint64(n), uint64(j.GetTotal())); number++ {
			numbers = append(numbers, uint32(number))
		}
		return numbers, nil
	}
	ended := tx.After(state.Ended(j.GetId(), only), float64(after)+1, 0, n)
	if err := tx.Fetch(ctx); err != nil {
		return nil, err
	}
	for _, m := range ended.List {
		numbers = append(numbers, uint32(m.Score))
	}
	return numbers, nil
}

// outcomesOf are what is known of items. One that has not come in yet is pending.
func outcomesOf(ctx context.Context, tx *commit.Tx, j *provisioningv1.Job, numbers []uint32) ([]*provisioningv1.Outcome, error) {
	records := make([]*commit.Record, len(numbers))
	for i, number := range numbers {
		records[i] = tx.Record(state.Item(j.GetId(), number))
	}
	if err := tx.Fetch(ctx); err != nil {
		return nil, err
	}
	items := make([]*provisioningv1.Outcome, len(records))
	for i, r := range records {
		o, err := state.ItemIn(r)
		if err != nil {
			return nil, err
		}
		if o == nil {
			o = job.Unseen(j, numbers[i])
		}
		items[i] = o
	}
	return items, nil
}

func noJob(id string) error {
	return refusal.New(refusal.NotFound, "NOT_FOUND", "there is no such job, or it was made more than %d days ago", int(job.Keep.Hours()/24)).
		At(state.Job(id), 0, 0).To("look at the id that CreateJob gave")
}
