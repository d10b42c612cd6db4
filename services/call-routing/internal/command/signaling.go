// Package command is the way in: switches' streams, switches that speak Kafka, screens, supervisors and other services.
// It turns what they say into commands for the flow, and the flow's answers into acknowledgements and codes.
package command

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/subjects"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/fanout"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/pkg/telemetry"
	"github.com/busyhour/busyhour/services/call-routing/internal/flow"
)

const (
	heartbeatEvery = 5 * time.Second
	lookEvery      = 250 * time.Millisecond // at the epoch, and at NATS
	reconnectAfter = 500 * time.Millisecond
	// A stream that ends waits this long for what is in hand to become durable.
	settleWait = 5 * time.Second
)

// Signaling serves switches' streams.
type Signaling struct {
	flow    *flow.Flow
	nats    *fanout.Conn
	every   time.Duration // between inventories; zero: none
	log     *zap.Logger
	streams prometheus.Gauge
}

// NewSignaling makes the service. Switches are asked for an inventory every so often; zero: never.
func NewSignaling(f *flow.Flow, nats *fanout.Conn, every time.Duration, log *zap.Logger, registry prometheus.Registerer) *Signaling {
	return &Signaling{flow: f, nats: nats, every: every, log: log, streams: telemetry.Register(registry, prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "busyhour_routing_switch_streams",
		Help: "Switches connected to this pod.",
	}))}
}

type stream = connect.BidiStream[routingv1.ConnectRequest, routingv1.ConnectResponse]

// Connect carries one switch.
//
//	Receive ─▶ signals ─▶ flow ─▶ outcomes ─┐
//	NATS ─▶ wishes ─────────────────────────┴─▶ Send
func (s *Signaling) Connect(ctx context.Context, st *stream) error {
	first, err := st.Receive()
	if err != nil {
		return err
	}
	hello := first.GetHello()
	if hello == nil {
		return refusal.New(refusal.Invalid, "HELLO_MISSING", "the first message of a stream is hello")
	}
	if !slices.Contains(s.flow.Store().Tenants(), hello.Tenant) {
		return refusal.New(refusal.NotFound, "TENANT_UNKNOWN", "tenant %q is not served here", hello.Tenant).To("name a tenant of this installation")
	}
	one := newSession(ctx, s, hello)
	defer one.cancel(nil)
	// Subscribe first: what is wanted after the list was read comes by push.
	pushes, err := s.nats.Subscribe(subjects.Switch(hello.Tenant, hello.SwitchId), func(_ context.Context, _ string, data []byte) {
		push := &routingv1.SwitchPush{}
		if err := proto.Unmarshal(data, push); err != nil || push.Command == nil {
			s.log.Warn("a push to a switch cannot be read", zap.Stringer("switch", one), zap.Error(err))
			return
		}
		one.command(push.Command)
	})
	if err != nil {
		return err
	}
	defer func() { _ = pushes.Close() }()
	s.streams.Inc()
	defer s.streams.Dec()
	s.log.Info("switch connected", zap.Stringer("switch", one), zap.Uint64("resume_from", hello.ResumeFrom), zap.String("boot", hello.BootId))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		one.read(st)
	}()
	err = one.write(ctx, st, ended)
	one.cancel(err)
	edge.StopReading(ctx)
	<-ended
	s.log.Info("switch gone", zap.Stringer("switch", one), zap.Error(err))
	return err
}

// read takes messages in until the switch closes its side or the session ends.
func (s *session) read(st *stream) {
	for {
		m, err := st.Receive()
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			s.cancel(err)
			return
		}
		switch m := m.Message.(type) {
		case *routingv1.ConnectRequest_Signals:
			err = s.signals(m.Signals)
		case *routingv1.ConnectRequest_WantedAck:
			s.wantedAck(m.WantedAck)
		case *routingv1.ConnectRequest_Inventory:
			err = s.inventory(m.Inventory)
		default:
			err = refusal.New(refusal.Invalid, "HELLO_REPEATED", "hello comes once, at the beginning of a stream")
		}
		if err != nil {
			s.cancel(err)
			return
		}
	}
}

