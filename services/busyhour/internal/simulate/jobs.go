package simulate

import (
	"context"
	"errors"
	"fmt"
	"io"

	"connectrpc.com/connect"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1/provisioningv1connect"
	"github.com/busyhour/busyhour/services/busyhour/internal/provision"
)

// UploadJob hands a file in, from its beginning, chunk by chunk.
func (c *Clients) UploadJob(ctx context.Context, h *provisioningv1.UploadHeader, file io.ReadSeeker) (*provisioningv1.UploadJobResponse, error) {
	return ask(ctx, c.Jobs, func(jobs provisioningv1connect.JobServiceClient, ctx context.Context, r *connect.Request[provisioningv1.UploadHeader]) (*connect.Response[provisioningv1.UploadJobResponse], error) {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		ctx, stop := context.WithCancel(ctx)
		defer stop() // of a stream that is left in the middle
		return upload(jobs.UploadJob(ctx), r.Msg, file)
	}, h)
}

// chunkSize of an upload, in bytes.
const chunkSize = 256 << 10

func upload(stream *connect.ClientStreamForClient[provisioningv1.UploadJobRequest, provisioningv1.UploadJobResponse], h *provisioningv1.UploadHeader, file io.Reader) (*connect.Response[provisioningv1.UploadJobResponse], error) {
	next, chunk := &provisioningv1.UploadJobRequest{Header: h}, make([]byte, chunkSize)
	for {
		if err := stream.Send(next); errors.Is(err, io.EOF) {
			return stream.CloseAndReceive() // it was answered before all was sent
		} else if err != nil {
			return nil, err
		}
		n, err := io.ReadFull(file, chunk)
		if n == 0 && errors.Is(err, io.EOF) {
			return stream.CloseAndReceive()
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("read the file: %w", err)
		}
		next = &provisioningv1.UploadJobRequest{Chunk: chunk[:n]}
	}
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
// those that ended so. It ends with provision.ErrUnverified if there may be more.
func (c *Clients) Outcomes(ctx context.Context, tenant, id string, only provisioningv1.ItemOutcome, each func(*provisioningv1.Outcome) bool) error {
	r := &provisioningv1.ListOutcomesRequest{Tenant: tenant, JobId: id, PageSize: 1000, Outcome: only}
	for {
		page, err := ask(ctx, c.Jobs, provisioningv1connect.JobServiceClient.ListOutcomes, r)
		if err != nil {
			return fmt.Errorf("items of job %s of tenant %s: %w", id, tenant, err)
		}
		if !page.Verified {
			return fmt.Errorf("items of job %s of tenant %s: %w", id, tenant, provision.ErrUnverified)
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

// longestPage of ListJobs.
const longestPage = 100

// ListJobs gives the newest jobs, at most limit of them. verified is false while the state is rebuilt: some may then be
// missing, and counts too low.
func (c *Clients) ListJobs(ctx context.Context, tenant string, limit int) (jobs []*provisioningv1.Job, verified bool, err error) {
	r := &provisioningv1.ListJobsRequest{Tenant: tenant}
	for verified = true; ; {
		r.PageSize = uint32(min(limit-len(jobs), longestPage))
		page, err := ask(ctx, c.Jobs, provisioningv1connect.JobServiceClient.ListJobs, r)
		if err != nil {
			return nil, false, fmt.Errorf("jobs of tenant %s: %w", tenant, err)
		}
		jobs, verified = append(jobs, page.Jobs...), verified && page.Verified
		if r.PageToken = page.NextPageToken; r.PageToken == "" || len(jobs) >= limit {
			return jobs, verified, nil
		}
	}
}

// PauseJob lets no further item of a job begin.
func (c *Clients) PauseJob(ctx context.Context, r *provisioningv1.PauseJobRequest) (*provisioningv1.Job, error) {
	a, err := ask(ctx, c.Jobs, provisioningv1connect.JobServiceClient.PauseJob, r)
	if err != nil {
		return nil, fmt.Errorf("pause job %s of tenant %s: %w", r.Id, r.Tenant, err)
	}
	return a.Job, nil
}

// ResumeJob lets a paused job go on.
func (c *Clients) ResumeJob(ctx context.Context, r *provisioningv1.ResumeJobRequest) (*provisioningv1.Job, error) {
	a, err := ask(ctx, c.Jobs, provisioningv1connect.JobServiceClient.ResumeJob, r)
	if err != nil {
		return nil, fmt.Errorf("resume job %s of tenant %s: %w", r.Id, r.Tenant, err)
	}
	return a.Job, nil
}

// CancelJob ends all items of a job that have not begun.
func (c *Clients) CancelJob(ctx context.Context, r *provisioningv1.CancelJobRequest) (*provisioningv1.Job, error) {
	a, err := ask(ctx, c.Jobs, provisioningv1connect.JobServiceClient.CancelJob, r)
	if err != nil {
		return nil, fmt.Errorf("cancel job %s of tenant %s: %w", r.Id, r.Tenant, err)
	}
	return a.Job, nil
}

// RetryJob makes a job of another's failed items, and returns the new one.
func (c *Clients) RetryJob(ctx context.Context, r *provisioningv1.RetryJobRequest) (*provisioningv1.Job, error) {
	a, err := ask(ctx, c.Jobs, provisioningv1connect.JobServiceClient.RetryJob, r)
	if err != nil {
		return nil, fmt.Errorf("retry job %s of tenant %s: %w", r.Id, r.Tenant, err)
	}
	return a.Job, nil
}

// CreateJob asks for a job; the same request id is the same job, so it may be asked for again.
func (c *Clients) CreateJob(ctx context.Context, r *provisioningv1.CreateJobRequest) (*provisioningv1.Job, error) {
	answer, err := ask(ctx, c.Jobs, provisioningv1connect.JobServiceClient.CreateJob, r)
	return answer.GetJob(), err
}

// Agents of a tenant's directory, by id.
func (c *Clients) Agents(ctx context.Context, tenant string) (map[string]*provisioningv1.Agent, error) {
	return c.agents(ctx, tenant)
}
