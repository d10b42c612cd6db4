package simulate

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"github.com/coder/websocket"
	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1/provisioningv1connect"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/routing/v1/routingv1connect"
)

// fake is a Busyhour of one lock and no durability, against which the simulator is tested: whether it plays its part,
// and whether its audit finds what the faults below do.
type fake struct {
	provisioningv1connect.UnimplementedDirectoryServiceHandler
	provisioningv1connect.UnimplementedJobServiceHandler
	routingv1connect.UnimplementedRoutingServiceHandler

	faults faults
	url    string

	mu       sync.Mutex
	n        uint32
	people   map[string]*provisioningv1.Agent
	contacts map[string]*routingv1.Contact
	agents   map[string]*fakeAgent
	streams  map[string]*fakeStream
	cut      int // streams still to be cut after one batch
}

// faults are what a broken Busyhour might do.
type faults struct {
	offerTwice bool // one contact to two agents
	twoCards   bool // a second contact to an agent who has one
	lose       bool // contacts that do not end
	keepCard   bool // cards that do not go
	forgetAcks bool
	cut        int // streams that are cut in the midst, unacknowledged
}

type fakeAgent struct {
	status   presencev1.Status
	conn     *websocket.Conn
	workload uint32
	cards    []string
}

type fakeStream struct {
	conn    *connect.BidiStream[routingv1.ConnectRequest, routingv1.ConnectResponse]
	applied map[string]bool // call, leg, number
}

func newFake(t *testing.T, f faults) *fake {
	b := &fake{faults: f, cut: f.cut, people: map[string]*provisioningv1.Agent{}, contacts: map[string]*routingv1.Contact{}, agents: map[string]*fakeAgent{}, streams: map[string]*fakeStream{}}
	mux := http.NewServeMux()
	mux.Handle(routingv1connect.NewSignalingServiceHandler(b))
	mux.Handle(routingv1connect.NewRoutingServiceHandler(b))
	mux.Handle(provisioningv1connect.NewDirectoryServiceHandler(b))
	mux.Handle(provisioningv1connect.NewJobServiceHandler(b))
	mux.HandleFunc("/ws/desktop", b.desktop)
	s := httptest.NewUnstartedServer(mux)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	b.url = s.URL
	return b
}

func (b *fake) revision() *commonv1.Revision {
	b.n++
	return &commonv1.Revision{Epoch: 1, N: b.n}
}

func (b *fake) GetQueue(context.Context, *connect.Request[provisioningv1.GetQueueRequest]) (*connect.Response[provisioningv1.GetQueueResponse], error) {
	return nil, connect.NewError(connect.CodeNotFound, nil)
}

func (b *fake) CreateQueue(_ context.Context, r *connect.Request[provisioningv1.CreateQueueRequest]) (*connect.Response[provisioningv1.CreateQueueResponse], error) {
	return connect.NewResponse(&provisioningv1.CreateQueueResponse{Queue: r.Msg.Queue}), nil
}

func (b *fake) ListAgents(context.Context, *connect.Request[provisioningv1.ListAgentsRequest]) (*connect.Response[provisioningv1.ListAgentsResponse], error) {
	return connect.NewResponse(&provisioningv1.ListAgentsResponse{}), nil
}

func (b *fake) CreateAgent(_ context.Context, r *connect.Request[provisioningv1.CreateAgentRequest]) (*connect.Response[provisioningv1.CreateAgentResponse], error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.people[r.Msg.Agent.Id] = r.Msg.Agent
	return connect.NewResponse(&provisioningv1.CreateAgentResponse{Agent: r.Msg.Agent}), nil
}

func (b *fake) CreateJob(_ context.Context, r *connect.Request[provisioningv1.CreateJobRequest]) (*connect.Response[provisioningv1.CreateJobResponse], error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, i := range r.Msg.Items {
		b.people[i.Agent.Id] = i.Agent
	}
	return connect.NewResponse(&provisioningv1.CreateJobResponse{Job: &provisioningv1.Job{Id: "j", Total: uint32(len(r.Msg.Items))}}), nil
}

