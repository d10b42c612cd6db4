package command

import (
	"context"
	"encoding/base64"
	"fmt"
	"sync"
	"time"

	"connectrpc.com/connect"
	"go.uber.org/zap"
	"google.golang.org/protobuf/types/known/timestamppb"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/call-routing/internal/flow"
	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

const (
	defaultPage  = 100
	figuresEvery = time.Second
	// Watchers share a reading of the figures that is younger than this.
	figuresShared = 400 * time.Millisecond
)

// Routing serves what screens, supervisors and other services ask.
type Routing struct {
	flow    *flow.Flow
	log     *zap.Logger
	figures map[string]*figures // by tenant; never changed after NewRouting
}

// NewRouting makes the service.
func NewRouting(f *flow.Flow, log *zap.Logger) *Routing {
	r := &Routing{flow: f, log: log, figures: map[string]*figures{}}
	for _, t := range f.Store().Tenants() {
		r.figures[t] = &figures{}
	}
	return r
}

// Act carries out what an agent wants of a contact that they hold.
func (r *Routing) Act(ctx context.Context, req *connect.Request[routingv1.ActRequest]) (*connect.Response[routingv1.ActResponse], error) {
	m := req.Msg
	s, err := r.flow.Act(ctx, m.Tenant, m.ContactId, m.AgentId, m.Action, m.RequestId)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&routingv1.ActResponse{Contact: s.Contact, Revision: s.Revision}), nil
}

// CloseContact ends a contact whatever state it is in.
func (r *Routing) CloseContact(ctx context.Context, req *connect.Request[routingv1.CloseContactRequest]) (*connect.Response[routingv1.CloseContactResponse], error) {
	s, outcome, err := r.flow.Close(ctx, req.Msg.Tenant, req.Msg.ContactId, req.Msg.AgentId, req.Msg.Reason)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&routingv1.CloseContactResponse{Contact: s.Contact, Revision: s.Revision, Outcome: outcome}), nil
}

// ListSwitches shows what the switches' latest inventories lacked.
func (r *Routing) ListSwitches(ctx context.Context, req *connect.Request[routingv1.ListSwitchesRequest]) (*connect.Response[routingv1.ListSwitchesResponse], error) {
	list, verified, err := r.flow.Switches(ctx, req.Msg.Tenant)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&routingv1.ListSwitchesResponse{Switches: list, Verified: verified}), nil
}

// ReapSwitch accepts that what a switch's latest inventory lacks is lost.
func (r *Routing) ReapSwitch(ctx context.Context, req *connect.Request[routingv1.ReapSwitchRequest]) (*connect.Response[routingv1.ReapSwitchResponse], error) {
	lost, s, err := r.flow.Reap(ctx, req.Msg.Tenant, req.Msg.SwitchId, req.Msg.Reason)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&routingv1.ReapSwitchResponse{ContactIds: lost, Switch: s}), nil
}

// GetContact reads one contact.
func (r *Routing) GetContact(ctx context.Context, req *connect.Request[routingv1.GetContactRequest]) (*connect.Response[routingv1.GetContactResponse], error) {
	c, revision, verified, err := r.flow.Contact(ctx, req.Msg.Tenant, req.Msg.ContactId)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, refusal.New(refusal.NotFound, "CONTACT_UNKNOWN", "there is no contact %q", req.Msg.ContactId).
			At(state.Contact(req.Msg.ContactId), 0, 0).To("it may have ended more than an hour ago: its events are in the log")
	}
	return connect.NewResponse(&routingv1.GetContactResponse{Contact: c, Revision: revision, Verified: verified}), nil
}

// ListContacts pages through the live contacts, oldest first.
func (r *Routing) ListContacts(ctx context.Context, req *connect.Request[routingv1.ListContactsRequest]) (*connect.Response[routingv1.ListContactsResponse], error) {
	from, err := readToken(req.Msg.PageToken)
	if err != nil {
		return nil, err
	}
	size := int(req.Msg.PageSize)
	if size == 0 {
		size = defaultPage
	}
	list, next, err := r.flow.Live(ctx, req.Msg.Tenant, req.Msg.QueueId, from, size)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&routingv1.ListContactsResponse{Contacts: list, NextPageToken: token(next)}), nil
}

func token(p *flow.Page) string {
	if p == nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d", p.CreatedAt, p.Skip))
}

func readToken(s string) (p flow.Page, err error) {
	if s == "" {
		return p, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		_, err = fmt.Sscanf(string(text), "%d.%d", &p.CreatedAt, &p.Skip)
	}
	if err != nil || p.CreatedAt < 0 || p.Skip < 0 {
		return p, refusal.New(refusal.Invalid, "PAGE_TOKEN_INVALID", "page token %q is not one of this list", s).
			To("begin with an empty token, and go on with the next_page_token of each answer")
	}
	return p, nil
}

// GetWorkload reads what an agent holds.
func (r *Routing) GetWorkload(ctx context.Context, req *connect.Request[routingv1.GetWorkloadRequest]) (*connect.Response[routingv1.GetWorkloadResponse], error) {
	w, revision, verified, err := r.flow.Workload(ctx, req.Msg.Tenant, req.Msg.AgentId)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&routingv1.GetWorkloadResponse{Workload: w, Revision: revision, Verified: verified}), nil
}

// GetQueueFigures reads the figures of all queues once.
func (r *Routing) GetQueueFigures(ctx context.Context, req *connect.Request[routingv1.GetQueueFiguresRequest]) (*connect.Response[routingv1.GetQueueFiguresResponse], error) {
	f, err := r.flow.Figures(ctx, req.Msg.Tenant)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&routingv1.GetQueueFiguresResponse{Queues: f.Queues, At: timestamppb.New(f.At), Verified: f.Verified, Epoch: f.Epoch}), nil
}

// WatchQueueFigures sends the figures at once and then every second. While Redis is away nothing comes.
func (r *Routing) WatchQueueFigures(ctx context.Context, req *connect.Request[routingv1.WatchQueueFiguresRequest], st *connect.ServerStream[routingv1.WatchQueueFiguresResponse]) error {
	tick := time.NewTicker(figuresEvery)
	defer tick.Stop()
	for first := true; ; first = false {
		f, err := r.shared(ctx, req.Msg.Tenant)
		switch {
		case err == nil:
			if err := st.Send(&routingv1.WatchQueueFiguresResponse{Queues: f.Queues, At: timestamppb.New(f.At), Verified: f.Verified, Epoch: f.Epoch}); err != nil {
				return err
			}
		case first:
			return err
		}
		select {
		case <-tick.C:
		case <-edge.Draining(ctx):
			return edge.ErrDraining()
		case <-ctx.Done():
			return nil
		}
	}
}

// figures is the latest reading of one tenant's figures. It is shown, never decided by.
type figures struct {
	mu   sync.Mutex
	last flow.Figures
	read time.Time
}

func (r *Routing) shared(ctx context.Context, tenant string) (flow.Figures, error) {
	f, known := r.figures[tenant]
	if !known {
		return r.flow.Figures(ctx, tenant) // which says that there is no such tenant
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.read) < figuresShared {
		return f.last, nil
	}
	last, err := r.flow.Figures(ctx, tenant)
	if err == nil {
		f.last, f.read = last, time.Now()
	}
	return last, err
}
