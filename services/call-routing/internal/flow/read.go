package flow

import (
	"context"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

// Contact reads one contact; nil if there is none.
func (f *Flow) Contact(ctx context.Context, tenant, id string) (c *routingv1.Contact, revision *commonv1.Revision, verified bool, err error) {
	verified, err = f.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) (err error) {
		r := tx.Record(state.Contact(id))
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		revision = state.Revision(r.Revision)
		c, err = state.ReadContact(r)
		return err
	})
	return c, revision, verified, err
}

// Workload reads what an agent holds; without any workload ever, an empty one at no revision.
func (f *Flow) Workload(ctx context.Context, tenant, agent string) (w *routingv1.Workload, revision *commonv1.Revision, verified bool, err error) {
	verified, err = f.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) (err error) {
		r := tx.Record(state.Workload(agent))
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		revision = state.Revision(r.Revision)
		if w, err = state.ReadWorkload(r); err == nil && w == nil {
			w = &routingv1.Workload{AgentId: agent}
		}
		return err
	})
	return w, revision, verified, err
}

// Page is a place in the list of live contacts: behind so many of those created at that millisecond.
type Page struct {
	CreatedAt int64
	Skip      int
}

// Live lists live contacts, oldest first, from a page on, and the page that follows; nil if there is none.
func (f *Flow) Live(ctx context.Context, tenant, queue string, from Page, size int) (list []*routingv1.Contact, next *Page, err error) {
	_, err = f.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		members := tx.After(state.Live, float64(from.CreatedAt), from.Skip, size)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		contacts, err := readContacts(ctx, tx, members.List)
		if err != nil {
			return err
		}
		for _, c := range contacts {
			if queue == "" || c.QueueId == queue {
				list = append(list, c)
			}
		}
		if len(members.List) == size {
			next = after(from, members.List)
		}
		return nil
	})
	return list, next, err
}

// after is the page behind these members.
func after(from Page, members []commit.Member) *Page {
	last := int64(members[len(members)-1].Score)
	next := &Page{CreatedAt: last}
	for _, m := range members {
		if int64(m.Score) == last {
			next.Skip++
		}
	}
	if last == from.CreatedAt {
		next.Skip += from.Skip
	}
	return next
}