func (b *fake) GetJob(context.Context, *connect.Request[provisioningv1.GetJobRequest]) (*connect.Response[provisioningv1.GetJobResponse], error) {
	return connect.NewResponse(&provisioningv1.GetJobResponse{Job: &provisioningv1.Job{Id: "j"}}), nil
}

func (b *fake) GetContact(_ context.Context, r *connect.Request[routingv1.GetContactRequest]) (*connect.Response[routingv1.GetContactResponse], error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, ok := b.contacts[r.Msg.ContactId]
	if !ok {
		return nil, connect.NewError(connect.CodeNotFound, nil)
	}
	c = proto.CloneOf(c)
	if b.faults.lose {
		c.State = routingv1.ContactState_CONTACT_STATE_OFFERED
	}
	return connect.NewResponse(&routingv1.GetContactResponse{Contact: c, Verified: true}), nil
}

func (b *fake) Connect(_ context.Context, conn *connect.BidiStream[routingv1.ConnectRequest, routingv1.ConnectResponse]) error {
	var at *fakeStream
	for {
		m, err := conn.Receive()
		if err != nil {
			return nil
		}
		b.mu.Lock()
		switch m := m.Message.(type) {
		case *routingv1.ConnectRequest_Hello:
			at = &fakeStream{conn: conn, applied: map[string]bool{}}
			if old := b.streams[m.Hello.SwitchId]; old != nil {
				at.applied = old.applied
			}
			b.streams[m.Hello.SwitchId] = at
			_ = conn.Send(&routingv1.ConnectResponse{Message: &routingv1.ConnectResponse_Welcome{Welcome: b.welcome(m.Hello.SwitchId)}})
		case *routingv1.ConnectRequest_Signals:
			for _, s := range m.Signals.Signals {
				b.signal(at, s)
			}
			if b.cut > 0 {
				b.cut--
				at.conn = nil
				b.mu.Unlock()
				return connect.NewError(connect.CodeUnavailable, nil)
			}
			if !b.faults.forgetAcks {
				through := m.Signals.FirstPosition + uint64(len(m.Signals.Signals)) - 1
				_ = conn.Send(&routingv1.ConnectResponse{Message: &routingv1.ConnectResponse_Ack{Ack: &routingv1.Ack{DurableThrough: through}}})
			}
		}
		b.mu.Unlock()
	}
}

// signal applies one signal, once.
func (b *fake) signal(at *fakeStream, s *routingv1.Signal) {
	key := s.CallId + "/" + s.LegId + "/" + string(rune(s.Number))
	if at.applied[key] {
		return
	}
	at.applied[key] = true
	id := ContactID(s.Tenant, s.SwitchId, s.CallId)
	c := b.contacts[id]
	switch s.Kind {
	case routingv1.SignalKind_SIGNAL_KIND_OFFERED:
		c = &routingv1.Contact{Id: id, SwitchId: s.SwitchId, CallId: s.CallId, QueueId: s.Offered.QueueId, State: routingv1.ContactState_CONTACT_STATE_QUEUED}
		b.contacts[id] = c
	case routingv1.SignalKind_SIGNAL_KIND_ANSWERED:
		if c.State == routingv1.ContactState_CONTACT_STATE_CONNECTING {
			b.move(c, routingv1.ContactState_CONTACT_STATE_CONNECTED)
		}
	case routingv1.SignalKind_SIGNAL_KIND_ENDED:
		b.ended(c)
	}
	b.match()
}

func (b *fake) ended(c *routingv1.Contact) {
	switch {
	case c.State == routingv1.ContactState_CONTACT_STATE_CONNECTED:
		b.move(c, routingv1.ContactState_CONTACT_STATE_WRAP_UP)
	case c.State <= routingv1.ContactState_CONTACT_STATE_CONNECTING:
		b.free(c, routingv1.ContactState_CONTACT_STATE_ABANDONED)
	}
}

