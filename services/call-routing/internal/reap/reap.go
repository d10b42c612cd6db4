// Package reap compares the live contacts of a switch with what the switch says it carries. It is pure, so what it would
// close can be read as a table of cases before it closes anything.
//
//	live contacts + inventory + missing last time  ─▶  lost, missing, astray, unknown, or an alarm
//
// A wrong answer here ends living calls, so it doubts: a contact is lost only if two inventories lack it that were asked for
// some seconds apart, of a switch that is known to have kept its calls, and only while few are missing at once.
package reap

import (
	"fmt"
	"time"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

const (
	// Up to so many contacts may be missing at once, or a tenth of them; with more it is the switch that is in doubt.
	few   = 5
	tenth = 10
	// A contact that has stood where it stands for so long is not about to be told to the switch, or by it.
	settled = 2 * time.Second
)

// Boot is who answers: one start of a switch, and its stream.
type Boot struct {
	ID, Stream string
	// ResumeFrom is the position that its stream began at here; above 1 it went on with what somebody acknowledged.
	ResumeFrom uint64
	// Trusted: this connection was trusted before, in an epoch that is gone.
	Trusted bool
}

// Contact is a live contact as it is recorded.
type Contact struct {
	*routingv1.Contact
	Revision *commonv1.Revision
}

// Case is what there is to judge.
type Case struct {
	// AskedAt is when the inventory was asked for, by the clock of Redis. The list was made later: what the switch had said
	// before then, it knew.
	AskedAt time.Time
	// Apart is how long must lie between two inventories that a contact is missing in.
	Apart time.Duration
	Boot  Boot
	// Known of the switch since its last inventory; nil if this is the first of the epoch.
	Known    *routingv1.Switch
	Contacts []Contact
	Carried  []*routingv1.CarriedCall
	// Missed is when the inventory was asked for that a contact was missing in first.
	Missed map[string]time.Time
}

// Verdict says what follows from it.
type Verdict struct {
	// Lost are the contacts to close.
	Lost []Contact
	// Missed is to be kept for the next time, those in Lost included: they leave it when they are no longer live.
	Missed map[string]time.Time
	// Unknown are calls that no live contact stands for.
	Unknown []*routingv1.CarriedCall
	// Astray are calls that ring or connect an agent who does not hold their contact.
	Astray []*routingv1.CarriedCall
	// Judged is how many contacts could be compared.
	Judged int
	// Trusted boots are believed when they lack a contact.
	Trusted bool
	// Alarm says why nothing is closed; empty if there is no reason.
	Alarm string
}

// Judge judges one inventory.
func Judge(c Case) Verdict {
	v := Verdict{Missed: map[string]time.Time{}, Trusted: c.trusted()}
	carried := make(map[string]*routingv1.CarriedCall, len(c.Carried))
	for _, call := range c.Carried {
		carried[call.CallId] = call
	}
	var missing []Contact
	for _, one := range c.Contacts {
		call, here := carried[one.CallId]
		delete(carried, one.CallId)
		switch {
		case here && c.astray(one, call):
			v.Astray = append(v.Astray, call)
		case !here && c.knew(one):
			missing = append(missing, one)
			v.Missed[one.Id] = c.firstMissed(one)
		}
		if c.knew(one) {
			v.Judged++
		}
	}
	for _, call := range c.Carried {
		if carried[call.CallId] != nil {
			v.Unknown = append(v.Unknown, call)
		}
	}
	v.conclude(c, missing)
	return v
}

func (v *Verdict) conclude(c Case, missing []Contact) {
	switch {
	case len(missing) == 0:
		v.Trusted = true // whoever has all calls has lost none
	case !v.Trusted:
		v.Alarm = fmt.Sprintf("it has started anew (boot %s) without resuming its stream, and lacks %d of %d calls", c.Boot.Name(), len(missing), v.Judged)
	case len(missing) > few && len(missing)*tenth > v.Judged:
		v.Alarm = fmt.Sprintf("it lacks %d of %d calls at once", len(missing), v.Judged)
	default:
		for _, one := range missing {
			if !c.AskedAt.Before(v.Missed[one.Id].Add(c.Apart)) {
				v.Lost = append(v.Lost, one)
			}
		}
	}
}

// trusted reports whether it is known of this boot that it kept the calls of the one before.
func (c Case) trusted() bool {
	switch {
	case c.Known == nil:
		return c.Boot.Trusted || c.Boot.ResumeFrom > 1
	case c.Known.BootId == c.Boot.Name():
		return c.Known.Trusted
	}
	return c.Known.StreamId == c.Boot.Stream && c.Boot.ResumeFrom > 1
}

// Name is the boot's; of a switch that does not tell one, its stream's.
func (b Boot) Name() string {
	if b.ID == "" {
		return b.Stream
	}
	return b.ID
}

// knew reports whether the switch knew the contact's call when it was asked. In wrap-up the call is over.
func (c Case) knew(one Contact) bool {
	return one.State < routingv1.ContactState_CONTACT_STATE_WRAP_UP && heard(one).Before(c.AskedAt)
}

func heard(one Contact) time.Time {
	if one.HeardAt == nil { // recorded before there was such a field
		return one.Since.AsTime()
	}
	return one.HeardAt.AsTime()
}

func (c Case) firstMissed(one Contact) time.Time {
	if first, known := c.Missed[one.Id]; known && first.Before(c.AskedAt) {
		return first
	}
	return c.AskedAt
}

// astray reports whether the call is with an agent who does not hold its contact, though nothing is under way that would
// explain it.
func (c Case) astray(one Contact, call *routingv1.CarriedCall) bool {
	agent := call.AgentId
	moving := !c.knew(one) || !one.Since.AsTime().Add(settled).Before(c.AskedAt)
	undoing := one.Wanted.GetKind() == routingv1.Wanted_KIND_UNRING && one.Wanted.AgentId == agent
	if agent == "" || moving || undoing {
		return false
	}
	switch call.State {
	case routingv1.CarriedCall_STATE_RINGING, routingv1.CarriedCall_STATE_CONNECTED:
		return one.Reservation.GetAgentId() != agent
	}
	return false
}
