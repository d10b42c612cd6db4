// Package agent decides what becomes of an agent's presence. It reads no clock, opens nothing and starts nothing: what
// is known, a wish and the time go in; the changed record or a refusal comes out.
//
// Presence has two axes. The status is chosen: by the agent, by a supervisor, by another system. The connection is what
// the system itself sees of the agent's screens. Only who is available and connected can be given contacts.
package agent

import (
	"slices"
	"time"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Reasons that the system itself gives for a status.
const (
	LoggedOut   = "logged out"
	Lost        = "lost"
	Deactivated = "deactivated"
)

// MaxScreens is how many screens one agent can have.
const MaxScreens = 16

// Rules are what an operator can set.
type Rules struct {
	// Grace is how long an agent without a screen keeps the status.
	Grace time.Duration
}

// Known is what a decision rests on.
type Known struct {
	Tenant, ID string
	// Presence is nil for an agent who was never here.
	Presence *presencev1.Presence
	// Listed is the agent in the directory; nil if it has none.
	Listed *provisioningv1.Agent
}

// Present is the presence that is known, or that of somebody who was never here.
func (k Known) Present() *presencev1.Presence {
	if k.Presence != nil {
		return k.Presence
	}
	return &presencev1.Presence{
		AgentId: k.ID, Tenant: k.Tenant,
		Status: presencev1.Status_STATUS_OFFLINE, Connection: presencev1.Connection_CONNECTION_NONE,
	}
}

// Change is one event in an agent's life.
type Change struct {
	Kind          presencev1.PresenceEvent_Kind
	Before, After *presencev1.Presence
}

// Assignable reports whether the agent can be given contacts: AVAILABLE, and with a screen that has answered.
func Assignable(p *presencev1.Presence) bool {
	return p.GetStatus() == presencev1.Status_STATUS_AVAILABLE && p.GetConnection() == presencev1.Connection_CONNECTION_CONNECTED
}

// Online reports whether the agent has a screen, or had one a moment ago.
func Online(p *presencev1.Presence) bool {
	return p.GetConnection() == presencev1.Connection_CONNECTION_CONNECTED || p.GetConnection() == presencev1.Connection_CONNECTION_GRACE
}

// Pods that hold a screen of the agent, each once.
func Pods(p *presencev1.Presence) []string {
	var pods []string
	for _, s := range p.GetScreens() {
		if !slices.Contains(pods, s.GetPod()) {
			pods = append(pods, s.GetPod())
		}
	}
	return pods
}

// Decide says what becomes of the agent. No change and no error: the wish is fulfilled already. The error is a
// *refusal.Refusal. What is known is never changed.
func Decide(known Known, wish Wish, now time.Time, rules Rules) (*Change, error) {
	before := known.Present()
	if at := before.GetAt(); at != nil && now.Before(at.AsTime()) {
		now = at.AsTime() // a record's time never goes back
	}
	d := decision{known: known, rules: rules, now: timestamppb.New(now), p: proto.CloneOf(before)}
	kind, err := wish.decide(&d)
	if err != nil || kind == presencev1.PresenceEvent_KIND_UNSPECIFIED {
		return nil, err
	}
	d.p.At = d.now
	return &Change{Kind: kind, Before: before, After: d.p}, nil
}

// decision is one run of Decide; p is the record as it comes to be.
type decision struct {
	known Known
	rules Rules
	now   *timestamppb.Timestamp
	p     *presencev1.Presence
}

func (d *decision) status(s presencev1.Status, reason string) {
	d.p.Status, d.p.Reason, d.p.Since = s, reason, d.now
}

func (d *decision) connection(c presencev1.Connection) {
	d.p.Connection, d.p.ConnectionSince, d.p.Deadline = c, d.now, nil
	if c == presencev1.Connection_CONNECTION_GRACE {
		d.p.Deadline = timestamppb.New(d.now.AsTime().Add(d.rules.Grace))
	}
}

// offline ends the session. A status that is OFFLINE already keeps its reason and its time.
func (d *decision) offline(reason string) {
	d.p.Screens = nil
	d.connection(presencev1.Connection_CONNECTION_NONE)
	if d.p.Status != presencev1.Status_STATUS_OFFLINE {
		d.status(presencev1.Status_STATUS_OFFLINE, reason)
	}
}
