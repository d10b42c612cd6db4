package desktop

import (
	"cmp"
	"context"
	"errors"
	"time"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/identity"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/agent-presence/internal/agent"
	"github.com/busyhour/busyhour/services/agent-presence/internal/flow"
	"go.uber.org/zap"
)

// maxCommand is how long a client's command may take.
const maxCommand = 8 * time.Second

// run is the life of a socket on the goroutine of its handler: the log-in, then one frame after the other.
func (s *screen) run(ctx context.Context) {
	defer close(s.ended)
	logIn := time.AfterFunc(s.server.cfg.LogInWithin, func() { s.close(edge.CloseSilent, "no LogIn came") })
	defer logIn.Stop()
	defer s.leave(ctx)
	defer func() { s.until(time.Time{}) }()
	for {
		frame, ok := s.read(ctx)
		if !ok {
			return
		}
		if s.desk == nil {
			if !s.logIn(ctx, frame) {
				s.drain(ctx)
				return
			}
			logIn.Stop()
			continue
		}
		s.handle(ctx, frame)
	}
}

// read is the next frame that a client sent; false when the socket has ended.
func (s *screen) read(ctx context.Context) (*presencev1.ClientFrame, bool) {
	typ, data, err := s.conn.Read(ctx)
	if err != nil {
		return nil, false
	}
	s.heard.Store(int64(s.server.elapsed()))
	frame, err := s.format.decode(typ, data)
	if err != nil {
		s.server.metrics.badFrames.Inc()
		s.close(edge.CloseInvalid, err.Error())
		s.drain(ctx)
		return nil, false
	}
	return frame, true
}

// drain reads on until the client has answered the close frame; whatever else it sends is not heard.
func (s *screen) drain(ctx context.Context) {
	for {
		if _, _, err := s.conn.Read(ctx); err != nil {
			return
		}
	}
}

// logIn takes the first frame; false if the socket is to end.
func (s *screen) logIn(ctx context.Context, frame *presencev1.ClientFrame) bool {
	in := frame.GetLogIn()
	err := s.server.valid(frame)
	if err == nil && in == nil {
		err = refusal.New(refusal.Invalid, "LOG_IN_FIRST", "the first frame must be LogIn")
	}
	if err == nil {
		err = s.admit(ctx, cmp.Or(in.Token, s.header), in)
	}
	if err == nil {
		err = s.sitDown(ctx, in)
	}
	if err == nil {
		s.answer(done(frame.RequestId))
		return true
	}
	s.server.metrics.logInsRefused.Inc()
	s.refuse(frame.RequestId, err)
	s.close(edge.CloseCode(err))
	return false
}

// sitDown brings the screen to its agent's desk.
func (s *screen) sitDown(ctx context.Context, in *presencev1.LogIn) error {
	ctx, cancel := context.WithTimeout(ctx, maxCommand)
	defer cancel()
	s.id = in.ScreenId
	if s.id == "" {
		s.id = newID()
	}
	d, err := s.server.enter(ctx, deskKey{in.Tenant, in.AgentId})
	if err != nil {
		return err
	}
	if err := d.join(ctx, s); err != nil {
		s.server.exit(d)
		return err
	}
	s.desk = d
	return nil
}

// leave ends what sitDown began. Its commits must not fail because the socket's context has ended.
func (s *screen) leave(ctx context.Context) {
	if s.desk == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxCommit)
	defer cancel()
	s.desk.leave(ctx, s)
	s.server.exit(s.desk)
}

func (s *screen) handle(ctx context.Context, frame *presencev1.ClientFrame) {
	if frame.GetPong() != nil {
		return // it was heard
	}
	ctx, cancel := context.WithTimeout(identity.With(ctx, s.who), maxCommand)
	defer cancel()
	err := s.server.valid(frame)
	if err == nil {
		err = s.carryOut(ctx, frame)
	}
	s.heard.Store(int64(s.server.elapsed())) // while we were busy, we did not listen
	if err != nil {
		s.refuse(frame.RequestId, err)
		return
	}
	s.answer(done(frame.RequestId))
}

