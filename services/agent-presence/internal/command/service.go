// Package command takes wishes in: gRPC and JSON from other programs, records from Kafka.
package command

import (
	"context"

	"connectrpc.com/connect"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/agent-presence/internal/agent"
	"github.com/busyhour/busyhour/services/agent-presence/internal/flow"
	"github.com/busyhour/busyhour/services/agent-presence/internal/state"
)

// Service is PresenceService.
type Service struct {
	store *commit.Store
	flow  *flow.Flow
	watch *Watch
}

// NewService makes a Service.
func NewService(store *commit.Store, flow *flow.Flow, watch *Watch) *Service {
	return &Service{store: store, flow: flow, watch: watch}
}

// Set answers when the change is decided and shown; Kafka has it a moment later.
func (s *Service) Set(ctx context.Context, req *connect.Request[presencev1.SetRequest]) (*connect.Response[presencev1.SetResponse], error) {
	m := req.Msg
	op := ""
	if m.RequestId != "" {
		op = "set:" + m.RequestId
	}
	out, err := s.flow.Do(ctx, m.Tenant, m.AgentId, op, agent.SetStatus{Status: m.Status, Reason: m.Reason, Request: m.RequestId})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&presencev1.SetResponse{Presence: out.Presence, Revision: state.Revision(out.Revision)}), nil
}

// Get answers while the state is being rebuilt too, and says so.
func (s *Service) Get(ctx context.Context, req *connect.Request[presencev1.GetRequest]) (*connect.Response[presencev1.GetResponse], error) {
	known := agent.Known{Tenant: req.Msg.Tenant, ID: req.Msg.AgentId}
	var revision commit.Revision
	verified, err := s.store.Read(ctx, known.Tenant, func(ctx context.Context, tx *commit.Tx) error {
		loaded := state.Ask(tx, known.ID)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		revision = loaded.Revision()
		var err error
		known, err = loaded.Known(known.Tenant)
		return err
	})
	if err != nil {
		return nil, err
	}
	if known.Presence == nil && known.Listed == nil {
		return nil, nobody(known.ID, verified)
	}
	return connect.NewResponse(&presencev1.GetResponse{Presence: known.Present(), Revision: state.Revision(revision), Verified: verified}), nil
}

// nobody is the answer about an agent of whom nothing is known; what is not verified proves nothing.
func nobody(id string, verified bool) error {
	if !verified {
		return refusal.New(refusal.Unavailable, "UNVERIFIED", "whether there is an agent %s is not known while the state is being verified", id).To("try again")
	}
	return refusal.New(refusal.NotFound, "AGENT_UNKNOWN", "there is no agent %s", id).At(state.Name(id), 0, 0).
		To("create the agent in the directory first")
}

// Watch streams presences until the caller goes or this server stops.
func (s *Service) Watch(ctx context.Context, req *connect.Request[presencev1.WatchRequest], stream *connect.ServerStream[presencev1.WatchResponse]) error {
	return s.watch.Serve(ctx, req.Msg.Tenant, req.Msg.AgentIds, stream.Send)
}
