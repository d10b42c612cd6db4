package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
)

// portionSize is how many repairs go into one job.
const portionSize = 100

// repair of one agent.
type repair struct {
	finding
	drift *provisioningv1.Drift
	try   try
}

// mend has a drift repaired, unless that was no use before, or is not ours to do.
func (r *round) mend(ctx context.Context, f finding) error {
	t := try{print: printOf(f)}
	if before := r.tries[f.agent.GetId()]; before.print == t.print {
		t = before
	}
	switch {
	case f.kind == extra && f.revision == nil:
		r.leave(f, "the directory never had them, or deleted them more than 31 days ago: delete them there, or by a job with this item")
	case t.times >= mostTries:
		r.leave(f, fmt.Sprintf("was repaired %d times, and is the same again: look why the downstream does not keep it", t.times))
	case r.DryRun:
		r.drifts.repaired(f)
	default:
		t.times++
		r.portion = append(r.portion, repair{f, r.drifts.repaired(f), t})
	}
	if len(r.portion) < portionSize {
		return nil
	}
	return r.repair(ctx)
}

func (r *round) leave(f finding, why string) {
	r.report.Unrepaired++
	r.drifts.left(f, why)
}

// repair makes a job of the portion.
func (r *round) repair(ctx context.Context) error {
	portion := r.portion
	r.portion = nil
	return r.order(ctx, portion)
}

// order is refused as a whole if one item breaks the rules; then it is ordered in two halves.
func (r *round) order(ctx context.Context, portion []repair) error {
	if len(portion) == 0 {
		return nil
	}
	made, err := r.Jobs.CreateJob(ctx, r.orderOf(portion))
	switch no, refused := refusal.As(err); {
	case refused && no.Code == refusal.Invalid && len(portion) == 1:
		r.report.Unrepaired++
		r.drifts.refused(portion[0], no.Error())
		return nil
	case refused && no.Code == refusal.Invalid:
		half := len(portion) / 2
		if err := r.order(ctx, portion[:half]); err != nil {
			return err
		}
		return r.order(ctx, portion[half:])
	case err != nil:
		return fmt.Errorf("repair %d agents: %w", len(portion), err)
	}
	tries := map[string]try{}
	for _, p := range portion {
		p.drift.JobId = made.GetId()
		tries[p.agent.GetId()] = p.try
	}
	r.report.JobIds = append(r.report.JobIds, made.GetId())
	r.report.Repaired += uint32(len(portion))
	return r.Tries.Keep(ctx, r.Tenant, tries)
}

// orderOf follows from the round and the agents.
func (r *round) orderOf(portion []repair) job.Order {
	o := job.Order{Tenant: r.Tenant, Actor: Actor}
	sum := sha256.New()
	fmt.Fprintf(sum, "%d %s", r.report.GetStartedAt().AsTime().UnixNano(), r.holder)
	for _, p := range portion {
		o.Items = append(o.Items, p.item())
		fmt.Fprintf(sum, " %s %s", p.agent.GetId(), p.try.print)
	}
	o.RequestID = "reconcile-" + hex.EncodeToString(sum.Sum(nil)[:16])
	return o
}
