package contact

import routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"

// Unmet reports whether the switch has yet to show that it did what is wanted. While it has not, and has not taken the
// wish either, it is told again.
func Unmet(c *routingv1.Contact) bool {
	switch c.GetWanted().GetKind() {
	case routingv1.Wanted_KIND_RING:
		return c.State == offered
	case routingv1.Wanted_KIND_UNRING:
		return c.State == queued
	case routingv1.Wanted_KIND_CONNECT:
		return c.State == connecting
	case routingv1.Wanted_KIND_HOLD:
		return c.State == connected
	case routingv1.Wanted_KIND_RESUME:
		return c.State == held
	case routingv1.Wanted_KIND_RELEASE:
		return true
	}
	return false
}
