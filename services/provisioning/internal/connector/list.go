package connector

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNoDownstream says that there is none, so agents stand nowhere but in the directory.
	ErrNoDownstream = errors.New("downstream.url is empty, so there is no downstream to compare with; set it")
	// ErrUnlistable says that a downstream of this kind is not asked whom it has.
	ErrUnlistable = errors.New("agents that are in the downstream only are not looked for: with downstream.kind http it is not asked whom it has")
)

// Readable says why agents cannot be read back: ErrNoDownstream or ErrUnreadable; nil if they can.
func (c *Connector) Readable() error {
	switch {
	case c == nil:
		return ErrNoDownstream
	case c.cfg.Kind == kindHTTP && c.cfg.ReadURL == "":
		return ErrUnreadable
	}
	return nil
}

// List reads a page of the ids of the tenant's agents that stand in the downstream, whether the directory has them or not;
// who was not put there by us is left out. from is a position there, 1 to begin with. next is where the next page begins;
// zero: there is none. What is created or deleted there meanwhile may shift pages, so an agent can be missed. It waits and
// is repeated as Read is. The error is as Read's, or ErrUnlistable.
func (c *Connector) List(ctx context.Context, tenant string, from int) (ids []string, next int, err error) {
	if c == nil {
		return nil, 0, nil
	}
	s, ok := c.way.(*scim)
	if !ok {
		return nil, 0, ErrUnlistable
	}
	last, _, err := c.insist(ctx, func(ctx context.Context) (last said) {
		ids, next, last = s.list(ctx, tenant, from)
		return last
	})
	if err == nil && last.kind != taken {
		err = errors.New(last.words)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("list the agents in the downstream: %w", err)
	}
	return ids, next, nil
}

// pageSize is how many users are listed at once: many, and still well below longestAnswer.
const pageSize = 100

// list asks for those whose externalId begins with the tenant. A server that cannot is asked for all users.
func (s *scim) list(ctx context.Context, tenant string, from int) (ids []string, next int, _ said) {
	page := fmt.Sprintf("?startIndex=%d&count=%d", from, pageSize)
	prefix := externalIDPrefix(tenant)
	a, l := s.search(ctx, tenant, users, page+"&filter="+escaped("externalId sw "+quoted(prefix)))
	if a.kind == refused {
		a, l = s.search(ctx, tenant, users, page)
	}
	if a.kind != taken {
		return nil, 0, a.said
	}
	for _, u := range l.Resources {
		if id, ours := strings.CutPrefix(u.text("externalId"), prefix); ours && id != "" {
			ids = append(ids, id)
		}
	}
	if next = from + len(l.Resources); len(l.Resources) == 0 || next > *l.Total {
		next = 0
	}
	return ids, next, said{}
}
