package provision

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// Reconciler is what FollowRound asks.
type Reconciler interface {
	Reconciliation(ctx context.Context, tenant string) (r *provisioningv1.Reconciliation, verified bool, err error)
}

// FollowRound asks until a round that has begun has ended, tells each of its reports, and returns the last. An error means
// that it could not be asked for, that ctx ended, or that another round has begun in its place, for its pod or its state was
// lost.
func FollowRound(ctx context.Context, from Reconciler, begun *provisioningv1.Reconciliation, told func(*provisioningv1.Reconciliation)) (*provisioningv1.Reconciliation, error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for r := begun; ; {
		told(r)
		if r.EndedAt != nil {
			return r, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return r, ctx.Err()
		}
		next, verified, err := from.Reconciliation(ctx, begun.Tenant)
		if err != nil {
			return r, err
		}
		if !verified {
			continue
		}
		if !next.StartedAt.AsTime().Equal(begun.StartedAt.AsTime()) {
			return r, fmt.Errorf("the round was given up, and pod %s has begun another", next.Pod)
		}
		r = next
	}
}

// Remaining counts the agents that stayed as they should not be: those that are not repaired, and in a dry run all that differ.
func Remaining(r *provisioningv1.Reconciliation) uint32 {
	if r.DryRun {
		return r.Drifted + r.Missing + r.Extra + r.Unreadable
	}
	return r.Unrepaired
}

// WriteReport writes a report for a person.
func WriteReport(w io.Writer, r *provisioningv1.Reconciliation) error {
	var b strings.Builder
	for _, d := range r.Drifts {
		fmt.Fprintf(&b, "%s: %s: %s", d.AgentId, kindOf(d), strings.Join(d.Words, "; "))
		if d.Unrepaired != "" {
			fmt.Fprintf(&b, " (not repaired: %s)", d.Unrepaired)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%d agents: %d as they should be, %d otherwise, %d missing, %d not in the directory, %d that cannot be read, %d with a change under way\n",
		r.LookedAt, r.Same, r.Drifted, r.Missing, r.Extra, r.Unreadable, r.LeftOut)
	if r.Blind != "" {
		fmt.Fprintln(&b, r.Blind)
	}
	for _, id := range r.JobIds {
		fmt.Fprintf(&b, "repaired by job %s: busyhour provision watch %s\n", id, id)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func kindOf(d *provisioningv1.Drift) string {
	return strings.ToLower(strings.TrimPrefix(d.Kind.String(), "KIND_"))
}