// match offers every waiting contact to somebody who is free.
func (b *fake) match() {
	for _, c := range b.contacts {
		if c.State != routingv1.ContactState_CONTACT_STATE_QUEUED {
			continue
		}
		times := 1
		if b.faults.offerTwice {
			times = 2
		}
		c.Wanted = &routingv1.Wanted{Revision: b.revision()}
		for id, a := range b.agents {
			full := len(a.cards) > 0 && !(b.faults.twoCards && len(a.cards) < 2)
			passed := slices.ContainsFunc(c.Passes, func(p *routingv1.Pass) bool { return p.AgentId == id })
			if full || passed || a.status != presencev1.Status_STATUS_AVAILABLE {
				continue
			}
			c.State, c.Reservation = routingv1.ContactState_CONTACT_STATE_OFFERED, &routingv1.Reservation{AgentId: id}
			a.cards = append(a.cards, c.Id)
			b.push(a, c, false)
			if times--; times == 0 {
				break
			}
		}
	}
}

func (b *fake) move(c *routingv1.Contact, to routingv1.ContactState) {
	c.State, c.Wanted = to, &routingv1.Wanted{Revision: b.revision()}
	b.push(b.agents[c.GetReservation().GetAgentId()], c, false)
}

// free takes the contact from its agent.
func (b *fake) free(c *routingv1.Contact, to routingv1.ContactState) {
	c.State, c.Wanted = to, &routingv1.Wanted{Revision: b.revision()}
	for _, a := range b.agents {
		if i := slices.Index(a.cards, c.Id); i >= 0 && !b.faults.keepCard {
			a.cards = slices.Delete(a.cards, i, i+1)
			b.push(a, c, true)
		}
	}
	b.match()
}

func (b *fake) push(a *fakeAgent, c *routingv1.Contact, gone bool) {
	w := &presencev1.WorkloadChanged{Previous: &commonv1.Revision{Epoch: 1, N: a.workload}, Revision: &commonv1.Revision{Epoch: 1, N: a.workload + 1}}
	a.workload++
	if gone {
		w.Removed = []string{c.Id}
	} else {
		w.Changed = []*routingv1.Card{{ContactId: c.Id, State: c.State, Channel: commonv1.Channel_CHANNEL_VOICE, Revision: c.Wanted.Revision}}
	}
	write(a.conn, &presencev1.ServerFrame{Frame: &presencev1.ServerFrame_WorkloadChanged{WorkloadChanged: w}})
}

func (b *fake) wish(c *routingv1.Contact, kind routingv1.Wanted_Kind) {
	c.Wanted = &routingv1.Wanted{Kind: kind, AgentId: c.GetReservation().GetAgentId(), Revision: b.revision()}
	if conn := b.streams[c.SwitchId].conn; conn != nil {
		_ = conn.Send(&routingv1.ConnectResponse{Message: &routingv1.ConnectResponse_Command{Command: command(c)}})
	}
}

func (b *fake) welcome(switchID string) *routingv1.Welcome {
	w := &routingv1.Welcome{Epoch: 1}
	for _, c := range b.contacts {
		if c.SwitchId == switchID && c.Wanted.GetKind() != 0 {
			w.Commands = append(w.Commands, command(c))
		}
	}
	return w
}

func command(c *routingv1.Contact) *routingv1.SwitchCommand {
	return &routingv1.SwitchCommand{ContactId: c.Id, CallId: c.CallId, Wanted: c.Wanted}
}

func write(conn *websocket.Conn, f *presencev1.ServerFrame) {
	data, _ := proto.Marshal(f)
	_ = conn.Write(context.Background(), websocket.MessageBinary, data)
}

