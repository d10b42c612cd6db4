package contact

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

const maxPasses = 16

// step is one decision under way.
type step struct {
	before *routingv1.Contact
	cmd    Command
	at     At
	now    time.Time

	c       *routingv1.Contact // the copy that becomes the contact after the change
	kind    Kind               // what happened; unspecified: nothing
	words   string
	forget  bool
	refused error
	barred  bool // not possible after all, as if it stood in no row
}

func (s *step) move() (*Change, error) {
	do, ok := table[situation{s.cmd.Verb, s.before.GetState()}]
	if !ok {
		return nil, s.at.impossible(s.before, s.cmd)
	}
	s.c = copyOf(s.before)
	do(s)
	if s.barred {
		return nil, s.at.impossible(s.before, s.cmd)
	}
	return s.change()
}

func (s *step) change() (*Change, error) {
	switch {
	case s.refused != nil:
		return nil, s.refused
	case s.forget:
		return &Change{Before: s.before, Forget: true}, nil
	case s.kind == routingv1.ContactEvent_KIND_UNSPECIFIED:
		return nil, nil
	}
	if s.cmd.Signal != nil {
		remember(s.c, s.cmd.Signal)
		s.c.HeardAt = stamp(s.now)
		s.words = s.cmd.Signal.GetEnded().GetCause()
	}
	return &Change{Before: s.before, After: s.c, Revision: s.at.Next, Kind: s.kind, Note: s.words}, nil
}

func (s *step) refuse(err error) { s.refused = err }

// become moves the contact to a state, with that state's deadline.
func (s *step) become(state State, kind Kind) {
	s.c.State, s.kind = state, kind
	s.c.Since, s.c.Deadline = stamp(s.now), nil
	if !Final(state) {
		s.c.Deadline = stamp(s.now.Add(s.patience(state)))
	}
}

// patience is how long the contact may stand in a state. Waiting is one wait, however often it was offered in between.
func (s *step) patience(state State) time.Duration {
	t := s.c.Terms
	switch state {
	case queued:
		waited := s.now.Sub(s.c.QueuedAt.AsTime())
		return max(0, milliseconds(t.GetMaxWaitMs())-waited)
	case offered:
		return milliseconds(t.GetOfferTimeoutMs())
	case connecting:
		return connectTimeout
	case wrapUp:
		return milliseconds(t.GetWrapUpLimitMs())
	}
	return callTimeout
}

// requeue takes the contact from its agent, who passed on it, back to its old place in the queue.
func (s *step) requeue(pass routingv1.Pass_Kind, kind Kind) {
	s.c.Passes = lastOf(append(s.c.Passes, &routingv1.Pass{AgentId: holder(s.c), Kind: pass, At: stamp(s.now)}), maxPasses)
	s.want(unring)
	s.c.Reservation = nil
	s.become(queued, kind)
}

// wrapUp ends the call. Where the queue leaves no time to wrap up, the contact is completed.
func (s *step) wrapUp(by routingv1.EndedBy) {
	if by == routingv1.EndedBy_ENDED_BY_UNSPECIFIED {
		by = routingv1.EndedBy_ENDED_BY_CUSTOMER
	}
	s.c.EndedBy, s.c.EndedAt = by, stamp(s.now)
	if s.c.Terms.GetWrapUpLimitMs() == 0 {
		s.finish(completed, routingv1.ContactEvent_KIND_COMPLETED, by)
		return
	}
	s.become(wrapUp, routingv1.ContactEvent_KIND_ENDED)
}

// finish moves the contact to a final state. A release that the switch has not confirmed stays wanted.
func (s *step) finish(state State, kind Kind, by routingv1.EndedBy) {
	s.become(state, kind)
	s.c.EndedBy = by
	if s.c.EndedAt == nil {
		s.c.EndedAt = stamp(s.now)
	}
	if s.c.GetWanted().GetKind() != release {
		s.c.Wanted = nil
	}
	s.c.Reservation = nil
}

// reserve ties the contact to the agent who has it at the switch already.
func (s *step) reserve() {
	if s.c.Reservation == nil {
		s.c.Reservation = &routingv1.Reservation{AgentId: s.cmd.Agent, Workload: s.cmd.Workload, OfferedAt: stamp(s.now)}
	}
	if s.c.Reservation.AcceptedAt == nil {
		s.c.Reservation.AcceptedAt = stamp(s.now)
	}
}

// want makes a wish to the switch. The wish carries the revision that makes it.
func (s *step) want(kind routingv1.Wanted_Kind) {
	agent := holder(s.c)
	if agent == "" {
		agent = holder(s.before)
	}
	s.c.Wanted = &routingv1.Wanted{Kind: kind, AgentId: agent, Revision: s.at.Next, At: stamp(s.now)}
	if s.kind == routingv1.ContactEvent_KIND_UNSPECIFIED {
		note(s)
	}
}

// wish is an agent's, to hold or to resume. It is needed in the state given, or to take back the opposite wish.
func (s *step) wish(kind routingv1.Wanted_Kind, needed State, opposite routingv1.Wanted_Kind) {
	now := s.c.GetWanted().GetKind()
	if now != kind && (s.c.State == needed || now == opposite) {
		s.want(kind)
	}
}

// drop forgets a wish of one of these kinds: the switch has shown that it is met.
func (s *step) drop(kinds ...routingv1.Wanted_Kind) {
	if slices.Contains(kinds, s.c.GetWanted().GetKind()) {
		s.c.Wanted = nil
	}
}

func (s *step) endedBy(otherwise routingv1.EndedBy) routingv1.EndedBy {
	if by := s.cmd.Signal.GetEnded().GetBy(); by != routingv1.EndedBy_ENDED_BY_UNSPECIFIED {
		return by
	}
	return otherwise
}

func copyOf(c *routingv1.Contact) *routingv1.Contact { return proto.CloneOf(c) }
