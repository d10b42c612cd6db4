package connector

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// mostSought is how many users are looked for at once: so long a query is still no trouble to anybody.
const mostSought = 20

// finding is what a search found of one user. alone: nothing is known, and it has to be looked for by itself.
type finding struct {
	user
	said
	alone bool
}

// agent looks for the user of an agent, in company if it may; nil: there is none.
func (s *scim) agent(ctx context.Context, tenant, externalID string) (user, said) {
	if s.wire.cfg.Bulk && !isUrgent(ctx) {
		can, no := s.can(ctx, tenant)
		if no.kind != taken {
			return nil, no
		}
		if can.bulk > 1 && can.search {
			f, err := s.searches.do(ctx, tenant, externalID)
			if err != nil {
				return nil, said{kind: wentWrong, words: err.Error()}
			}
			if !f.alone {
				return f.user, f.said
			}
		}
	}
	return s.find(ctx, tenant, users, "externalId", externalID)
}

// agents looks for many at once. Whenever the answer is not quite what was asked for, each is looked for by itself.
func (s *scim) agents(ctx context.Context, tenant string, externalIDs []string) []finding {
	each := func(f finding) []finding { return slices.Repeat([]finding{f}, len(externalIDs)) }
	if len(externalIDs) == 1 {
		u, no := s.find(ctx, tenant, users, "externalId", externalIDs[0])
		return each(finding{user: u, said: no})
	}
	terms := make([]string, len(externalIDs))
	for i, id := range externalIDs {
		terms[i] = "externalId eq " + quoted(id)
	}
	a, l := s.search(ctx, tenant, users, fmt.Sprintf("?count=%d&filter=%s", 2*len(externalIDs), escaped(strings.Join(terms, " or "))))
	switch {
	case a.kind == refused: // it knows no "or"
		s.abilities.change(s.base(tenant), func(can *ability) { can.search = false })
		return each(finding{alone: true})
	case a.kind != taken:
		return each(finding{said: a.said})
	case *l.Total != len(l.Resources):
		return each(finding{alone: true})
	}
	all, asked := make([]finding, len(externalIDs)), 0
	for i, id := range externalIDs {
		var same []user
		for _, u := range l.Resources {
			if strings.EqualFold(u.text("externalId"), id) {
				same = append(same, u)
			}
		}
		asked += len(same)
		all[i].user, all[i].said = only(same, users, "externalId", id)
	}
	if asked < len(l.Resources) { // it has not heeded the filter
		return each(finding{alone: true})
	}
	return all
}
