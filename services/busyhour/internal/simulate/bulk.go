package simulate

import (
	"context"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1/provisioningv1connect"
)

// CreateJob asks for a job; the same request id is the same job, so it may be asked for again.
func (c *Clients) CreateJob(ctx context.Context, r *provisioningv1.CreateJobRequest) (*provisioningv1.Job, error) {
	answer, err := ask(ctx, c.Jobs, provisioningv1connect.JobServiceClient.CreateJob, r)
	return answer.GetJob(), err
}

// RetryJob asks for another job, of the items that have failed.
func (c *Clients) RetryJob(ctx context.Context, r *provisioningv1.RetryJobRequest) (*provisioningv1.Job, error) {
	answer, err := ask(ctx, c.Jobs, provisioningv1connect.JobServiceClient.RetryJob, r)
	return answer.GetJob(), err
}

// Agents of a tenant's directory, by id.
func (c *Clients) Agents(ctx context.Context, tenant string) (map[string]*provisioningv1.Agent, error) {
	return c.agents(ctx, tenant)
}
