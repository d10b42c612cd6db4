package check

import (
	"slices"
	"strings"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
)

func capacity(b *book, r *Result) {
	b.onScreens(r)
	b.inTheLog(r)
	for _, s := range b.Stored {
		if agent, ok := agentOf(&s); ok {
			r.Judged++
			b.count(r, s.Tenant, agent, b.decided(s.Tenant, agent, s.Cards), "in Redis at the end, at workload "+s.Revision.String())
		}
	}
}

func (b *book) onScreens(r *Result) {
	type shown struct {
		tenant, agent string
		workload      history.Revision
	}
	known := map[shown]bool{} // several screens, several frames, one workload
	for _, v := range b.Views {
		r.Judged++
		k := shown{v.It.Tenant, v.It.Agent, v.It.Workload}
		if !known[k] {
			cards := b.decided(k.tenant, k.agent, v.It.Cards)
			if b.together.Cover(v.At) {
				cards = b.madeIn(k.workload.Epoch, k.tenant, k.agent, cards)
			}
			known[k] = b.count(r, k.tenant, k.agent, cards, "on screen "+v.It.Screen+" at "+v.At.String()+", at workload "+k.workload.String())
		}
	}
}

// count compares the cards that an agent has at one moment with what they can hold, and reports whether it found
// anything. Somebody of whom that is not known can hold one offer.
func (b *book) count(r *Result, tenant, agent string, cards []history.Card, where string) (found bool) {
	all, offers := map[string]int{}, map[string]int{}
	for _, c := range cards {
		if inHand(c.State) {
			all[c.Channel]++
		}
		if c.State == "offered" {
			offers[c.Channel]++
		}
	}
	for _, channel := range sortedKeys(all) {
		room, known := b.room(tenant, agent, channel)
		switch {
		case known && all[channel] > room:
			r.find(tenant, "agent:"+agent, "holds %d %s contacts of %d %s: %s", all[channel], channel, room, where, list(cards))
			found = true
		case !known && offers[channel] > 1:
			r.find(tenant, "agent:"+agent, "has %d %s offers %s: %s", offers[channel], channel, where, list(cards))
			found = true
		}
	}
	return found
}

// decided are the cards that are not there because the switch connected the two. When Redis was lost while Kafka was away,
// switches tell again what they connected meanwhile, one call after the other at one agent; told at once, all of them
// stand there until their ends are told too. Whether we decided anything on top of them is for the log to show.
func (b *book) decided(tenant, agent string, cards []history.Card) []history.Card {
	return slices.DeleteFunc(slices.Clone(cards), func(c history.Card) bool {
		return slices.ContainsFunc(b.holdsOf(tenant, agent, c.Contact), func(h *holding) bool { return h.fact })
	})
}

// madeIn are the cards that were not there before that epoch. When Redis was lost while Kafka was away, an agent can be
// given back what they had let go of, beside what they took then: the one's release was lost, the other's reservation
// was not. Nobody decided that they hold both, and again the log shows what was decided on top of it.
func (b *book) madeIn(epoch uint32, tenant, agent string, cards []history.Card) []history.Card {
	return slices.DeleteFunc(slices.Clone(cards), func(c history.Card) bool {
		holds := b.holdsOf(tenant, agent, c.Contact)
		return len(holds) > 0 && !slices.ContainsFunc(holds, func(h *holding) bool { return h.reserved.Revision.Epoch >= epoch })
	})
}

// holdsOf are the agent's holds on a contact.
func (b *book) holdsOf(tenant, agent, contact string) []*holding {
	if b.holds == nil {
		b.holds = map[hold][]*holding{}
		for agent, list := range b.holdings() {
			for _, h := range list {
				k := hold{agent.tenant, agent.name, strings.TrimPrefix(h.contact.name, "contact:")}
				b.holds[k] = append(b.holds[k], h)
			}
		}
	}
	return b.holds[hold{tenant, agent, contact}]
}

type hold struct{ tenant, agent, contact string }

// inTheLog looks at each reservation: who else held the agent then?
func (b *book) inTheLog(r *Result) {
	all := b.holdings()
	for _, agent := range sortedIDs(all) {
		for i, h := range all[agent] {
			r.Judged++
			if i > 0 && all[agent][i-1].workload == h.workload && all[agent][i-1].contact != h.contact {
				r.find(agent.tenant, "agent:"+agent.name, "has one workload revision, %s, in two reservations: %s and %s", h.workload, all[agent][i-1], h)
				continue
			}
			room, known := b.room(agent.tenant, agent.name, h.channel)
			if !known || h.fact {
				r.Open++
				continue
			}
			for _, other := range all[agent][:i] {
				if other.channel == h.channel && other.contact != h.contact && b.stillHeld(other, h) {
					if room--; room <= 0 {
						r.find(agent.tenant, "agent:"+agent.name, "was reserved by %s while held by %s", h, other)
						break
					}
				}
			}
		}
	}
}
