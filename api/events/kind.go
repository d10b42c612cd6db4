package events

import (
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

var contacts = [...]string{
	routingv1.ContactEvent_KIND_QUEUED:          ContactQueued,
	routingv1.ContactEvent_KIND_OFFERED:         ContactOffered,
	routingv1.ContactEvent_KIND_OFFER_DECLINED:  ContactOfferDeclined,
	routingv1.ContactEvent_KIND_OFFER_TIMED_OUT: ContactOfferTimedOut,
	routingv1.ContactEvent_KIND_OFFER_WITHDRAWN: ContactOfferWithdrawn,
	routingv1.ContactEvent_KIND_OFFER_ACCEPTED:  ContactOfferAccepted,
	routingv1.ContactEvent_KIND_CONNECTED:       ContactConnected,
	routingv1.ContactEvent_KIND_HELD:            ContactHeld,
	routingv1.ContactEvent_KIND_RESUMED:         ContactResumed,
	routingv1.ContactEvent_KIND_ENDED:           ContactEnded,
	routingv1.ContactEvent_KIND_COMPLETED:       ContactCompleted,
	routingv1.ContactEvent_KIND_ABANDONED:       ContactAbandoned,
	routingv1.ContactEvent_KIND_OVERFLOWED:      ContactOverflowed,
	routingv1.ContactEvent_KIND_FAILED:          ContactFailed,
	routingv1.ContactEvent_KIND_LOST:            ContactLost,
	routingv1.ContactEvent_KIND_NOTED:           ContactNoted,
	routingv1.ContactEvent_KIND_HEALED:          ContactHealed,
}

var presences = [...]string{
	presencev1.PresenceEvent_KIND_STATUS_CHANGED: AgentStatusChanged,
	presencev1.PresenceEvent_KIND_SCREEN_JOINED:  AgentScreenJoined,
	presencev1.PresenceEvent_KIND_SCREEN_LEFT:    AgentScreenLeft,
	presencev1.PresenceEvent_KIND_GRACE_BEGAN:    AgentGraceBegan,
	presencev1.PresenceEvent_KIND_LOST:           AgentLost,
	presencev1.PresenceEvent_KIND_NOTED:          AgentNoted,
	presencev1.PresenceEvent_KIND_HEALED:         AgentHealed,
}

// Contact is the type of a contact's event.
func Contact(k routingv1.ContactEvent_Kind) string { return contacts[k] }

// Agent is the type of a presence's event.
func Agent(k presencev1.PresenceEvent_Kind) string { return presences[k] }
