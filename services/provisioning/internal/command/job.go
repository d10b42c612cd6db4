package command

import (
	"cmp"
	"context"
	"strconv"

	"connectrpc.com/connect"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/identity"
	"github.com/busyhour/busyhour/services/provisioning/internal/flow"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
)

// Job is JobService. Ways in for files are in import.go and upload.go.
type Job struct{ flow *flow.Flow }

// NewJob makes a Job.
func NewJob(f *flow.Flow) *Job { return &Job{flow: f} }

// CreateJob takes a job.
func (j *Job) CreateJob(ctx context.Context, req *connect.Request[provisioningv1.CreateJobRequest]) (*connect.Response[provisioningv1.CreateJobResponse], error) {
	made, err := j.flow.CreateJob(ctx, job.Order{
		Tenant: req.Msg.GetTenant(), RequestID: req.Msg.GetRequestId(), Actor: actorOf(ctx, req.Msg.GetActor()), Items: req.Msg.GetItems(),
		Priority: req.Msg.GetPriority(),
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&provisioningv1.CreateJobResponse{Job: made}), nil
}

// GetJob reads a job.
func (j *Job) GetJob(ctx context.Context, req *connect.Request[provisioningv1.GetJobRequest]) (*connect.Response[provisioningv1.GetJobResponse], error) {
	found, verified, err := j.flow.GetJob(ctx, req.Msg.GetTenant(), req.Msg.GetId())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&provisioningv1.GetJobResponse{Job: found, Verified: verified}), nil
}

// ListOutcomes reads a job's items in the order of their numbers.
func (j *Job) ListOutcomes(ctx context.Context, req *connect.Request[provisioningv1.ListOutcomesRequest]) (*connect.Response[provisioningv1.ListOutcomesResponse], error) {
	after, err := pageAfterNumber("items", req.Msg.GetPageToken())
	if err != nil {
		return nil, err
	}
	m := req.Msg
	page, verified, err := j.flow.ListOutcomes(ctx, m.GetTenant(), m.GetJobId(), m.GetOutcome(), after, pageSize(m.GetPageSize(), 100))
	if err != nil {
		return nil, err
	}
	res := &provisioningv1.ListOutcomesResponse{Outcomes: page.Items, Verified: verified}
	if page.Last > 0 {
		res.NextPageToken = pageToken("items", strconv.FormatUint(uint64(page.Last), 10))
	}
	return connect.NewResponse(res), nil
}

// ListJobs reads jobs, the newest first.
func (j *Job) ListJobs(ctx context.Context, req *connect.Request[provisioningv1.ListJobsRequest]) (*connect.Response[provisioningv1.ListJobsResponse], error) {
	from, err := pageFrom(req.Msg.GetPageToken())
	if err != nil {
		return nil, err
	}
	page, verified, err := j.flow.ListJobs(ctx, req.Msg.GetTenant(), from, pageSize(req.Msg.GetPageSize(), 20))
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&provisioningv1.ListJobsResponse{Jobs: page.Jobs, NextPageToken: pageTokenOf(page.Next), Verified: verified}), nil
}

// PauseJob lets no further item begin.
func (j *Job) PauseJob(ctx context.Context, req *connect.Request[provisioningv1.PauseJobRequest]) (*connect.Response[provisioningv1.PauseJobResponse], error) {
	paused, err := j.flow.PauseJob(ctx, req.Msg.GetTenant(), req.Msg.GetId(), actorOf(ctx, req.Msg.GetActor()))
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&provisioningv1.PauseJobResponse{Job: paused}), nil
}

// ResumeJob lets a paused job go on.
func (j *Job) ResumeJob(ctx context.Context, req *connect.Request[provisioningv1.ResumeJobRequest]) (*connect.Response[provisioningv1.ResumeJobResponse], error) {
	resumed, err := j.flow.ResumeJob(ctx, req.Msg.GetTenant(), req.Msg.GetId(), actorOf(ctx, req.Msg.GetActor()))
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&provisioningv1.ResumeJobResponse{Job: resumed}), nil
}

// CancelJob ends what has not begun.
func (j *Job) CancelJob(ctx context.Context, req *connect.Request[provisioningv1.CancelJobRequest]) (*connect.Response[provisioningv1.CancelJobResponse], error) {
	cancelled, err := j.flow.CancelJob(ctx, req.Msg.GetTenant(), req.Msg.GetId(), actorOf(ctx, req.Msg.GetActor()))
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&provisioningv1.CancelJobResponse{Job: cancelled}), nil
}

// RetryJob makes a job of another's failed items.
func (j *Job) RetryJob(ctx context.Context, req *connect.Request[provisioningv1.RetryJobRequest]) (*connect.Response[provisioningv1.RetryJobResponse], error) {
	made, err := j.flow.RetryJob(ctx, job.Order{
		Tenant: req.Msg.GetTenant(), RequestID: req.Msg.GetRequestId(), Actor: actorOf(ctx, req.Msg.GetActor()), Priority: req.Msg.GetPriority(),
		RetryOf: req.Msg.GetId(),
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&provisioningv1.RetryJobResponse{Job: made}), nil
}

// actorOf is who asks: by their token, with what they say themselves; without both it is the API.
func actorOf(ctx context.Context, says string) string {
	return cmp.Or(identity.Actor(ctx, says), "api")
}
