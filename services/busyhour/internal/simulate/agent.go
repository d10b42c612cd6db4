package simulate

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// Habits say how agents behave. Times are means, drawn between a half and one and a half of it; shares are of 1.
type Habits struct {
	Think  time.Duration // from the card to the click
	WrapUp time.Duration
	Talk   time.Duration // what agents know of it, to end and hold in the midst of a call

	Declines, Ignores float64 // of offers
	Ends, Holds       float64 // of calls
}

// agent is a person at a screen.
type agent struct {
	habits *Habits
	watch  *Watch
	ledger *ledger
	idle   *atomic.Int64 // agents who could be offered a call
	screen *Screen

	mu       sync.Mutex
	random   *rand.Rand
	done     map[string]routingv1.ContactState // contact → the state that was reacted to
	isIdle   bool
	verified time.Time // since when the screen says that what it shows is verified; zero: it says it is not
}

// saw reacts to what has come on the screen.
func (a *agent) saw(s *Screen, seen Seen) {
	now := time.Now()
	view := s.View()
	a.watch.shown(s.Agent(), true, view)
	for _, f := range seen.Faults {
		a.ledger.fault("screen of %s: %s", s.Agent(), f)
	}
	verified := a.believe(&view, now)
	for _, c := range seen.Removed {
		a.ledger.gone(s.Agent(), c.ContactId, verified, now)
		a.forget(c.ContactId)
	}
	for _, c := range seen.Added {
		a.ledger.shown(s.Agent(), c, now)
	}
	for _, c := range seen.Changed {
		a.ledger.shown(s.Agent(), c, now)
	}
	if seen.Snapshot {
		a.start(view)
	}
	for _, c := range view.Cards {
		a.react(c)
	}
	a.count(&view)
}

// believe notes whether the screen says that it is verified, and returns since when it does, now if it does not.
func (a *agent) believe(v *View, now time.Time) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case !v.Verified:
		a.verified = time.Time{}
		return now
	case a.verified.IsZero():
		a.verified = now
	}
	return a.verified
}

// start is a new connection or a resync: what was asked for before may be lost, so it is asked for again.
func (a *agent) start(v View) {
	a.mu.Lock()
	a.done = map[string]routingv1.ContactState{}
	a.mu.Unlock()
	if v.Presence.GetStatus() != presencev1.Status_STATUS_AVAILABLE {
		a.available()
	}
}

func (a *agent) available() {
	asked := Asked{Verb: "set status", Status: presencev1.Status_STATUS_AVAILABLE}
	a.ask(&presencev1.ClientFrame{Frame: setStatus(asked.Status, "")}, asked, func(err error) {
		if err != nil && !errors.Is(err, errCut) { // cut off, a new snapshot asks again
			time.AfterFunc(time.Second, a.available)
		}
	})
}

func (a *agent) count(v *View) {
	idle := len(v.Cards) == 0 && v.Presence.GetStatus() == presencev1.Status_STATUS_AVAILABLE
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case idle && !a.isIdle:
		a.idle.Add(1)
	case !idle && a.isIdle:
		a.idle.Add(-1)
	}
	a.isIdle = idle
}

// lost notes that the connection is gone, and with it whatever was shown.
func (a *agent) lost(err error) {
	a.ledger.failed("screen connection", err)
	a.watch.shown(a.screen.Agent(), false, a.screen.View())
	a.count(&View{})
}

func (a *agent) forget(contact string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.done, contact)
}

