package contact

import (
	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// Kind is what happened, as the log tells it.
type Kind = routingv1.ContactEvent_Kind

// Change is what a command makes of a contact.
type Change struct {
	// Before is the contact as it stood, nil if there was none; After as it stands now. Neither is changed any more.
	Before, After *routingv1.Contact
	// Revision that After has.
	Revision *commonv1.Revision
	Kind     Kind
	// Note in words, for the event.
	Note string
	// Forget: the stub has served its time. After is nil then.
	Forget bool
}

// Agent whose workload the change touches; empty if none.
func (c *Change) Agent() string {
	if c.Forget || c.Kind == routingv1.ContactEvent_KIND_NOTED {
		return ""
	}
	if agent := holder(c.After); agent != "" {
		return agent
	}
	return holder(c.Before)
}

// Frees reports whether the agent's hands are free of the contact from now on.
func (c *Change) Frees() bool { return !c.Forget && holder(c.Before) != "" && holder(c.After) == "" }

// Wish is what the switch is newly wanted to do; nil if nothing new.
func (c *Change) Wish() *routingv1.Wanted {
	if c.Forget || c.After.Wanted == nil || !same(c.After.Wanted.Revision, c.Revision) {
		return nil
	}
	return c.After.Wanted
}

// idles reports whether the agent's idle time begins anew: after a call, and after an offer that they let pass. An offer
// that came to nothing without their doing leaves them their place in the line.
func (c *Change) idles() bool {
	switch c.Kind {
	case routingv1.ContactEvent_KIND_OFFER_DECLINED, routingv1.ContactEvent_KIND_OFFER_TIMED_OUT:
		return true
	}
	return c.Frees() && c.Before.State >= connected
}

func same(a, b *commonv1.Revision) bool { return a.GetEpoch() == b.GetEpoch() && a.GetN() == b.GetN() }
