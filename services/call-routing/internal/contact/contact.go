// Package contact decides what becomes of a contact. A command comes in, the record as it stands is known, and out comes
// a change or a refusal. It reads no clock, opens nothing and starts nothing, so the live path, the recovery and the
// tests share it.
//
//	queued ─▶ offered ─▶ connecting ─▶ connected ⇄ held ─▶ wrap-up ─▶ completed
//	   ▲         │            │
//	   └─────────┴────────────┘  declined, timed out, withdrawn
//
// and the other ends: abandoned, overflowed, failed, lost. The table of moves is in moves.go.
package contact

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// State is where a contact stands.
type State = routingv1.ContactState

const (
	absent     = routingv1.ContactState_CONTACT_STATE_UNSPECIFIED
	queued     = routingv1.ContactState_CONTACT_STATE_QUEUED
	offered    = routingv1.ContactState_CONTACT_STATE_OFFERED
	connecting = routingv1.ContactState_CONTACT_STATE_CONNECTING
	connected  = routingv1.ContactState_CONTACT_STATE_CONNECTED
	held       = routingv1.ContactState_CONTACT_STATE_HELD
	wrapUp     = routingv1.ContactState_CONTACT_STATE_WRAP_UP
	completed  = routingv1.ContactState_CONTACT_STATE_COMPLETED
	abandoned  = routingv1.ContactState_CONTACT_STATE_ABANDONED
	overflowed = routingv1.ContactState_CONTACT_STATE_OVERFLOWED
	failed     = routingv1.ContactState_CONTACT_STATE_FAILED
	lost       = routingv1.ContactState_CONTACT_STATE_LOST
)

// How long a contact may stand where its queue does not say.
const (
	connectTimeout = 10 * time.Second
	callTimeout    = 12 * time.Hour
	// StubFor is how long an ended contact is remembered, so that a late resend of its signals finds it.
	StubFor = time.Hour
)

var idEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// ID follows from the call, so that two paths and two pods mean the same contact without asking.
func ID(tenant, switchID, callID string) string {
	sum := sha256.Sum256([]byte(tenant + "\x00" + switchID + "\x00" + callID))
	return "c-" + strings.ToLower(idEncoding.EncodeToString(sum[:]))[:26]
}

// Name is the contact's record name.
func Name(id string) string { return "contact:" + id }

// Final reports whether no command moves a contact on from this state.
func Final(s State) bool { return s >= completed }

// InHand reports whether a contact in this state holds an agent.
func InHand(s State) bool { return s >= offered && s <= wrapUp }

// Stub is what is kept of an ended contact: enough to know its signals again, and what its agent did.
func Stub(c *routingv1.Contact) *routingv1.Contact {
	s := &routingv1.Contact{
		Id: c.Id, Tenant: c.Tenant, SwitchId: c.SwitchId, CallId: c.CallId, QueueId: c.QueueId, State: c.State,
		Since: c.Since, CreatedAt: c.CreatedAt, EndedAt: c.EndedAt, EndedBy: c.EndedBy, Wanted: c.Wanted, Legs: c.Legs, SignalIds: c.SignalIds,
	}
	if c.Decision != nil {
		s.Decision = &routingv1.Decision{Chosen: c.Decision.Chosen, Why: c.Decision.Why}
	}
	return s
}

// Due is when the record must be looked at again: the state's deadline, or the end of a stub.
func Due(c *routingv1.Contact) time.Time {
	if Final(c.State) {
		return c.Since.AsTime().Add(StubFor)
	}
	return c.Deadline.AsTime()
}

func holder(c *routingv1.Contact) string { return c.GetReservation().GetAgentId() }

func stamp(t time.Time) *timestamppb.Timestamp { return timestamppb.New(t) }
