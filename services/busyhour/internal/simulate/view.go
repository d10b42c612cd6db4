package simulate

import (
	"fmt"
	"maps"
	"slices"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// View is what a screen shows: the snapshot, and the deltas since. It is kept by the rules of the contract: newer wins,
// a gap asks for a snapshot.
type View struct {
	ScreenID  string
	AgentName string
	Verified  bool
	Presence  *presencev1.Presence
	Cards     map[string]*routingv1.Card

	// As numbers; zero before the first snapshot.
	Workload, PresenceAt uint64
	// The highest workload revision that came in a delta.
	delta uint64
}

// Seen is what one frame changed.
type Seen struct {
	// Snapshot: the frame was one. Cards that were shown before are not in Added.
	Snapshot bool
	Added    []*routingv1.Card
	Changed  []*routingv1.Card
	Removed  []*routingv1.Card
	Presence bool
	// Gap: something is missing, ask for a snapshot.
	Gap bool
	// Faults are breaches of the contract by the server.
	Faults []string
}

// Card returns the only card, or nil.
func (v *View) Card() *routingv1.Card {
	for _, c := range v.Cards {
		return c
	}
	return nil
}

func (v *View) clone() View {
	c := *v
	c.Cards = maps.Clone(v.Cards)
	return c
}

// apply takes one frame.
func (v *View) apply(f *presencev1.ServerFrame) (seen Seen) {
	switch f := f.Frame.(type) {
	case *presencev1.ServerFrame_Snapshot:
		v.snapshot(f.Snapshot, &seen)
	case *presencev1.ServerFrame_WorkloadChanged:
		v.workload(f.WorkloadChanged, &seen)
	case *presencev1.ServerFrame_PresenceChanged:
		v.presence(f.PresenceChanged, &seen)
	case *presencev1.ServerFrame_Heartbeat:
		v.Verified = f.Heartbeat.Verified
		seen.Gap = number(f.Heartbeat.WorkloadRevision) > v.Workload || number(f.Heartbeat.PresenceRevision) > v.PresenceAt
	case *presencev1.ServerFrame_Verification:
		v.Verified = f.Verification.Verified
	}
	return seen
}

func (v *View) snapshot(s *presencev1.Snapshot, seen *Seen) {
	seen.Snapshot = true
	v.ScreenID, v.AgentName, v.Verified = s.ScreenId, s.AgentName, s.Verified
	if r := number(s.PresenceRevision); r >= v.PresenceAt {
		v.PresenceAt, v.Presence, seen.Presence = r, s.Presence, true
	}
	r := number(s.WorkloadRevision)
	if r < v.Workload {
		return // a delta was faster
	}
	shown := map[string]bool{}
	for _, c := range s.Workload.GetCards() {
		shown[c.ContactId] = true
		v.show(c, r>>32 > v.Workload>>32, seen)
	}
	for _, id := range slices.Collect(maps.Keys(v.Cards)) {
		if !shown[id] {
			v.drop(id, seen)
		}
	}
	v.Workload = r
	v.count(seen)
}

func (v *View) workload(w *presencev1.WorkloadChanged, seen *Seen) {
	r, previous := number(w.Revision), number(w.Previous)
	if r <= v.delta {
		seen.Faults = append(seen.Faults, fmt.Sprintf("workload delta %s after one of %s", text(r), text(v.delta)))
	}
	v.delta = max(v.delta, r)
	if r <= v.Workload {
		return
	}
	if previous != v.Workload {
		seen.Gap = true
		return
	}
	for _, id := range w.Removed {
		v.drop(id, seen)
	}
	for _, c := range w.Changed {
		v.show(c, false, seen)
	}
	v.Workload = r
	v.count(seen)
}

func (v *View) presence(p *presencev1.PresenceChanged, seen *Seen) {
	r := number(p.Revision)
	if r <= v.PresenceAt {
		return
	}
	// The record is whole, so a gap in presence costs nothing.
	v.PresenceAt, v.Presence, seen.Presence = r, p.Presence, true
}

// show takes a card. In a workload of a later epoch it may be older than the one that was shown: what was not acknowledged
// may be forgotten.
func (v *View) show(c *routingv1.Card, anew bool, seen *Seen) {
	if v.Cards == nil {
		v.Cards = map[string]*routingv1.Card{}
	}
	old, known := v.Cards[c.ContactId]
	switch {
	case !known:
		seen.Added = append(seen.Added, c)
	case number(c.Revision) < number(old.Revision) && !anew:
		seen.Faults = append(seen.Faults, fmt.Sprintf("card %s went back from revision %s to %s", c.ContactId, text(number(old.Revision)), text(number(c.Revision))))
	case number(c.Revision) == number(old.Revision):
		return
	default:
		seen.Changed = append(seen.Changed, c)
	}
	v.Cards[c.ContactId] = c
}

func (v *View) drop(id string, seen *Seen) {
	if c, ok := v.Cards[id]; ok {
		seen.Removed = append(seen.Removed, c)
		delete(v.Cards, id)
	}
}

// count says when an agent holds more than one call.
func (v *View) count(seen *Seen) {
	voice := 0
	for _, c := range v.Cards {
		if c.Channel == commonv1.Channel_CHANNEL_VOICE {
			voice++
		}
	}
	if voice > 1 {
		seen.Faults = append(seen.Faults, fmt.Sprintf("%d voice cards at once, at workload revision %s", voice, text(v.Workload)))
	}
}

func text(revision uint64) string { return fmt.Sprintf("%d.%d", revision>>32, uint32(revision)) }
