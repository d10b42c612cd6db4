package contact

import (
	"strings"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// moves is the whole machine: what each command does to a contact in which state. What stands in no row is refused as
// impossible. Before a row is looked up, Decide has seen to signals that are known already, and to agents who do not
// hold the contact.
var moves = []struct {
	verb Verb
	from []State
	do   func(*step)
}{
	{CallOffered, in(absent), enqueue},
	{CallRinging, in(queued, offered, connecting, connected, held, wrapUp), note},
	{CallAnswered, in(queued, offered), connectAnyway},
	{CallAnswered, in(connecting), connect},
	{CallAnswered, in(connected), note},
	{CallHeld, in(connected), putOnHold},
	{CallHeld, in(held), note},
	{CallResumed, in(held), takeBack},
	{CallResumed, in(connected), note},
	{CallEnded, in(queued, offered, connecting), leave},
	{CallEnded, in(connected, held), hangUp},
	{CallEnded, in(wrapUp, completed, abandoned, overflowed, failed, lost), released},
	{CallFailed, in(queued, offered, connecting, connected, held, wrapUp, completed, abandoned, overflowed, failed, lost), breakDown},

	{Offer, in(queued), offer},
	{Withdraw, in(offered), withdraw},
	{Withdraw, in(queued, connecting, connected, held, wrapUp, completed, abandoned, overflowed, failed, lost), nothing},
	{Reclaim, in(offered, connecting, connected, held), withdraw},
	{Reclaim, in(wrapUp), letGo},
	{Reclaim, in(queued, completed, abandoned, overflowed, failed, lost), nothing},

	{Accept, in(offered), accept},
	{Accept, in(connecting, connected, held, wrapUp), nothing},
	{Decline, in(offered), decline},
	{Hold, in(connected, held), wishHold},
	{Resume, in(connected, held), wishResume},
	{End, in(connected, held), endByAgent},
	{End, in(wrapUp), nothing},
	{Complete, in(wrapUp), complete},

	{Close, in(queued, offered, connecting, connected, held, wrapUp), closeCard},
	{Close, in(completed, abandoned, overflowed, failed, lost), nothing},

	{Lose, in(queued, offered, connecting, connected, held), reap},
	{Find, in(queued, offered, connecting), find},
	{Find, in(connected, held, wrapUp, completed, abandoned, overflowed, failed, lost), nothing},
	{Lose, in(wrapUp, completed, abandoned, overflowed, failed, lost), nothing},

	{Expire, in(queued), overflow},
	{Expire, in(offered), timeOut},
	{Expire, in(connecting), withdraw},
	{Expire, in(connected, held), lose},
	{Expire, in(wrapUp), complete},
	{Expire, in(completed, abandoned, overflowed, failed, lost), forget},
}

func in(states ...State) []State { return states }

type situation struct {
	verb  Verb
	state State
}

var table = func() map[situation]func(*step) {
	t := map[situation]func(*step){}
	for _, m := range moves {
		for _, s := range m.from {
			t[situation{m.verb, s}] = m.do
		}
	}
	return t
}()

// possible lists the commands that a state allows, for the help in a refusal.
func possible(s State) string {
	var names []string
	for v := CallOffered; v <= Expire; v++ {
		if _, ok := table[situation{v, s}]; ok && v != Offer && v != Withdraw && v != Reclaim && v != Lose && v != Find && v != Expire {
			names = append(names, v.String())
		}
	}
	return strings.Join(names, ", ")
}

const (
	ring    = routingv1.Wanted_KIND_RING
	unring  = routingv1.Wanted_KIND_UNRING
	conn    = routingv1.Wanted_KIND_CONNECT
	hold    = routingv1.Wanted_KIND_HOLD
	resume  = routingv1.Wanted_KIND_RESUME
	release = routingv1.Wanted_KIND_RELEASE
)

func enqueue(s *step) {
	o, q := s.cmd.Signal.Offered, s.at.Queue
	if q == nil {
		s.refuse(s.at.noQueue(o.GetQueueId()))
		return
	}
	s.c = &routingv1.Contact{
		Id: s.at.ID, Tenant: s.cmd.Signal.Tenant, SwitchId: s.cmd.Signal.SwitchId, CallId: s.cmd.Signal.CallId,
		QueueId: q.Id, Channel: q.Channel, From: o.From, To: o.To, Priority: o.Priority,
		RequiredSkills: o.RequiredSkills, Attributes: o.Attributes,
		CreatedAt: stamp(s.now), QueuedAt: stamp(s.now), Terms: termsOf(q),
	}
	if s.cmd.Agent != "" { // the switch tells it again: it is with its agent
		s.reserve()
		connect(s)
		return
	}
	s.become(queued, routingv1.ContactEvent_KIND_QUEUED)
}

func note(s *step) { s.kind = routingv1.ContactEvent_KIND_NOTED }

func nothing(*step) {}

func offer(s *step) {
	s.c.Reservation = &routingv1.Reservation{AgentId: s.cmd.Agent, Workload: s.cmd.Workload, OfferedAt: stamp(s.now)}
	s.c.Decision = s.cmd.Decision
	s.c.Offers++
	s.become(offered, routingv1.ContactEvent_KIND_OFFERED)
	s.want(ring)
}

func accept(s *step) {
	s.c.Reservation.AcceptedAt = stamp(s.now)
	s.become(connecting, routingv1.ContactEvent_KIND_OFFER_ACCEPTED)
	s.want(conn)
}

func connect(s *step) {
	s.become(connected, routingv1.ContactEvent_KIND_CONNECTED)
	if s.c.ConnectedAt == nil {
		s.c.ConnectedAt = stamp(s.now)
	}
	s.c.Wanted = nil
}

// connectAnyway is a call that is with its agent at the switch, while the decision that brought it there is lost with the
// state it was taken in. What the switch is about to undo does not count.
func connectAnyway(s *step) {
	undoing := s.c.GetWanted().GetKind() == unring && s.c.Wanted.AgentId == s.cmd.Agent
	others := s.c.Reservation != nil && holder(s.c) != s.cmd.Agent
	if s.barred = s.cmd.Agent == "" || undoing || others; !s.barred {
		s.reserve()
		connect(s)
	}
}

// find is connectAnyway where an inventory says so.
func find(s *step) {
	connectAnyway(s)
	s.barred, s.words = false, s.cmd.Reason
}

func decline(s *step) {
	s.requeue(routingv1.Pass_KIND_DECLINED, routingv1.ContactEvent_KIND_OFFER_DECLINED)
}

func timeOut(s *step) {
	s.requeue(routingv1.Pass_KIND_TIMED_OUT, routingv1.ContactEvent_KIND_OFFER_TIMED_OUT)
}

// withdraw takes the contact back from its agent. It asks whose it is: the offer may be another agent's by now.
func withdraw(s *step) {
	if s.cmd.Agent != "" && s.cmd.Agent != holder(s.c) {
		return
	}
	s.requeue(routingv1.Pass_KIND_WITHDRAWN, routingv1.ContactEvent_KIND_OFFER_WITHDRAWN)
}

// letGo completes a wrap-up whose agent is with another contact.
func letGo(s *step) {
	if s.cmd.Agent == holder(s.c) {
		complete(s)
	}
}

// putOnHold follows the switch. A wish that has come up since, to take the call back, stands.
func putOnHold(s *step) {
	s.become(held, routingv1.ContactEvent_KIND_HELD)
	s.drop(conn, hold)
}

func takeBack(s *step) {
	s.become(connected, routingv1.ContactEvent_KIND_RESUMED)
	s.drop(conn, resume)
}

// leave is a call that was over before an agent was connected.
func leave(s *step) {
	switch by := s.cmd.Signal.GetEnded().GetBy(); by {
	case routingv1.EndedBy_ENDED_BY_UNSPECIFIED, routingv1.EndedBy_ENDED_BY_CUSTOMER:
		s.finish(abandoned, routingv1.ContactEvent_KIND_ABANDONED, routingv1.EndedBy_ENDED_BY_CUSTOMER)
	default:
		s.finish(failed, routingv1.ContactEvent_KIND_FAILED, by)
	}
	s.c.Wanted = nil
}

func hangUp(s *step) {
	s.wrapUp(s.cmd.Signal.GetEnded().GetBy())
	s.c.Wanted = nil
}

func endByAgent(s *step) {
	s.wrapUp(routingv1.EndedBy_ENDED_BY_AGENT)
	s.want(release)
}

// released is the switch saying that a call is over which is over here too: nothing more is wanted of it.
func released(s *step) {
	s.c.Wanted = nil
	note(s)
}

// breakDown is the switch saying that it failed: with `ended` it lost the call, without it could not do what was wanted.
func breakDown(s *step) {
	lostCall := s.cmd.Signal.Ended != nil
	switch {
	case lostCall && s.c.State <= connecting:
		s.finish(failed, routingv1.ContactEvent_KIND_FAILED, s.endedBy(routingv1.EndedBy_ENDED_BY_SWITCH))
		s.c.Wanted = nil
	case lostCall && s.c.State <= held:
		s.wrapUp(s.endedBy(routingv1.EndedBy_ENDED_BY_SWITCH))
		s.c.Wanted = nil
	case s.c.State == offered || s.c.State == connecting:
		withdraw(s)
	default:
		released(s)
	}
}

func wishHold(s *step) { s.wish(hold, connected, resume) }

func wishResume(s *step) { s.wish(resume, held, hold) }

func complete(s *step) {
	s.finish(completed, routingv1.ContactEvent_KIND_COMPLETED, s.c.EndedBy)
}

func closeCard(s *step) {
	s.words = s.cmd.Reason
	switch {
	case s.c.State == wrapUp:
		complete(s)
		return
	case s.c.State >= connected:
		s.finish(completed, routingv1.ContactEvent_KIND_COMPLETED, routingv1.EndedBy_ENDED_BY_SUPERVISOR)
	default:
		s.finish(failed, routingv1.ContactEvent_KIND_FAILED, routingv1.EndedBy_ENDED_BY_SUPERVISOR)
	}
	s.want(release)
}

func overflow(s *step) {
	s.finish(overflowed, routingv1.ContactEvent_KIND_OVERFLOWED, routingv1.EndedBy_ENDED_BY_DEADLINE)
	s.want(release)
}

func lose(s *step) {
	s.finish(lost, routingv1.ContactEvent_KIND_LOST, routingv1.EndedBy_ENDED_BY_DEADLINE)
	s.want(release)
}

// reap ends a contact whose switch does not carry the call any more. Nothing is wanted of a switch that has nothing.
func reap(s *step) {
	if seen := s.cmd.Seen; seen != nil && !same(seen, s.at.Revision) {
		return
	}
	s.finish(lost, routingv1.ContactEvent_KIND_LOST, routingv1.EndedBy_ENDED_BY_SWITCH)
	s.c.Wanted = nil
	s.words = s.cmd.Reason
}

func forget(s *step) { s.forget = true }
