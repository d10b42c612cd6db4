package routing_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/routing/v1/routingv1connect"
)

// http2 speaks HTTP/2 without TLS, as gRPC clients do.
func (s *stage) http2() *http.Client {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	t := &http.Transport{Protocols: protocols, TLSClientConfig: &tls.Config{}, DialContext: (&net.Dialer{Timeout: time.Second}).DialContext}
	s.Cleanup(t.CloseIdleConnections)
	return &http.Client{Transport: t}
}

func (p *pod) routing() routingv1connect.RoutingServiceClient {
	return routingv1connect.NewRoutingServiceClient(p.stage.http2(), p.url, connect.WithGRPC())
}

// line is a switch's stream, by hand.
type line struct {
	*stage
	id     string
	stream *connect.BidiStreamForClient[routingv1.ConnectRequest, routingv1.ConnectResponse]
	cancel context.CancelFunc
	next   uint64

	question uint64   // the latest inventory that was asked for
	again    []string // calls that are to be sent again

	got chan *routingv1.ConnectResponse
	err chan error // why it ended

	mu      sync.Mutex
	through uint64
}

// connect opens a stream that resumes from a position.
func (p *pod) connect(id string, from uint64) *line {
	p.stage.Helper()
	return p.boot(id, "b-1", "s-1", from)
}

// boot is connect for a switch that was started as that boot, with a stream of that id.
func (p *pod) boot(id, boot, stream string, from uint64) *line {
	p.stage.Helper()
	l := p.dial(id)
	l.next = from
	l.send(&routingv1.ConnectRequest{Message: &routingv1.ConnectRequest_Hello{Hello: &routingv1.Hello{
		Tenant: p.stage.tenant, SwitchId: id, StreamId: stream, ResumeFrom: from, BootId: boot,
	}}})
	return l
}

func (p *pod) dial(id string) *line {
	s := p.stage
	ctx, cancel := context.WithCancel(s.Context())
	s.Cleanup(cancel)
	l := &line{stage: s, id: id, cancel: cancel, got: make(chan *routingv1.ConnectResponse, 4096), err: make(chan error, 1)}
	l.stream = routingv1connect.NewSignalingServiceClient(s.http2(), p.url, connect.WithGRPC()).Connect(ctx)
	go l.receive()
	return l
}

func (l *line) receive() {
	// Before the first message is sent there is no response to read.
	for {
		m, err := l.stream.Receive()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			l.err <- err
			close(l.got)
			return
		}
		if a := m.GetAck(); a != nil {
			l.mu.Lock()
			if a.DurableThrough <= l.through {
				l.Errorf("acknowledged through %d after %d", a.DurableThrough, l.through)
			}
			l.through = a.DurableThrough
			l.mu.Unlock()
			continue
		}
		l.got <- m
	}
}

func (l *line) send(m *routingv1.ConnectRequest) {
	l.Helper()
	if err := l.stream.Send(m); err != nil && !errors.Is(err, io.EOF) {
		l.Fatal(err)
	}
}

// say sends signals in one batch.
func (l *line) say(signals ...*routingv1.Signal) {
	l.Helper()
	for _, s := range signals {
		if s.Tenant == "" {
			s.Tenant = l.tenant
		}
		if s.SwitchId == "" {
			s.SwitchId = l.id
		}
	}
	l.send(&routingv1.ConnectRequest{Message: &routingv1.ConnectRequest_Signals{Signals: &routingv1.SignalBatch{FirstPosition: l.next, Signals: signals}}})
	l.next += uint64(len(signals))
}

// acked waits until everything that was said is durable.
func (l *line) acked() {
	l.Helper()
	l.await("everything that was said is acknowledged", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.through == l.next-1
	})
}

// hear is the next message that is not an acknowledgement, a heartbeat or a question.
func (l *line) hear() *routingv1.ConnectResponse {
	l.Helper()
	late := time.After(limit)
	for {
		select {
		case m, ok := <-l.got:
			if !ok {
				l.Fatalf("the stream has ended: %v", <-l.err)
			}
			if q := m.GetInventoryRequest(); q != nil {
				l.question = q.Request
			} else if m.GetHeartbeat() == nil {
				return m
			}
		case <-late:
			l.Fatal("nothing was heard")
		}
	}
}

func (l *line) welcome() *routingv1.Welcome {
	l.Helper()
	m := l.hear()
	if m.GetWelcome() == nil {
		l.Fatalf("heard %v, not welcome", m)
	}
	return m.GetWelcome()
}

// wish waits for a wish of this kind, takes it, and skips what was heard of before.
func (l *line) wish(kind routingv1.Wanted_Kind) *routingv1.SwitchCommand {
	l.Helper()
	for {
		c := l.hear().GetCommand()
		if c != nil && c.Wanted.Kind == kind {
			l.take(c)
			return c
		}
	}
}

func (l *line) take(c *routingv1.SwitchCommand) {
	l.Helper()
	l.send(&routingv1.ConnectRequest{Message: &routingv1.ConnectRequest_WantedAck{WantedAck: &routingv1.WantedAck{ContactId: c.ContactId, Revision: c.Wanted.Revision}}})
}

// refused waits for the refusal of a position.
func (l *line) refused(position uint64) *routingv1.SignalRefused {
	l.Helper()
	for {
		if r := l.hear().GetRefused(); r != nil {
			if r.Position != position {
				l.Fatalf("position %d was refused, not %d: %v", r.Position, position, r)
			}
			return r
		}
	}
}

// ends waits for the end of the stream and gives why.
func (l *line) ends() error {
	l.Helper()
	select {
	case err := <-l.err:
		return err
	case <-time.After(limit):
		l.Fatal("the stream has not ended")
		return nil
	}
}

// Signals of a call.

func callOffered(call string, queue string) *routingv1.Signal {
	return &routingv1.Signal{CallId: call, Number: 1, Kind: routingv1.SignalKind_SIGNAL_KIND_OFFERED, Offered: &routingv1.CallOffered{QueueId: queue, From: "+49301234", To: "100"}}
}

func answered(call string, number uint64) *routingv1.Signal {
	return &routingv1.Signal{CallId: call, Number: number, Kind: routingv1.SignalKind_SIGNAL_KIND_ANSWERED}
}

func ended(call string, number uint64) *routingv1.Signal {
	return &routingv1.Signal{CallId: call, Number: number, Kind: routingv1.SignalKind_SIGNAL_KIND_ENDED, Ended: &routingv1.CallEnded{By: routingv1.EndedBy_ENDED_BY_CUSTOMER, Cause: "normal clearing"}}
}

func (s *stage) act(p *pod, agent, contact string, action routingv1.ActRequest_Action) *routingv1.ActResponse {
	s.Helper()
	res, err := p.routing().Act(s.Context(), connect.NewRequest(&routingv1.ActRequest{Tenant: s.tenant, AgentId: agent, ContactId: contact, Action: action}))
	if err != nil {
		s.Fatal(err)
	}
	return res.Msg
}
