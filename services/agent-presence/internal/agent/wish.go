package agent

import (
	"slices"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
)

// The moves of the connection, for a supervisor to read:
//
//	from       what happens                          to         the status
//	NONE       a screen joins                        CONNECTED  stays: OFFLINE, the agent goes available by hand
//	CONNECTED  another screen joins, or one leaves   CONNECTED  stays
//	CONNECTED  the last screen logs out              NONE       OFFLINE "logged out"
//	CONNECTED  the last screen is lost               GRACE      stays
//	GRACE      a screen joins                        CONNECTED  stays
//	GRACE      a screen logs out                     NONE       OFFLINE "logged out"
//	GRACE      the deadline passes                   NONE       OFFLINE "lost"
//	any        the directory deactivates the agent   stays      OFFLINE "deactivated", if it was AVAILABLE
//
// So NONE and OFFLINE go together, and every other connection ends by itself: CONNECTED with the pod that holds the
// screens, GRACE with its deadline.

// Wish is what somebody wants of a presence, or what happened to it.
type Wish interface {
	decide(*decision) (presencev1.PresenceEvent_Kind, error)
}

const unchanged = presencev1.PresenceEvent_KIND_UNSPECIFIED

// SetStatus changes the status. A request that was applied before changes nothing.
type SetStatus struct {
	Status  presencev1.Status
	Reason  string
	Request string
}

// needs says which connections a status can be taken in. OFFLINE needs none.
var needs = map[presencev1.Status][]presencev1.Connection{
	presencev1.Status_STATUS_AVAILABLE: {presencev1.Connection_CONNECTION_CONNECTED},
	presencev1.Status_STATUS_BUSY:      {presencev1.Connection_CONNECTION_CONNECTED, presencev1.Connection_CONNECTION_GRACE},
	presencev1.Status_STATUS_BREAK:     {presencev1.Connection_CONNECTION_CONNECTED, presencev1.Connection_CONNECTION_GRACE},
}

func (w SetStatus) decide(d *decision) (presencev1.PresenceEvent_Kind, error) {
	if d.known.Listed == nil {
		return unchanged, unknown(d.known)
	}
	if w.Request != "" && slices.Contains(d.p.RequestIds, w.Request) {
		return unchanged, nil
	}
	if w.Status == presencev1.Status_STATUS_AVAILABLE && d.known.Listed.Deactivated {
		return unchanged, deactivated(d.known)
	}
	if w.Status == presencev1.Status_STATUS_BREAK && w.Reason == "" {
		return unchanged, refusal.New(refusal.Invalid, "REASON_REQUIRED", "a break needs a reason").To("say why, for instance \"lunch\"")
	}
	connections, listed := needs[w.Status]
	if !listed && w.Status != presencev1.Status_STATUS_OFFLINE {
		return unchanged, refusal.New(refusal.Invalid, "STATUS_UNKNOWN", "there is no status %d", w.Status)
	}
	if w.Status == d.p.Status && w.Reason == d.p.Reason {
		return d.note(w.Request), nil
	}
	if listed && !slices.Contains(connections, d.p.Connection) {
		return unchanged, refusal.New(refusal.Impossible, "NO_SCREEN", "agent %s has no screen connected", d.known.ID).
			To("log in at a desktop first")
	}
	d.status(w.Status, w.Reason)
	d.remember(w.Request)
	return presencev1.PresenceEvent_KIND_STATUS_CHANGED, nil
}

// note remembers a request that changes nothing: if it came again behind a later one, it must not be carried out then.
func (d *decision) note(request string) presencev1.PresenceEvent_Kind {
	if request == "" {
		return unchanged
	}
	d.remember(request)
	return presencev1.PresenceEvent_KIND_NOTED
}

// maxRequests is how many requests a record remembers.
const maxRequests = 8

func (d *decision) remember(request string) {
	if request == "" {
		return
	}
	ids := append(slices.Clone(d.p.RequestIds), request)
	d.p.RequestIds = ids[max(0, len(ids)-maxRequests):]
}

// Join brings a screen in. A screen that is in already moves to the pod that holds it now.
type Join struct{ Screen, Pod string }

