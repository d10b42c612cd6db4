package command

import (
	"bytes"
	"context"

	"connectrpc.com/connect"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
)

// ImportAgents takes the agents of a file, all or none.
func (j *Job) ImportAgents(ctx context.Context, req *connect.Request[provisioningv1.ImportAgentsRequest]) (*connect.Response[provisioningv1.ImportAgentsResponse], error) {
	m := req.Msg
	tally := job.NewTally(bytes.NewReader(m.GetCsv()))
	im, err := job.ReadCSV(tally, job.InMessage)
	if err != nil {
		return nil, err
	}
	var made *provisioningv1.Job
	if m.GetDryRun() {
		err = j.flow.CheckImport(ctx, m.GetTenant(), im)
	} else {
		made, err = j.flow.Import(ctx, job.Order{
			Tenant: m.GetTenant(), RequestID: m.GetRequestId(), Actor: actorOf(ctx, m.GetActor()), Priority: m.GetPriority(),
			File: tally.File(m.GetFileName()),
		}, im)
	}
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&provisioningv1.ImportAgentsResponse{
		Job: made, Errors: im.Errors, ErrorCount: uint32(im.Wrong), Lines: uint32(im.Read), Summary: im.Says(m.GetDryRun(), nil),
	}), nil
}
