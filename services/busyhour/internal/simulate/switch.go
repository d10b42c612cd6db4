package simulate

import (
	"context"
	"sync"
	"time"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// SwitchConfig says who a switch is and who watches it.
type SwitchConfig struct {
	Stream StreamConfig
	// Saw is called for every step of every call, in order, with the switch's lock held: return fast, call nothing of
	// the switch.
	Saw func(*Call, Status)
	// Adopt makes a call of one that the switch does not know but is told about, as after a restart. Without it such
	// wishes are left alone.
	Adopt bool
}

// Switch carries calls: it signals what their customers do, and does what call-routing wants.
type Switch struct {
	cfg    SwitchConfig
	stream *Stream

	mu    sync.Mutex // before the stream's own lock
	calls map[string]*Call
}

// NewSwitch makes a switch; Run connects it.
func NewSwitch(cfg SwitchConfig) *Switch {
	s := &Switch{cfg: cfg, calls: map[string]*Call{}}
	heard := cfg.Stream.Heard
	cfg.Stream.Heard = func(c *routingv1.SwitchCommand) {
		s.hear(c)
		if heard != nil {
			heard(c)
		}
	}
	cfg.Stream.Reigns, cfg.Stream.Carries, cfg.Stream.Again = s.reigns, s.carries, s.again
	s.stream = NewStream(cfg.Stream)
	return s
}

// ID of the switch.
func (s *Switch) ID() string { return s.cfg.Stream.Switch }

// Stream of the switch.
func (s *Switch) Stream() *Stream { return s.stream }

// Run keeps the switch connected until ctx ends.
func (s *Switch) Run(ctx context.Context) error { return s.stream.Run(ctx) }

// Place signals a new call. due is when it was to arrive by plan.
func (s *Switch) Place(due time.Time, plan Plan) *Call {
	c := s.newCall(plan.Call)
	c.Plan, c.Due = plan, due
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[plan.Call] = c
	if plan.Patience > 0 {
		c.hangUpAt(due.Add(plan.Patience))
	}
	o := c.make(customerLeg, routingv1.SignalKind_SIGNAL_KIND_OFFERED)
	o.Offered = plan.Offer
	c.move(Placed)
	s.stream.Send(due, o)
	return c
}

func (s *Switch) newCall(id string) *Call {
	return &Call{
		Plan: Plan{Call: id}, Contact: ContactID(s.cfg.Stream.Tenant, s.cfg.Stream.Switch, id),
		sw: s, numbers: map[string]uint64{}, over: make(chan struct{}),
	}
}

// Resume takes up a call that was placed before this switch started, and lets the customer talk on for that long.
func (s *Switch) Resume(contact *routingv1.Contact, talk time.Duration) *Call {
	c := s.newCall(contact.CallId)
	c.Plan.Talk, c.adopted, c.step = talk, true, Placed
	c.agent = contact.GetReservation().GetAgentId()
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.calls[contact.CallId]; ok {
		return known
	}
	s.calls[contact.CallId] = c
	switch contact.State {
	case routingv1.ContactState_CONTACT_STATE_CONNECTED, routingv1.ContactState_CONTACT_STATE_HELD:
		c.step = Connected
		c.hangUpAt(time.Now().Add(talk))
	case routingv1.ContactState_CONTACT_STATE_WRAP_UP:
		c.step = Over
		close(c.over)
	}
	return c
}

// Calls that are not over, and all that were ever placed.
func (s *Switch) Calls() (live, all []*Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		all = append(all, c)
		if c.step != Over {
			live = append(live, c)
		}
	}
	return live, all
}

// carries lists the calls that are not over. Nothing is signalled meanwhile.
func (s *Switch) carries() (asOf uint64, calls []*routingv1.CarriedCall) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if c.step != Over {
			calls = append(calls, c.carried())
		}
	}
	return s.stream.Position(), calls
}

// again sends the signals of calls once more, in order.
func (s *Switch) again(calls []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range calls {
		if c, ok := s.calls[id]; ok {
			for _, signal := range c.tellAgain() {
				s.stream.Repeat(signal)
			}
		}
	}
}

// reigns stops all ringing that a new epoch knows nothing of.
func (s *Switch) reigns(wanted []*routingv1.SwitchCommand) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rings := map[string]bool{}
	for _, w := range wanted {
		rings[w.CallId] = w.Wanted.Kind == routingv1.Wanted_KIND_RING || w.Wanted.Kind == routingv1.Wanted_KIND_CONNECT
	}
	for id, c := range s.calls {
		if c.step == Ringing && !rings[id] {
			c.unring()
		}
	}
}

// Vanish loses a call without a word, as a switch that crashed in part might: its end is never signalled.
func (s *Switch) Vanish(c *Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.stopTimer()
	delete(s.calls, c.Plan.Call)
}

func (s *Switch) hear(cmd *routingv1.SwitchCommand) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.calls[cmd.CallId]
	if !ok {
		if !s.cfg.Adopt {
			return
		}
		c = s.newCall(cmd.CallId)
		c.adopted, c.step = true, Placed
		s.calls[cmd.CallId] = c
	}
	c.obey(cmd.Wanted)
}
