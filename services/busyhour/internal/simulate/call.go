package simulate

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// Plan is what a customer has in mind.
type Plan struct {
	// Call is the switch's id of the call.
	Call string
	// Offer says which queue is wanted, by whom.
	Offer *routingv1.CallOffered
	// Patience: the customer hangs up if nobody has answered by then. Zero: never.
	Patience time.Duration
	// Talk: the customer hangs up that long after being connected. Zero: never.
	Talk time.Duration
}

// Step is something that happened to a call at the switch.
type Step int

const (
	Placed Step = iota + 1
	Ringing
	Unrung
	Connected
	OnHold
	Resumed
	Over
)

func (s Step) String() string {
	return [...]string{"", "placed", "ringing", "no longer ringing", "connected", "on hold", "resumed", "over"}[s]
}

// Legs of a call; each has its own numbering.
const (
	customerLeg = ""
	agentLeg    = "agent"
)

// Call is one call as its switch sees it. The switch's lock guards everything that changes.
type Call struct {
	Plan    Plan
	Contact string
	// Due is when the call was to be placed by plan.
	Due time.Time

	sw      *Switch
	step    Step
	agent   string
	endedBy routingv1.EndedBy
	numbers map[string]uint64 // leg → the last number given
	adopted bool              // its numbering is not known: signals carry ids
	said    []*routingv1.Signal
	timer   *time.Timer // patience or talk
	over    chan struct{}
}

// Status of a call.
type Status struct {
	Step    Step
	Agent   string
	EndedBy routingv1.EndedBy
}

// Status now.
func (c *Call) Status() Status {
	c.sw.mu.Lock()
	defer c.sw.mu.Unlock()
	return c.status()
}

func (c *Call) status() Status { return Status{c.step, c.agent, c.endedBy} }

// Over is closed when the call has ended at the switch.
func (c *Call) Over() <-chan struct{} { return c.over }

// HangUp ends the call from the customer's side; again is harmless.
func (c *Call) HangUp() {
	c.sw.mu.Lock()
	defer c.sw.mu.Unlock()
	c.end(time.Now(), routingv1.EndedBy_ENDED_BY_CUSTOMER)
}

// Within makes the call end d from now at the latest.
func (c *Call) Within(d time.Duration) {
	c.sw.mu.Lock()
	defer c.sw.mu.Unlock()
	if c.step == Over {
		return
	}
	c.Plan.Patience, c.Plan.Talk = d, d
	c.hangUpAt(time.Now().Add(d))
}

// The functions below are called with the switch's lock held.

// obey does what is wanted, as a switch that can do everything.
func (c *Call) obey(w *routingv1.Wanted) {
	if c.step == Over {
		return
	}
	now := time.Now()
	switch w.Kind {
	case routingv1.Wanted_KIND_RING:
		c.agent = w.AgentId
		c.move(Ringing)
		c.signal(now, agentLeg, routingv1.SignalKind_SIGNAL_KIND_RINGING)
	case routingv1.Wanted_KIND_UNRING:
		c.unring()
	case routingv1.Wanted_KIND_CONNECT:
		c.agent = w.AgentId
		c.connect(now)
	case routingv1.Wanted_KIND_HOLD:
		c.move(OnHold)
		c.signal(now, agentLeg, routingv1.SignalKind_SIGNAL_KIND_HELD)
	case routingv1.Wanted_KIND_RESUME:
		c.move(Resumed)
		c.signal(now, agentLeg, routingv1.SignalKind_SIGNAL_KIND_RESUMED)
	case routingv1.Wanted_KIND_RELEASE:
		c.end(now, routingv1.EndedBy_ENDED_BY_AGENT)
	}
}

func (c *Call) unring() {
	c.agent = ""
	c.move(Unrung)
}

// tellAgain is all that was said of the call. If it is connected the first signal says so, or it would be offered anew.
func (c *Call) tellAgain() []*routingv1.Signal {
	said := slices.Clone(c.said)
	if len(said) > 0 && c.step >= Connected && c.step != Over {
		said[0] = proto.CloneOf(said[0])
		said[0].AgentId = c.agent
	}
	return said
}

// carried is the call as an inventory shows it.
func (c *Call) carried() *routingv1.CarriedCall {
	state := routingv1.CarriedCall_STATE_CONNECTED
	switch c.step {
	case Placed, Unrung:
		state = routingv1.CarriedCall_STATE_WAITING
	case Ringing:
		state = routingv1.CarriedCall_STATE_RINGING
	}
	return &routingv1.CarriedCall{CallId: c.Plan.Call, State: state, AgentId: c.agent}
}

func (c *Call) connect(now time.Time) {
	first := c.step < Connected
	c.move(Connected)
	c.signal(now, agentLeg, routingv1.SignalKind_SIGNAL_KIND_ANSWERED)
	if !first {
		return
	}
	c.stopTimer()
	if c.Plan.Talk > 0 {
		c.hangUpAt(now.Add(c.Plan.Talk))
	}
}

// hangUpAt makes the customer hang up then; latencies count from that moment, not from when the timer got its turn.
func (c *Call) hangUpAt(due time.Time) {
	c.stopTimer()
	var mine *time.Timer
	mine = time.AfterFunc(time.Until(due), func() {
		c.sw.mu.Lock()
		defer c.sw.mu.Unlock()
		if c.timer == mine {
			c.end(due, routingv1.EndedBy_ENDED_BY_CUSTOMER)
		}
	})
	c.timer = mine
}

func (c *Call) stopTimer() {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

func (c *Call) end(due time.Time, by routingv1.EndedBy) {
	if c.step == Over {
		return
	}
	c.stopTimer()
	c.endedBy = by
	s := c.make(customerLeg, routingv1.SignalKind_SIGNAL_KIND_ENDED)
	s.Ended = &routingv1.CallEnded{By: by, Cause: "normal clearing"}
	c.sw.stream.Send(due, s)
	c.move(Over)
	close(c.over)
}

func (c *Call) move(to Step) {
	c.step = to
	if c.sw.cfg.Saw != nil {
		c.sw.cfg.Saw(c, c.status())
	}
}

func (c *Call) signal(due time.Time, leg string, kind routingv1.SignalKind) {
	c.sw.stream.Send(due, c.make(leg, kind))
}

func (c *Call) make(leg string, kind routingv1.SignalKind) *routingv1.Signal {
	s := &routingv1.Signal{CallId: c.Plan.Call, LegId: leg, Kind: kind, At: timestamppb.Now()}
	if leg == agentLeg {
		s.AgentId = c.agent
	}
	c.said = append(c.said, s)
	if c.adopted {
		s.Id = newID()
		return s
	}
	c.numbers[leg]++
	s.Number = c.numbers[leg]
	return s
}
