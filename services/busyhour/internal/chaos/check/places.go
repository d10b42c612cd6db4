package check

import (
	"slices"
	"strings"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
)

// onePlace compares contacts with the indexes and workloads that name them, as Redis holds them at the end.
func onePlace(b *book, r *Result) {
	p := &placed{book: b, result: r, places: map[id][]string{}, cards: map[id][]string{}}
	p.collect()
	for _, s := range b.Stored {
		if s.Contact != nil {
			r.Judged++
			p.contact(&s)
		}
	}
	p.strangers()
}

type placed struct {
	*book
	result *Result
	places map[id][]string // contact → indexes
	cards  map[id][]string // contact → agents in whose workload it is
}

func (p *placed) collect() {
	for _, i := range p.Indexes {
		if i.Service != "call-routing" || !whereabouts(i.Name) {
			continue
		}
		for _, m := range i.Members {
			contact := id{i.Tenant, i.Service, "contact:" + m}
			p.places[contact] = append(p.places[contact], i.Name)
		}
	}
	for _, s := range p.Stored {
		agent, ok := agentOf(&s)
		if !ok {
			continue
		}
		for _, c := range s.Cards {
			contact := id{s.Tenant, s.Service, "contact:" + c.Contact}
			p.cards[contact] = append(p.cards[contact], agent)
		}
	}
}

// whereabouts are the indexes that say where a contact is; the others say who must hear of it.
func whereabouts(index string) bool {
	kind, _, _ := strings.Cut(index, ":")
	return kind == "waiting" || kind == "inhand" || kind == "live"
}

func (p *placed) contact(s *history.Stored) {
	c, key := s.Contact, id{s.Tenant, s.Service, s.Name}
	is, should := p.places[key], placesOf(c)
	slices.Sort(is)
	if !slices.Equal(is, should) {
		p.result.find(s.Tenant, s.Name, "at %s is %s: it stands in %s, and belongs in %s", s.Revision, c.State, listed(is), listed(should))
	}
	var holder []string
	if inHand(c.State) {
		holder = []string{c.Agent}
	}
	if held := p.cards[key]; !slices.Equal(held, holder) {
		p.result.find(s.Tenant, s.Name, "at %s is %s: it is in the workload of %s, and belongs in that of %s", s.Revision, c.State, listed(held), listed(holder))
	}
}

// placesOf is where a contact belongs, sorted.
func placesOf(c *history.Contact) []string {
	switch {
	case final(c.State):
		return nil
	case c.State == "queued":
		return []string{"live", "waiting:" + c.Queue}
	case inHand(c.State):
		return []string{"inhand:" + c.Queue, "live"}
	}
	return []string{"live"}
}

// strangers are members of indexes and cards in workloads whose contact is not there.
func (p *placed) strangers() {
	for key, where := range p.places {
		if p.stored[key] == nil {
			p.result.find(key.tenant, key.name, "stands in %s, and there is no such record", listed(where))
		}
	}
	for key, agents := range p.cards {
		if p.stored[key] == nil {
			p.result.find(key.tenant, key.name, "is in the workload of %s, and there is no such record", listed(agents))
		}
	}
}

// agentOf is the agent whose workload this is.
func agentOf(s *history.Stored) (string, bool) {
	if s.Service != "call-routing" {
		return "", false
	}
	return strings.CutPrefix(s.Name, "workload:")
}
