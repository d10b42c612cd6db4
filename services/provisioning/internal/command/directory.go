package command

import (
	"context"

	"connectrpc.com/connect"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/flow"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// Directory is DirectoryService.
type Directory struct{ flow *flow.Flow }

// NewDirectory makes a Directory.
func NewDirectory(f *flow.Flow) *Directory { return &Directory{f} }

// CreateAgent makes an agent.
func (d *Directory) CreateAgent(ctx context.Context, req *connect.Request[provisioningv1.CreateAgentRequest]) (*connect.Response[provisioningv1.CreateAgentResponse], error) {
	s, err := d.flow.CreateAgent(ctx, req.Msg.GetTenant(), actorOf(ctx, ""), req.Msg.GetAgent())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&provisioningv1.CreateAgentResponse{Agent: s.Entry.GetAgent(), Revision: state.Revision(s.Revision)}), nil
}

// UpdateAgent replaces an agent.
func (d *Directory) UpdateAgent(ctx context.Context, req *connect.Request[provisioningv1.UpdateAgentRequest]) (*connect.Response[provisioningv1.UpdateAgentResponse], error) {
	s, err := d.flow.UpdateAgent(ctx, req.Msg.GetTenant(), actorOf(ctx, ""), req.Msg.GetAgent(), req.Msg.GetIfRevision())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&provisioningv1.UpdateAgentResponse{Agent: s.Entry.GetAgent(), Revision: state.Revision(s.Revision)}), nil
}

// DeleteAgent deletes an agent.
func (d *Directory) DeleteAgent(ctx context.Context, req *connect.Request[provisioningv1.DeleteAgentRequest]) (*connect.Response[provisioningv1.DeleteAgentResponse], error) {
	s, err := d.flow.DeleteAgent(ctx, req.Msg.GetTenant(), actorOf(ctx, ""), req.Msg.GetId())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&provisioningv1.DeleteAgentResponse{Revision: state.Revision(s.Revision)}), nil
}

// GetAgent reads an agent.
func (d *Directory) GetAgent(ctx context.Context, req *connect.Request[provisioningv1.GetAgentRequest]) (*connect.Response[provisioningv1.GetAgentResponse], error) {
	s, verified, err := d.flow.Get(ctx, req.Msg.GetTenant(), state.Agent(req.Msg.GetId()))
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&provisioningv1.GetAgentResponse{Agent: s.Entry.GetAgent(), Revision: state.Revision(s.Revision), Verified: verified}), nil
}

// ListAgents reads agents in the order of their ids.
func (d *Directory) ListAgents(ctx context.Context, req *connect.Request[provisioningv1.ListAgentsRequest]) (*connect.Response[provisioningv1.ListAgentsResponse], error) {
	after, err := pageAfter("agents", req.Msg.GetPageToken())
	if err != nil {
		return nil, err
	}
	entries, last, verified, err := d.flow.List(ctx, req.Msg.GetTenant(), state.Agents, after, pageSize(req.Msg.GetPageSize(), 100))
	if err != nil {
		return nil, err
	}
	res := &provisioningv1.ListAgentsResponse{NextPageToken: pageToken("agents", last), Verified: verified}
	for _, e := range entries {
		res.Agents = append(res.Agents, e.GetAgent())
	}
	return connect.NewResponse(res), nil
}

// CreateQueue makes a queue.
func (d *Directory) CreateQueue(ctx context.Context, req *connect.Request[provisioningv1.CreateQueueRequest]) (*connect.Response[provisioningv1.CreateQueueResponse], error) {
	s, err := d.flow.CreateQueue(ctx, req.Msg.GetTenant(), actorOf(ctx, ""), req.Msg.GetQueue())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&provisioningv1.CreateQueueResponse{Queue: s.Entry.GetQueue(), Revision: state.Revision(s.Revision)}), nil
}

// UpdateQueue replaces a queue.
func (d *Directory) UpdateQueue(ctx context.Context, req *connect.Request[provisioningv1.UpdateQueueRequest]) (*connect.Response[provisioningv1.UpdateQueueResponse], error) {
	s, err := d.flow.UpdateQueue(ctx, req.Msg.GetTenant(), actorOf(ctx, ""), req.Msg.GetQueue(), req.Msg.GetIfRevision())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&provisioningv1.UpdateQueueResponse{Queue: s.Entry.GetQueue(), Revision: state.Revision(s.Revision)}), nil
}

// DeleteQueue deletes a queue that no agent serves.
func (d *Directory) DeleteQueue(ctx context.Context, req *connect.Request[provisioningv1.DeleteQueueRequest]) (*connect.Response[provisioningv1.DeleteQueueResponse], error) {
	s, err := d.flow.DeleteQueue(ctx, req.Msg.GetTenant(), actorOf(ctx, ""), req.Msg.GetId())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&provisioningv1.DeleteQueueResponse{Revision: state.Revision(s.Revision)}), nil
}

// GetQueue reads a queue.
func (d *Directory) GetQueue(ctx context.Context, req *connect.Request[provisioningv1.GetQueueRequest]) (*connect.Response[provisioningv1.GetQueueResponse], error) {
	s, verified, err := d.flow.Get(ctx, req.Msg.GetTenant(), state.Queue(req.Msg.GetId()))
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&provisioningv1.GetQueueResponse{Queue: s.Entry.GetQueue(), Revision: state.Revision(s.Revision), Verified: verified}), nil
}

// ListQueues reads queues in the order of their ids.
func (d *Directory) ListQueues(ctx context.Context, req *connect.Request[provisioningv1.ListQueuesRequest]) (*connect.Response[provisioningv1.ListQueuesResponse], error) {
	after, err := pageAfter("queues", req.Msg.GetPageToken())
	if err != nil {
		return nil, err
	}
	entries, last, verified, err := d.flow.List(ctx, req.Msg.GetTenant(), state.Queues, after, pageSize(req.Msg.GetPageSize(), 100))
	if err != nil {
		return nil, err
	}
	res := &provisioningv1.ListQueuesResponse{NextPageToken: pageToken("queues", last), Verified: verified}
	for _, e := range entries {
		res.Queues = append(res.Queues, e.GetQueue())
	}
	return connect.NewResponse(res), nil
}
