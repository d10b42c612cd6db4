// Package saga takes an item to its downstreams, one after the other. What came of each is in the item's record before the
// next is told, so whoever takes the item over goes on behind it. The last step is not: the verdict has it.
//
//	telephony told ──▶ kept ──▶ crm told ──▶ verdict: applied
//	                               └ refused ──▶ kept ──▶ telephony undone ──▶ verdict: failed
//
// A call whose step was not kept is made again, under the same key.
package saga

import (
	"context"
	"fmt"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/connector"
	"github.com/busyhour/busyhour/services/provisioning/internal/flow"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// Book is where it is written how agents stand and how far items are; see flow.Flow.
type Book interface {
	Current(ctx context.Context, tenant, record string) (flow.Standing, error)
	// Step keeps a step of an item and returns the item after; flow.ErrEnded if that has ended.
	Step(ctx context.Context, tenant, item string, s *provisioningv1.Step) (*provisioningv1.Outcome, error)
}

const (
	told      = provisioningv1.Step_STATE_TOLD
	refused   = provisioningv1.Step_STATE_REFUSED
	undone    = provisioningv1.Step_STATE_UNDONE
	notUndone = provisioningv1.Step_STATE_NOT_UNDONE
)

// saga of one item, in one run.
type saga struct {
	book     Book
	several  bool
	item     *provisioningv1.Outcome // with the steps that are kept
	standing flow.Standing           // of its agent, as it was last seen
}

// Run tells the downstreams that have not been told of an item's agent, who stands in the directory so. If one refuses, those
// before it that compensate are told to put the agent back. An error means that nothing is decided: Run is to be called
// again with the item as it stands then.
func (c Chain) Run(ctx context.Context, b Book, item *provisioningv1.Outcome, s flow.Standing) (job.Verdict, error) {
	order := c.order(job.IsDeletion(item.GetRequest().GetItem()))
	g := &saga{book: b, several: len(c) > 1, item: item, standing: s}
	if job.Refused(item) {
		return g.undo(ctx, order)
	}
	for i, d := range order {
		if job.StepOf(g.item, d.Name) != nil {
			continue
		}
		step, err := g.tell(ctx, d)
		switch {
		case err != nil:
			return job.Verdict{}, err
		case step.GetState() == refused:
			return g.fail(ctx, order, step)
		case i == len(order)-1:
			return job.Conclude(g.item, step, g.several), nil
		}
		if err := g.keep(ctx, step); err != nil {
			return job.Verdict{}, err
		}
	}
	return job.Conclude(g.item, nil, g.several), nil
}

func (g *saga) keep(ctx context.Context, s *provisioningv1.Step) (err error) {
	g.item, err = g.book.Step(ctx, g.item.GetTenant(), state.ItemOf(g.item.GetRequest()), s)
	return err
}

// tell tells a downstream how the agent stands. If that has changed meanwhile, it tells it again: whoever is last to tell a
// downstream has told it the latest, whatever order the calls came in.
func (g *saga) tell(ctx context.Context, d Downstream) (*provisioningv1.Step, error) {
	step := &provisioningv1.Step{Downstream: d.Name, State: told}
	for {
		step.Told = state.Revision(g.standing.Revision)
		a, err := d.Way.Send(ctx, g.change())
		step.Attempts += a.Attempts
		if err != nil {
			return nil, err
		}
		if a.Refused != "" {
			step.State, step.Words = refused, a.Refused
			return step, nil
		}
		moved, err := g.look(ctx)
		if err != nil {
			return nil, err
		}
		if !moved {
			return step, nil
		}
	}
}

// look reports whether the agent stands another way than when it was last looked at.
func (g *saga) look(ctx context.Context) (moved bool, err error) {
	r := g.item.GetRequest()
	now, err := g.book.Current(ctx, r.GetTenant(), state.Agent(r.GetItem().GetAgent().GetId()))
	if err != nil {
		return false, err
	}
	moved = now.Revision != g.standing.Revision
	g.standing = now
	return moved, nil
}

// change is how the agent stands. The key names the item and the revision: the same change has the same key.
func (g *saga) change() connector.Change {
	c := changeTo(g.item.GetRequest(), g.standing.Entry)
	c.Key += "@" + g.standing.Revision.String()
	return c
}

// changeTo an entry; nil: there is to be none. The key is the item's.
func changeTo(r *provisioningv1.Request, e *provisioningv1.DirectoryEntry) connector.Change {
	c := connector.Change{
		Tenant: r.GetTenant(), Agent: e.GetAgent(), Deleted: e == nil || e.GetDeleted(),
		Key:    fmt.Sprintf("%s/%d", r.GetJobId(), r.GetNumber()),
		Urgent: job.PriorityOfRequest(r) == provisioningv1.Priority_PRIORITY_URGENT,
	}
	if c.Agent == nil {
		c.Agent = &provisioningv1.Agent{Id: r.GetItem().GetAgent().GetId()}
	}
	return c
}