// react decides once per state what to do with a card.
func (a *agent) react(c *routingv1.Card) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.done[c.ContactId] == c.State {
		return
	}
	before := a.done[c.ContactId]
	a.done[c.ContactId] = c.State
	switch c.State {
	case routingv1.ContactState_CONTACT_STATE_OFFERED:
		a.answerOffer(c)
	case routingv1.ContactState_CONTACT_STATE_CONNECTED:
		if before == routingv1.ContactState_CONTACT_STATE_HELD {
			return // held once is enough
		}
		switch u := a.random.Float64(); {
		case u < a.habits.Ends:
			a.later(c, a.about(a.habits.Talk/2), routingv1.ActRequest_ACTION_END)
		case u < a.habits.Ends+a.habits.Holds:
			a.later(c, a.about(a.habits.Talk/4), routingv1.ActRequest_ACTION_HOLD)
		}
	case routingv1.ContactState_CONTACT_STATE_HELD:
		a.later(c, a.about(a.habits.Talk/8), routingv1.ActRequest_ACTION_RESUME)
	case routingv1.ContactState_CONTACT_STATE_WRAP_UP:
		a.later(c, a.about(a.habits.WrapUp), routingv1.ActRequest_ACTION_COMPLETE)
	}
}

func (a *agent) answerOffer(c *routingv1.Card) {
	switch u := a.random.Float64(); {
	case u < a.habits.Declines:
		a.later(c, a.about(a.habits.Think), routingv1.ActRequest_ACTION_DECLINE)
	case u < a.habits.Declines+a.habits.Ignores:
		a.ledger.count(func(n *Counts) { n.Ignored++ })
	default:
		a.later(c, a.about(a.habits.Think), routingv1.ActRequest_ACTION_ACCEPT)
	}
}

func (a *agent) about(mean time.Duration) time.Duration {
	return mean/2 + time.Duration(a.random.Float64()*float64(mean))
}

// later does it if the card still stands as it stood.
func (a *agent) later(c *routingv1.Card, d time.Duration, action routingv1.ActRequest_Action) {
	time.AfterFunc(d, func() { a.act(c, action, clicks) })
}

// clicks is how often an agent tries before giving a button up.
const clicks = 10

func (a *agent) act(c *routingv1.Card, action routingv1.ActRequest_Action, clicks int) {
	if now, ok := a.screen.View().Cards[c.ContactId]; !ok || now.State != c.State {
		return
	}
	if action == routingv1.ActRequest_ACTION_ACCEPT {
		a.ledger.accepting(c.ContactId)
	}
	a.ask(&presencev1.ClientFrame{Frame: act(c.ContactId, action)}, Asked{Contact: c.ContactId, Verb: actionName(action)}, func(err error) {
		switch {
		case err == nil:
			a.ledger.count(func(n *Counts) { n.acted(action) })
		case clicks > 1: // whatever the reason: a person whose card stays as it is clicks again
			time.AfterFunc(time.Second, func() { a.act(c, action, clicks-1) })
		}
	})
}

// ask sends a command and counts what went wrong.
func (a *agent) ask(f *presencev1.ClientFrame, asked Asked, answered func(error)) {
	asked.Agent, asked.Called = a.screen.Agent(), time.Now()
	a.screen.Ask(f, func(err error) {
		if err != nil {
			a.ledger.failed(asked.Verb, err)
		}
		asked.Err = err
		a.watch.asked(asked)
		answered(err)
	})
}

func (n *Counts) acted(action routingv1.ActRequest_Action) {
	switch action {
	case routingv1.ActRequest_ACTION_ACCEPT:
		n.Accepted++
	case routingv1.ActRequest_ACTION_DECLINE:
		n.Declined++
	case routingv1.ActRequest_ACTION_END:
		n.Ended++
	case routingv1.ActRequest_ACTION_COMPLETE:
		n.Completed++
	}
}

func actionName(a routingv1.ActRequest_Action) string {
	switch a {
	case routingv1.ActRequest_ACTION_ACCEPT:
		return "accept"
	case routingv1.ActRequest_ACTION_DECLINE:
		return "decline"
	case routingv1.ActRequest_ACTION_HOLD:
		return "hold"
	case routingv1.ActRequest_ACTION_RESUME:
		return "resume"
	case routingv1.ActRequest_ACTION_END:
		return "end"
	case routingv1.ActRequest_ACTION_COMPLETE:
		return "complete"
	}
	return "act"
}
