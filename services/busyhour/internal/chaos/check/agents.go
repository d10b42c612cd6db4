package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
)

// An agent is a lock with as many places as they have capacity, channel by channel and epoch by epoch: reserved by offers,
// released by what ends them. An epoch begins with what the log had brought back to the agent, be it over capacity: that
// is resolved by releases, and until then nothing may be reserved. A release that died with its epoch is unknown: it may
// have happened at any moment after its reservation, or not at all.

// agentsLinearizable judges agent by agent.
func agentsLinearizable(b *book, r *Result) {
	j := judging(r)
	all := b.holdings()
	for _, agent := range sortedIDs(all) {
		for _, s := range shifts(all[agent]) {
			room, known := b.room(agent.tenant, agent.name, s.channel)
			if !known {
				j.Open++
				continue
			}
			s.room, s.lastReign = room, !b.ended(agent.tenant, s.epoch)
			start, actions := s.play(all[agent])
			j.one(agent.tenant, "agent:"+agent.name, start, actions)
		}
	}
}

// shift is an agent on one channel in one epoch.
type shift struct {
	channel   string
	epoch     uint32
	room      int
	lastReign bool // no later epoch has begun
}

func shifts(holdings []*holding) (list []shift) {
	for _, h := range holdings {
		if s := (shift{channel: h.channel, epoch: h.reserved.Revision.Epoch}); !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// held is the state: which contacts, sorted, and the workload revision of the latest reservation.
type held struct {
	contacts string
	workload history.Revision
}

func (s held) with(contact string, w history.Revision) held {
	list := append(s.list(), contact)
	slices.Sort(list)
	return held{strings.Join(list, " "), w}
}

func (s held) without(contact string) held {
	return held{strings.Join(slices.DeleteFunc(s.list(), func(c string) bool { return c == contact }), " "), s.workload}
}

func (s held) list() []string { return strings.Fields(s.contacts) }

// play gives what the agent held when the epoch began, and what happened in it.
func (s *shift) play(holdings []*holding) (start held, actions []*action) {
	for _, h := range holdings {
		if h.channel != s.channel || h.reserved.Revision.Epoch > s.epoch || h.releasedBefore(s.epoch) {
			continue
		}
		if h.reserved.Revision.Epoch < s.epoch {
			start = start.with(h.contact.name, start.workload)
		} else {
			actions = append(actions, s.reserve(h))
		}
		if a := s.release(h); a != nil {
			actions = append(actions, a)
		}
	}
	return start, actions
}

func (h *holding) releasedBefore(epoch uint32) bool {
	return h.released != nil && h.released.Revision.Epoch < epoch
}

func (s *shift) reserve(h *holding) *action {
	return &action{h.reserved.Time, by(h.reserved, h.next), "the reservation by " + h.String(), func(state any) (any, bool) {
		now := state.(held)
		free := len(now.list()) < s.room || h.fact
		return now.with(h.contact.name, h.workload), free && h.workload.Epoch == s.epoch && h.workload.Newer(now.workload)
	}}
}

func (s *shift) release(h *holding) *action {
	let := func(state any) (any, bool) { return state.(held).without(h.contact.name), true }
	switch {
	case h.released != nil && h.released.Revision.Epoch == s.epoch:
		return &action{h.released.Time, by(h.released, h.afterRelease), fmt.Sprintf("the release from %s (%s at %s)", h.contact.name, h.released.Revision, h.released.at()),
			func(state any) (any, bool) {
				_, held := slices.BinarySearch(state.(held).list(), h.contact.name)
				next, _ := let(state)
				return next, held
			}}
	case s.lastReign:
		return nil
	}
	from := max(0, h.reserved.Time)
	if h.reserved.Revision.Epoch < s.epoch {
		from = 0
	}
	return &action{from, forever, "a release from " + h.contact.name + " that is lost", let}
}