func (s *screen) carryOut(ctx context.Context, frame *presencev1.ClientFrame) error {
	switch f := frame.Frame.(type) {
	case *presencev1.ClientFrame_LogOut:
		return s.logOut(ctx)
	case *presencev1.ClientFrame_SetStatus:
		return s.desk.setStatus(ctx, f.SetStatus)
	case *presencev1.ClientFrame_Act:
		return s.act(ctx, frame.RequestId, f.Act)
	case *presencev1.ClientFrame_Resync:
		return s.desk.resync(ctx, s)
	case *presencev1.ClientFrame_Renew:
		return s.renew(ctx, f.Renew)
	case *presencev1.ClientFrame_LogIn:
		return refusal.New(refusal.Impossible, "LOGGED_IN_ALREADY", "this screen is logged in").To("open another socket for another agent")
	}
	return refusal.New(refusal.Invalid, "FRAME_UNKNOWN", "this server does not know that frame")
}

// logOut ends the session even if the state is being rebuilt: then the agent goes with the grace time.
func (s *screen) logOut(ctx context.Context) error {
	if err := s.desk.logOut(ctx, s); err != nil {
		s.server.log.Info("log-out left to the grace time", append(s.desk.fields(), zap.Error(err))...)
	}
	s.close(edge.CloseDone, "logged out")
	return nil
}

// setStatus is not remembered by the request's id, which is the screen's own and comes again with its next socket. A
// repeat finds its wish fulfilled.
func (d *desk) setStatus(ctx context.Context, wish *presencev1.SetStatus) error {
	if err := d.takeTurn(ctx); err != nil {
		return err
	}
	defer d.giveTurn()
	_, err := d.commit(ctx, agent.SetStatus{Status: wish.Status, Reason: wish.Reason})
	return err
}

// act is call-routing's to decide. The id names socket and request, so a try at another of its pods is the same command.
func (s *screen) act(ctx context.Context, request string, wish *presencev1.Act) error {
	if request == "" {
		request = newID()
	}
	return s.server.actor.act(ctx, &routingv1.ActRequest{
		Tenant: s.desk.key.tenant, AgentId: s.desk.key.agent,
		ContactId: wish.ContactId, Action: wish.Action, RequestId: digest(s.socket, request),
	})
}

// resync reads anew for a screen that says it has a gap.
func (d *desk) resync(ctx context.Context, s *screen) error {
	v, err := d.read(ctx)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seeView(v)
	d.server.metrics.resyncs.WithLabelValues("asked").Inc()
	s.refresh(d.snapshot(s))
	return nil
}

// refuse tells the client why not. A failure is told as what it is to the client: something that may pass later.
func (s *screen) refuse(request string, err error) {
	var no *refusal.Refusal
	if !errors.As(err, &no) {
		s.server.log.Warn("command failed", append(s.fields(err), zap.String("request", request))...)
		no = refusal.New(refusal.Unavailable, "UNAVAILABLE", "it could not be done now").To("try again")
	}
	s.answer(refused(request, no))
}

func done(request string) *presencev1.ServerFrame {
	return &presencev1.ServerFrame{Frame: &presencev1.ServerFrame_Done{Done: &presencev1.Done{RequestId: request}}}
}

func refused(request string, no *refusal.Refusal) *presencev1.ServerFrame {
	return &presencev1.ServerFrame{Frame: &presencev1.ServerFrame_Refused{Refused: &presencev1.Refused{
		RequestId: request, Refusal: flow.Detail(no), Message: no.Message,
	}}}
}

func going(after time.Duration) *frame {
	return &frame{answer: true, body: &presencev1.ServerFrame{Frame: &presencev1.ServerFrame_Going{
		Going: &presencev1.Going{ReconnectAfterMs: uint32(after.Milliseconds())},
	}}}
}

func (s *screen) fields(err error) []zap.Field {
	fields := []zap.Field{zap.String("screen", s.id), zap.Error(err)}
	if s.desk != nil {
		fields = append(fields, s.desk.fields()...)
	}
	return fields
}
