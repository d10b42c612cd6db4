package flow

import (
	"context"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
)

// Import makes a job of what was read, all or none: nil if anything is wrong with it. The order says all but the items.
func (f *Flow) Import(ctx context.Context, o job.Order, im *job.Import) (*provisioningv1.Job, error) {
	if err := f.CheckImport(ctx, o.Tenant, im); err != nil || im.Wrong > 0 {
		return nil, err
	}
	o.Items = im.Items
	return f.CreateJob(ctx, o)
}

// CheckImport adds to what is wrong with an import what only the directory knows.
func (f *Flow) CheckImport(ctx context.Context, tenant string, im *job.Import) error {
	exists, err := f.queues(ctx, tenant, im.Items)
	if err != nil {
		return err
	}
	im.RefuseQueues(exists)
	return nil
}
