package simulate

import (
	"context"
	"fmt"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1/provisioningv1connect"
)

// ImportAgents hands a file in.
func (c *Clients) ImportAgents(ctx context.Context, r *provisioningv1.ImportAgentsRequest) (*provisioningv1.ImportAgentsResponse, error) {
	return ask(ctx, c.Jobs, provisioningv1connect.JobServiceClient.ImportAgents, r)
}

// Job reads a job with its counts. verified is false while the state is rebuilt: the counts may then be too low.
func (c *Clients) Job(ctx context.Context, tenant, id string) (job *provisioningv1.Job, verified bool, err error) {
	r, err := ask(ctx, c.Jobs, provisioningv1connect.JobServiceClient.GetJob, &provisioningv1.GetJobRequest{Tenant: tenant, Id: id})
	if err != nil {
		return nil, false, fmt.Errorf("job %s of tenant %s: %w", id, tenant, err)
	}
	return r.Job, r.Verified, nil
}

// Outcomes gives a job's items to each, in the order of their numbers, until it returns false; with an outcome named, only
// those that ended so.
func (c *Clients) Outcomes(ctx context.Context, tenant, id string, only provisioningv1.ItemOutcome, each func(*provisioningv1.Outcome) bool) error {
	r := &provisioningv1.ListOutcomesRequest{Tenant: tenant, JobId: id, PageSize: 1000, Outcome: only}
	for {
		page, err := ask(ctx, c.Jobs, provisioningv1connect.JobServiceClient.ListOutcomes, r)
		if err != nil {
			return fmt.Errorf("items of job %s of tenant %s: %w", id, tenant, err)
		}
		for _, o := range page.Outcomes {
			if !each(o) {
				return nil
			}
		}
		if r.PageToken = page.NextPageToken; r.PageToken == "" {
			return nil
		}
	}
}
