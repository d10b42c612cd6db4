package contact

import (
	"slices"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// Decide says what a command makes of a contact: a change, or a *refusal.Refusal. Neither means that nothing is to be
// done: the signal is known, the act is done, the deadline has moved. c is nil if there is no contact; it stays as it is.
func Decide(c *routingv1.Contact, cmd Command, at At) (*Change, error) {
	s := &step{before: c, cmd: cmd, at: at, now: at.Now}
	if c == nil {
		return s.without()
	}
	if since := c.Since.AsTime(); since.After(s.now) {
		s.now = since
	}
	if cmd.Signal != nil {
		return s.signal()
	}
	if cmd.Verb == Expire && s.now.Before(Due(c)) {
		return nil, nil
	}
	if cmd.byAgent() && holder(c) != cmd.Agent {
		return s.stranger()
	}
	return s.move()
}

// without decides on a contact that is not there.
func (s *step) without() (*Change, error) {
	switch s.cmd.Verb {
	case CallOffered:
		return s.move()
	case Expire, Withdraw, Reclaim, Lose, Find:
		return nil, nil
	}
	return nil, s.at.unknown(s.cmd)
}

// signal decides on what a switch says: only what has not been heard moves anything, and only if it is the latest of its
// leg.
func (s *step) signal() (*Change, error) {
	switch hear(s.before, s.cmd.Signal) {
	case repeated:
		return nil, nil
	case tooMany:
		return nil, s.at.tooManyLegs()
	case late:
		if Final(s.before.State) {
			return nil, nil
		}
		s.c = copyOf(s.before)
		note(s)
		return s.change()
	}
	return s.move()
}

// stranger decides on an act of an agent who does not hold the contact. What they asked for may be done already.
func (s *step) stranger() (*Change, error) {
	passed := slices.ContainsFunc(s.before.Passes, func(p *routingv1.Pass) bool { return p.AgentId == s.cmd.Agent })
	completedBy := s.before.State == completed && s.before.GetDecision().GetChosen() == s.cmd.Agent
	switch {
	case s.cmd.Verb == Decline && passed,
		(s.cmd.Verb == Complete || s.cmd.Verb == End) && completedBy:
		return nil, nil
	case Final(s.before.State):
		return nil, s.at.ended(s.before, s.cmd)
	}
	return nil, s.at.notYours(s.before, s.cmd)
}