func (w Join) decide(d *decision) (presencev1.PresenceEvent_Kind, error) {
	if d.known.Listed == nil {
		return unchanged, unknown(d.known)
	}
	at := slices.IndexFunc(d.p.Screens, func(s *presencev1.Screen) bool { return s.Id == w.Screen })
	switch {
	case at >= 0 && d.p.Screens[at].Pod == w.Pod:
		return unchanged, nil
	case at >= 0:
		d.p.Screens = slices.Delete(d.p.Screens, at, at+1)
	case len(d.p.Screens) >= MaxScreens:
		return unchanged, refusal.New(refusal.Full, "TOO_MANY_SCREENS", "agent %s has %d screens, the most there can be", d.known.ID, MaxScreens).
			To("log out at another screen")
	}
	d.p.Screens = append(d.p.Screens, &presencev1.Screen{Id: w.Screen, Pod: w.Pod, Since: d.now})
	d.p.QueueIds = slices.Clone(d.known.Listed.QueueIds)
	if d.p.Connection != presencev1.Connection_CONNECTION_CONNECTED {
		d.connection(presencev1.Connection_CONNECTION_CONNECTED)
	}
	if d.p.Since == nil {
		d.p.Since = d.now
	}
	d.standDown()
	return presencev1.PresenceEvent_KIND_SCREEN_JOINED, nil
}

// LogOut takes a screen out because the agent said so. The last one ends the session.
type LogOut struct{ Screen, Pod string }

func (w LogOut) decide(d *decision) (presencev1.PresenceEvent_Kind, error) {
	gone := d.leave(func(s *presencev1.Screen) bool { return s.Id == w.Screen && s.Pod == w.Pod })
	inGrace := d.p.Connection == presencev1.Connection_CONNECTION_GRACE
	if !gone && !inGrace {
		return unchanged, nil
	}
	if len(d.p.Screens) == 0 {
		d.offline(LoggedOut)
	}
	return presencev1.PresenceEvent_KIND_SCREEN_LEFT, nil
}

// Lose takes a screen out because its socket broke.
type Lose struct{ Screen, Pod string }

func (w Lose) decide(d *decision) (presencev1.PresenceEvent_Kind, error) {
	return d.lose(func(s *presencev1.Screen) bool { return s.Id == w.Screen && s.Pod == w.Pod })
}

// LosePod takes all screens of a pod out, for the pod is dead.
type LosePod struct{ Pod string }

func (w LosePod) decide(d *decision) (presencev1.PresenceEvent_Kind, error) {
	return d.lose(func(s *presencev1.Screen) bool { return s.Pod == w.Pod })
}

// StandDown ends the availability of an agent whom the directory has deactivated. The screens stay, and so does what the
// agent has in hand.
type StandDown struct{}

func (StandDown) decide(d *decision) (presencev1.PresenceEvent_Kind, error) {
	if !d.standDown() {
		return unchanged, nil
	}
	return presencev1.PresenceEvent_KIND_STATUS_CHANGED, nil
}

func (d *decision) standDown() bool {
	if !d.known.Listed.GetDeactivated() || d.p.Status != presencev1.Status_STATUS_AVAILABLE {
		return false
	}
	d.status(presencev1.Status_STATUS_OFFLINE, Deactivated)
	return true
}

// Expire ends a grace whose deadline has passed.
type Expire struct{}

func (Expire) decide(d *decision) (presencev1.PresenceEvent_Kind, error) {
	inGrace := d.p.Connection == presencev1.Connection_CONNECTION_GRACE
	if !inGrace || d.now.AsTime().Before(d.p.Deadline.AsTime()) {
		return unchanged, nil
	}
	d.offline(Lost)
	return presencev1.PresenceEvent_KIND_LOST, nil
}

func (d *decision) lose(which func(*presencev1.Screen) bool) (presencev1.PresenceEvent_Kind, error) {
	if !d.leave(which) {
		return unchanged, nil
	}
	if len(d.p.Screens) > 0 {
		return presencev1.PresenceEvent_KIND_SCREEN_LEFT, nil
	}
	d.connection(presencev1.Connection_CONNECTION_GRACE)
	return presencev1.PresenceEvent_KIND_GRACE_BEGAN, nil
}

func (d *decision) leave(which func(*presencev1.Screen) bool) bool {
	before := len(d.p.Screens)
	d.p.Screens = slices.DeleteFunc(d.p.Screens, which)
	return len(d.p.Screens) < before
}

func unknown(k Known) *refusal.Refusal {
	return refusal.New(refusal.NotFound, "AGENT_UNKNOWN", "there is no agent %s in the directory", k.ID).
		To("create the agent in the directory first")
}

func deactivated(k Known) *refusal.Refusal {
	return refusal.New(refusal.Impossible, "AGENT_DEACTIVATED", "agent %s is deactivated in the directory and takes no contacts", k.ID).
		To("have the agent activated in the directory first; what is in hand can be finished")
}
