package contact

import (
	"slices"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

const (
	maxLegs      = 16
	maxSignalIDs = 32
	legWindow    = 64
)

// hearing is what a contact makes of a signal's number or id.
type hearing int

const (
	fresh hearing = iota
	// repeated: it is applied already, or so old that nobody can tell.
	repeated
	// late: it is new, but a later one of its leg is applied.
	late
	// tooMany legs: there is no room to remember it by.
	tooMany
)

func hear(c *routingv1.Contact, s *routingv1.Signal) hearing {
	if s.Number == 0 {
		if slices.Contains(c.SignalIds, s.Id) {
			return repeated
		}
		return fresh
	}
	leg := legOf(c, s.LegId)
	switch {
	case leg == nil && len(c.Legs) >= maxLegs:
		return tooMany
	case leg == nil || s.Number > leg.Last:
		return fresh
	case leg.Last-s.Number >= legWindow || leg.Window&(1<<(leg.Last-s.Number)) != 0:
		return repeated
	}
	return late
}

// remember writes the signal into the record, and so into the event.
func remember(c *routingv1.Contact, s *routingv1.Signal) {
	if s.Number == 0 {
		c.SignalIds = lastOf(append(c.SignalIds, s.Id), maxSignalIDs)
		return
	}
	leg := legOf(c, s.LegId)
	if leg == nil {
		leg = &routingv1.Leg{Id: s.LegId}
		c.Legs = append(c.Legs, leg)
	}
	if s.Number > leg.Last {
		leg.Window <<= s.Number - leg.Last // a shift by 64 or more leaves nothing
		leg.Last = s.Number
	}
	leg.Window |= 1 << (leg.Last - s.Number)
}

func legOf(c *routingv1.Contact, id string) *routingv1.Leg {
	for _, l := range c.Legs {
		if l.Id == id {
			return l
		}
	}
	return nil
}

func lastOf[T any](list []T, n int) []T {
	return list[max(0, len(list)-n):]
}
