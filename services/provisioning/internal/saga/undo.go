package saga

import (
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// Why a downstream is not told to put an agent back.
const (
	movedOn   = "the agent has been changed since, and that change stands"
	notKnown  = "how the agent stood before is not known"
	undoneKey = "/undone"
)

// undoable are those of the chain that are to put the agent back, the last to be told first.
func (g *saga) undoable(c Chain) (all Chain) {
	for _, d := range slices.Backward(c) {
		if d.Compensate && job.StepOf(g.item, d.Name).GetState() == told {
			all = append(all, d)
		}
	}
	return all
}

// fail ends an item that a downstream has refused. That it has is kept before anything is undone: nobody asks it again.
func (g *saga) fail(ctx context.Context, c Chain, step *provisioningv1.Step) (job.Verdict, error) {
	if len(g.undoable(c)) == 0 {
		return job.Conclude(g.item, step, g.several), nil
	}
	if err := g.keep(ctx, step); err != nil {
		return job.Verdict{}, err
	}
	return g.undo(ctx, c)
}

// undo has the downstreams that took the change put the agent back. Each has its step kept before the next, the last
// has it with the verdict.
func (g *saga) undo(ctx context.Context, c Chain) (job.Verdict, error) {
	var last *provisioningv1.Step
	for _, d := range g.undoable(c) {
		if last != nil {
			if err := g.keep(ctx, last); err != nil {
				return job.Verdict{}, err
			}
		}
		var err error
		if last, err = g.putBack(ctx, d); err != nil {
			return job.Verdict{}, err
		}
	}
	return job.Conclude(g.item, last, g.several), nil
}

// putBack tells a downstream how the agent stood before the item, unless somebody has changed the agent since. If that
// happens meanwhile, it is told the latest: an old state is never the last that it hears of.
func (g *saga) putBack(ctx context.Context, d Downstream) (*provisioningv1.Step, error) {
	step := proto.CloneOf(job.StepOf(g.item, d.Name))
	step.State = notUndone
	if g.item.GetBefore() == nil {
		step.Words = notKnown
		return step, nil
	}
	if _, err := g.look(ctx); err != nil {
		return nil, err
	}
	if !proto.Equal(step.GetTold(), state.Revision(g.standing.Revision)) {
		step.Words = movedOn
		return step, nil
	}
	before := changeTo(g.item.GetRequest(), g.item.GetBefore())
	before.Key += "@" + g.standing.Revision.String() + undoneKey
	a, err := d.Way.Send(ctx, before)
	step.Attempts += a.Attempts
	if err != nil {
		return nil, err
	}
	return g.afterPutBack(ctx, d, step, a.Refused)
}

// afterPutBack looks whether the agent still stands as when the downstream was told to put it back.
func (g *saga) afterPutBack(ctx context.Context, d Downstream, step *provisioningv1.Step, refusal string) (*provisioningv1.Step, error) {
	moved, err := g.look(ctx)
	switch {
	case err != nil:
		return nil, err
	case refusal != "": // whether some of it was done nobody knows
		step.Words = refusal
	case !moved:
		step.State = undone
		return step, nil
	default:
		step.Words = movedOn
	}
	if !moved {
		return step, nil
	}
	latest, err := g.tell(ctx, d)
	if err != nil {
		return nil, err
	}
	step.Attempts += latest.GetAttempts()
	step.Told = latest.GetTold()
	return step, nil
}