func (b *fake) desktop(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{Subprotocol}})
	if err != nil {
		return
	}
	defer conn.CloseNow()
	var id string
	for {
		_, data, err := conn.Read(r.Context())
		if err != nil {
			return
		}
		f := &presencev1.ClientFrame{}
		if proto.Unmarshal(data, f) != nil {
			return
		}
		b.mu.Lock()
		leave := b.frame(conn, &id, f)
		b.mu.Unlock()
		if leave {
			return
		}
	}
}

func (b *fake) frame(conn *websocket.Conn, id *string, f *presencev1.ClientFrame) (leave bool) {
	switch m := f.Frame.(type) {
	case *presencev1.ClientFrame_LogIn:
		*id = m.LogIn.AgentId
		a := b.agents[*id]
		if a == nil {
			a = &fakeAgent{status: presencev1.Status_STATUS_OFFLINE, workload: 1}
			b.agents[*id] = a
		}
		a.conn = conn
		write(conn, &presencev1.ServerFrame{Frame: &presencev1.ServerFrame_Snapshot{Snapshot: &presencev1.Snapshot{
			ScreenId: "s", Verified: true, Presence: b.presence(*id), PresenceRevision: b.revision(),
			Workload: &routingv1.Workload{}, WorkloadRevision: &commonv1.Revision{Epoch: 1, N: a.workload},
		}}})
	case *presencev1.ClientFrame_SetStatus:
		b.agents[*id].status = m.SetStatus.Status
		write(conn, &presencev1.ServerFrame{Frame: &presencev1.ServerFrame_PresenceChanged{PresenceChanged: &presencev1.PresenceChanged{
			Revision: b.revision(), Presence: b.presence(*id)}}})
		b.done(conn, f)
		b.match()
	case *presencev1.ClientFrame_Act:
		if !b.act(*id, m.Act) {
			write(conn, &presencev1.ServerFrame{Frame: &presencev1.ServerFrame_Refused{Refused: &presencev1.Refused{
				RequestId: f.RequestId, Refusal: &commonv1.Refusal{Reason: "OFFER_GONE"}}}})
			return false
		}
		b.done(conn, f)
	case *presencev1.ClientFrame_LogOut:
		b.agents[*id].status = presencev1.Status_STATUS_OFFLINE
		return true
	}
	return false
}

func (b *fake) done(conn *websocket.Conn, f *presencev1.ClientFrame) {
	write(conn, &presencev1.ServerFrame{Frame: &presencev1.ServerFrame_Done{Done: &presencev1.Done{RequestId: f.RequestId}}})
}

func (b *fake) presence(id string) *presencev1.Presence {
	return &presencev1.Presence{AgentId: id, Status: b.agents[id].status, Connection: presencev1.Connection_CONNECTION_CONNECTED}
}

func (b *fake) act(agent string, m *presencev1.Act) bool {
	c := b.contacts[m.ContactId]
	if c.GetReservation().GetAgentId() != agent {
		return false
	}
	offered := c.State == routingv1.ContactState_CONTACT_STATE_OFFERED
	switch {
	case m.Action == routingv1.ActRequest_ACTION_ACCEPT && offered:
		b.move(c, routingv1.ContactState_CONTACT_STATE_CONNECTING)
		b.wish(c, routingv1.Wanted_KIND_CONNECT)
	case m.Action == routingv1.ActRequest_ACTION_DECLINE && offered:
		c.Passes = append(c.Passes, &routingv1.Pass{AgentId: agent})
		b.free(c, routingv1.ContactState_CONTACT_STATE_QUEUED)
	case m.Action == routingv1.ActRequest_ACTION_END && c.State == routingv1.ContactState_CONTACT_STATE_CONNECTED:
		b.wish(c, routingv1.Wanted_KIND_RELEASE)
	case m.Action == routingv1.ActRequest_ACTION_COMPLETE && c.State == routingv1.ContactState_CONTACT_STATE_WRAP_UP:
		b.free(c, routingv1.ContactState_CONTACT_STATE_COMPLETED)
	default:
		return false
	}
	return true
}
