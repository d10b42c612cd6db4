package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/call-routing/internal/flow"
)

// maxCommands bounds what waits for a slow switch; with more, it is told everything anew instead.
const maxCommands = 1024

// session is one connected switch: what it said and is not yet acknowledged, and what it is to be told. Signals come in by
// the reader, outcomes from wherever they become known, and go out by the writer alone.
type session struct {
	svc    *Signaling
	hello  *routingv1.Hello
	ctx    context.Context
	cancel context.CancelCauseFunc
	wake   chan struct{} // there is something to write

	mu       sync.Mutex
	room     *sync.Cond // the window has room, or the session has ended
	prefix   *prefix
	acked    uint64 // as told to the switch
	refused  []*routingv1.SignalRefused
	commands []*routingv1.SwitchCommand
	resend   []string // calls whose signals are wanted again
	anew     bool     // tell everything that is wanted anew
	taken    []*routingv1.WantedAck
	taking   bool // somebody works on taken

	asking asking
}

func newSession(ctx context.Context, svc *Signaling, hello *routingv1.Hello) *session {
	s := &session{svc: svc, hello: hello, wake: make(chan struct{}, 1), prefix: newPrefix(hello.ResumeFrom), acked: hello.ResumeFrom - 1, anew: true}
	s.room = sync.NewCond(&s.mu)
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	context.AfterFunc(s.ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.room.Broadcast()
	})
	s.nudge()
	return s
}

func (s *session) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// signals takes a batch in. It waits while too much is in hand: a sender that is not read from waits too.
func (s *session) signals(b *routingv1.SignalBatch) error {
	for i, signal := range b.Signals {
		position, err := s.take(b.FirstPosition + uint64(i))
		if err != nil {
			return err
		}
		if no := s.judge(signal); no != nil {
			s.refuse(position, no)
			continue
		}
		// Each signal is a trace of its own; the stream's would never end.
		ctx := trace.ContextWithSpanContext(s.ctx, trace.SpanContext{})
		s.svc.flow.Signal(ctx, signal, func(err error) { s.outcome(position, err) })
	}
	return nil
}

func (s *session) take(position uint64) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.prefix.full() && s.ctx.Err() == nil {
		s.room.Wait()
	}
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	if position != s.prefix.next {
		return 0, refusal.New(refusal.Invalid, "POSITION_GAP", "position %d came where %d was due", position, s.prefix.next).
			To("number the signals of a stream without a gap, from the resume_from of its hello")
	}
	return s.prefix.take(), nil
}

func (s *session) judge(signal *routingv1.Signal) *refusal.Refusal {
	switch {
	case signal.GetTenant() != s.hello.Tenant:
		return refusal.New(refusal.Denied, "WRONG_TENANT", "the signal is of tenant %.64q, the stream of %q", signal.GetTenant(), s.hello.Tenant).
			To("open a stream for each tenant")
	case signal.SwitchId != s.hello.SwitchId:
		return refusal.New(refusal.Denied, "WRONG_SWITCH", "the signal is of switch %.64q, the stream of %q", signal.SwitchId, s.hello.SwitchId).
			To("open a stream for each switch")
	}
	return judge(signal)
}

// outcome is called when it is known what became of a signal.
func (s *session) outcome(position uint64, err error) {
	no, refused := final(err)
	switch {
	case err == nil:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.finish(position)
	case refused, errors.Is(err, flow.ErrNoRoom): // the rest of the stream does not rest on a call that never began
		s.refuse(position, no)
	default:
		// What follows in this stream rests on it: the sender resends from here, in order.
		s.cancel(refusal.New(refusal.Unavailable, "NOT_DURABLE", "the signal at position %d could not be made durable: %v", position, err).
			To("connect again and resume from the first position that is not acknowledged"))
	}
}

func (s *session) refuse(position uint64, no *refusal.Refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = append(s.refused, &routingv1.SignalRefused{Position: position, Refusal: detail(no), Message: no.Error()})
	s.finish(position)
}

// finish is called with mu held.
func (s *session) finish(position uint64) {
	full := s.prefix.full()
	s.prefix.finish(position)
	s.answer()
	if full && !s.prefix.full() {
		s.room.Signal()
	}
	s.nudge()
}

// settled reports whether everything that was taken in is acknowledged.
func (s *session) settled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.prefix.inHand() == 0 && s.acked == s.prefix.through()
}

// command queues a wish.
func (s *session) command(c *routingv1.SwitchCommand) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.commands) >= maxCommands {
		s.commands, s.anew = nil, true
	}
	s.commands = append(s.commands, c)
	s.nudge()
}

// renew has everything that is wanted told anew: a new epoch, or pushes may have been lost.
func (s *session) renew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.anew = true
	s.nudge()
}

// outgoing takes what there is to write: refusals before the acknowledgement that covers them.
func (s *session) outgoing() (messages []*routingv1.ConnectResponse, anew bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.commands {
		messages = append(messages, &routingv1.ConnectResponse{Message: &routingv1.ConnectResponse_Command{Command: c}})
	}
	for _, r := range s.refused {
		messages = append(messages, &routingv1.ConnectResponse{Message: &routingv1.ConnectResponse_Refused{Refused: r}})
	}
	for calls := range slices.Chunk(s.resend, maxResend) {
		messages = append(messages, &routingv1.ConnectResponse{Message: &routingv1.ConnectResponse_Resend{Resend: &routingv1.Resend{CallIds: calls}}})
	}
	if through := s.prefix.through(); through > s.acked {
		s.acked = through
		messages = append(messages, &routingv1.ConnectResponse{Message: &routingv1.ConnectResponse_Ack{Ack: &routingv1.Ack{DurableThrough: through}}})
	}
	anew = s.anew
	s.commands, s.refused, s.resend, s.anew = nil, nil, nil, false
	return messages, anew
}

// wantedAck notes that the switch has taken a wish, together with what else it takes in a moment: the note only has to come
// before the wish is told again, and by then the call has often shown that the wish is met.
func (s *session) wantedAck(a *routingv1.WantedAck) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken = append(s.taken, a)
	if !s.taking {
		s.taking = true
		time.AfterFunc(takenDelay, s.tellTaken)
	}
}

const (
	maxTaken     = 128
	takenDelay   = 50 * time.Millisecond
	takenTimeout = 2 * time.Second
)

func (s *session) tellTaken() {
	for {
		s.mu.Lock()
		n := min(len(s.taken), maxTaken)
		bundle := s.taken[:n:n]
		s.taken = s.taken[n:]
		if s.taking = n > 0; !s.taking {
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), takenTimeout)
		// A note that is lost costs a resend, which is acknowledged again.
		_ = s.svc.flow.WishesTaken(ctx, s.hello.Tenant, bundle)
		cancel()
	}
}

func (s *session) String() string {
	return fmt.Sprintf("switch %s/%s", s.hello.Tenant, s.hello.SwitchId)
}
