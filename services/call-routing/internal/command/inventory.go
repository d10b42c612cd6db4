package command

import (
	"context"
	"time"

	"go.uber.org/zap"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/call-routing/internal/flow"
	"github.com/busyhour/busyhour/services/call-routing/internal/reap"
)

const (
	// maxCarried bounds what a switch's answer may hold.
	maxCarried = 200_000
	// maxResend is how many calls are named in one message.
	maxResend = 256
	// A clock that does not answer so soon is asked at the next turn: the writer has others to serve.
	clockLimit = 500 * time.Millisecond
)

// asking is the inventory that the switch was asked for. The session's mu guards it.
type asking struct {
	request uint64
	at      time.Time // by the clock of Redis; zero: there is no open question
	calls   []*routingv1.CarriedCall
	asOf    uint64
	whole   bool // all parts are here; it is judged when what was said before it is durable

	trusted bool            // the switch was believed, last time
	resent  map[string]bool // calls asked for again in this epoch: once is enough
}

// ticker asks for inventories.
func (s *Signaling) ticker() (<-chan time.Time, func()) {
	if s.every == 0 {
		return nil, func() {}
	}
	t := time.NewTicker(s.every)
	return t.C, t.Stop
}

// askFirst asks for the first inventory of an epoch.
func (s *session) askFirst(st *stream) error {
	s.mu.Lock()
	s.asking.resent = map[string]bool{}
	s.mu.Unlock()
	if s.svc.every == 0 {
		return nil
	}
	return s.ask(st)
}

// ask puts a question in the place of the one before, answered or not. What the switch says before it reads the question
// it knows when it makes the list.
func (s *session) ask(st *stream) error {
	store := s.svc.flow.Store()
	if _, open := store.Verified(s.hello.Tenant); !open {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, clockLimit)
	defer cancel()
	now, err := store.Clock(ctx, s.hello.Tenant)
	if err != nil {
		s.svc.log.Debug("no inventory: the clock does not answer", zap.Stringer("switch", s), zap.Error(err))
		return nil
	}
	s.mu.Lock()
	s.asking.request = uint64(now.UnixMicro()) // also of the switch's next connection, no other is like it
	s.asking.at, s.asking.calls, s.asking.whole = now, nil, false
	request := s.asking.request
	s.mu.Unlock()
	return st.Send(&routingv1.ConnectResponse{Message: &routingv1.ConnectResponse_InventoryRequest{InventoryRequest: &routingv1.InventoryRequest{Request: request}}})
}

// inventory takes a part of the answer in.
func (s *session) inventory(m *routingv1.Inventory) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &s.asking
	switch {
	case m.Request != a.request || a.at.IsZero() || a.whole:
		return nil // of an earlier question
	case m.AsOf >= s.prefix.next:
		return refusal.New(refusal.Invalid, "INVENTORY_AHEAD", "the inventory is as of position %d, and %d is the next to come", m.AsOf, s.prefix.next).
			To("name the position of the last signal that was sent before the list was made")
	case len(a.calls)+len(m.Calls) > maxCarried:
		return refusal.New(refusal.Full, "INVENTORY_TOO_LARGE", "an inventory holds %d calls at most", maxCarried).To("let several switches share the calls")
	}
	a.calls, a.asOf, a.whole = append(a.calls, m.Calls...), m.AsOf, !m.More
	s.answer()
	return nil
}

// answer has the inventory judged once all that was said before it is durable: an end of a call that is still under way
// must not look like a loss. It is called with mu held.
func (s *session) answer() {
	a := &s.asking
	if !a.whole || a.at.IsZero() || s.prefix.through() < a.asOf {
		return
	}
	inv := flow.Inventory{
		Switch: s.hello.SwitchId, AskedAt: a.at, Apart: s.svc.every / 2, Calls: a.calls,
		Boot: reap.Boot{ID: s.hello.BootId, Stream: s.hello.StreamId, ResumeFrom: s.hello.ResumeFrom, Trusted: a.trusted},
	}
	a.at, a.calls = time.Time{}, nil
	s.svc.flow.Judge(s.ctx, s.hello.Tenant, inv, s.judged)
}

func (s *session) judged(j flow.Judged, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		return
	}
	s.asking.trusted = j.Trusted
	for _, call := range j.Resend {
		if !s.asking.resent[call] {
			s.asking.resent[call] = true
			s.resend = append(s.resend, call)
		}
	}
	s.nudge()
}
