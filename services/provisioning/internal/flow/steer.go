package flow

import (
	"context"
	"time"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
)

// PauseJob lets no further item of a job begin.
func (f *Flow) PauseJob(ctx context.Context, tenant, id, actor string) (*provisioningv1.Job, error) {
	return f.steer(ctx, tenant, id, actor, "paused", job.Pause)
}

// ResumeJob lets a paused job go on.
func (f *Flow) ResumeJob(ctx context.Context, tenant, id, actor string) (*provisioningv1.Job, error) {
	return f.steer(ctx, tenant, id, actor, "resumed", job.Resume)
}

// CancelJob ends all items of a job that have not begun.
func (f *Flow) CancelJob(ctx context.Context, tenant, id, actor string) (*provisioningv1.Job, error) {
	return f.steer(ctx, tenant, id, actor, "cancelled", job.CancelAll)
}

type steering func(have *provisioningv1.Job, actor string, now time.Time) (*provisioningv1.Job, error)

// steer decides about a job as a whole. What follows for its items, the sweep carries out; see settle.
func (f *Flow) steer(ctx context.Context, tenant, id, actor, what string, decide steering) (*provisioningv1.Job, error) {
	_, result, err := f.changeJob(ctx, tenant, id, what, func(have *provisioningv1.Job, now time.Time) (*provisioningv1.Job, error) {
		if have == nil {
			return nil, noJob(id)
		}
		return decide(have, actor, now)
	})
	if err := f.answer(ctx, tenant, result, err); err != nil {
		return nil, err
	}
	j, _, err := f.GetJob(ctx, tenant, id)
	return j, err
}

// RetryJob makes a job of another's failed items. Its order says all but the items.
func (f *Flow) RetryJob(ctx context.Context, o job.Order) (*provisioningv1.Job, error) {
	items, err := f.failed(ctx, o.Tenant, o.RetryOf)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, refusal.New(refusal.Impossible, "NOTHING_FAILED", "no item of job %s has failed so that it could be asked for again", o.RetryOf).
			To("look at its outcomes; items that never came into the log have to be sent again")
	}
	o.Items = items
	return f.CreateJob(ctx, o)
}

// failed are the items of a job that have failed and can be asked for again, in their order.
func (f *Flow) failed(ctx context.Context, tenant, id string) (items []*provisioningv1.Item, err error) {
	for after := uint32(0); ; {
		page, err := f.outcomes(ctx, tenant, id, provisioningv1.ItemOutcome_ITEM_OUTCOME_FAILED, after, portion)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Items {
			if it := o.GetRequest().GetItem(); it != nil {
				items = append(items, it)
			}
		}
		if after = page.Last; after == 0 {
			return items, nil
		}
	}
}