// write tells the switch what there is to tell, until the session ends: by its switch, which closes its side; by this pod,
// which stops; or by an error.
func (s *session) write(ctx context.Context, st *stream, ended <-chan struct{}) error {
	heartbeat, look := time.NewTicker(heartbeatEvery), time.NewTicker(lookEvery)
	defer heartbeat.Stop()
	defer look.Stop()
	ask, stopAsking := s.svc.ticker()
	defer stopAsking()
	gate := s.svc.flow.Store().Changed(s.hello.Tenant)
	var epoch uint32
	draining := edge.Draining(ctx)
	var settle <-chan time.Time
	ending := func() {
		ended, draining = nil, nil
		settle = time.After(settleWait)
		s.nudge()
	}
	for {
		var err error
		select {
		case <-s.ctx.Done():
			return ends(s.ctx)
		case <-s.wake:
			err = s.flush(st, &epoch)
		case <-heartbeat.C:
			err = s.heartbeat(st)
		case <-look.C:
			s.look(epoch)
		case <-gate: // a new epoch is told at once: until then the switch does what an old one wanted
			gate = s.svc.flow.Store().Changed(s.hello.Tenant)
			s.look(epoch)
		case <-ask:
			err = s.ask(st)
		case <-ended:
			ending()
		case <-draining:
			ending()
			err = st.Send(&routingv1.ConnectResponse{Message: &routingv1.ConnectResponse_Drain{Drain: &routingv1.Drain{ReconnectAfterMs: uint32(reconnectAfter.Milliseconds())}}})
		case <-settle:
			return edge.ErrDraining()
		}
		switch {
		case err != nil:
			return err
		case s.ctx.Err() != nil:
			return ends(s.ctx)
		case settle != nil && s.settled():
			return nil
		}
	}
}

// ends is the error that a session ended with; none if its switch just went.
func ends(ctx context.Context) error {
	err := context.Cause(ctx)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (s *session) flush(st *stream, epoch *uint32) error {
	messages, anew := s.outgoing()
	if anew {
		before := *epoch
		if err := s.welcome(st, epoch); err != nil {
			return err
		}
		if *epoch != before && *epoch != 0 {
			if err := s.askFirst(st); err != nil {
				return err
			}
		}
	}
	for _, m := range messages {
		if err := st.Send(m); err != nil {
			return err
		}
	}
	return nil
}

// welcome tells the epoch and everything that is wanted in it: epoch 0 while the state is not verified, for a list that is
// empty for want of knowledge would stop all ringing. When it is verified, another welcome follows.
func (s *session) welcome(st *stream, told *uint32) error {
	epoch, wishes, err := s.svc.flow.Wishes(s.ctx, s.hello.Tenant, s.hello.SwitchId)
	if err != nil {
		s.svc.log.Debug("wishes not read; looking again", zap.Stringer("switch", s), zap.Error(err))
		time.AfterFunc(lookEvery, s.renew)
		return nil
	}
	*told = epoch
	return st.Send(&routingv1.ConnectResponse{Message: &routingv1.ConnectResponse_Welcome{Welcome: &routingv1.Welcome{Epoch: epoch, Commands: wishes}}})
}

func (s *session) heartbeat(st *stream) error {
	epoch, _ := s.svc.flow.Store().Verified(s.hello.Tenant)
	return st.Send(&routingv1.ConnectResponse{Message: &routingv1.ConnectResponse_Heartbeat{Heartbeat: &routingv1.Heartbeat{At: timestamppb.Now(), Epoch: epoch}}})
}

// look has everything told anew in a new epoch, and for as long as no push can come.
func (s *session) look(told uint32) {
	epoch, open := s.svc.flow.Store().Verified(s.hello.Tenant)
	if open && epoch != told || !s.svc.nats.Connected() {
		s.renew()
	}
}
