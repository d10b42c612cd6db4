package rebuild

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/refusal"
)

// byHand is a rebuild that a person asked for.
type byHand struct {
	ctx    context.Context
	tenant string
	done   chan error
}

// Rebuild takes a new epoch for one tenant and builds its state anew, also if it is open, and also if it is held. It
// returns when the tenant is open again, or with why it is not. Run must be running.
func (r *Recovery) Rebuild(ctx context.Context, tenant string) error {
	if !slices.Contains(r.store.Tenants(), tenant) {
		return refusal.New(refusal.NotFound, "TENANT_UNKNOWN", "tenant %q is not served here", tenant).
			To("name a tenant of this installation")
	}
	asked := byHand{ctx, tenant, make(chan error, 1)}
	select {
	case r.asked <- asked:
	case <-ctx.Done():
		return fmt.Errorf("rebuild %s: not begun, this pod is at another recovery: %w", tenant, context.Cause(ctx))
	}
	return <-asked.done // recoverByHand ends with ctx
}

// recoverByHand waits for the lease and recovers. Only Run's goroutine calls it.
func (r *Recovery) recoverByHand(ctx context.Context, asked byHand) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(asked.ctx, cancel)()
	for {
		leased, err := r.lease(ctx, asked.tenant)
		if err != nil {
			return fmt.Errorf("rebuild %s: %w", asked.tenant, err)
		}
		if leased {
			break
		}
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return fmt.Errorf("rebuild %s: another pod is at its recovery: %w", asked.tenant, context.Cause(ctx))
		}
	}
	defer r.release([]string{asked.tenant})
	mark, err := r.store.Mark(ctx, asked.tenant)
	if err != nil {
		return fmt.Errorf("rebuild %s: %w", asked.tenant, err)
	}
	if why := r.notPrimary(ctx, asked.tenant, mark); why != "" {
		return refusal.New(refusal.Unavailable, "NOT_PRIMARY", "%s", why).To("see that this pod reaches the primary, then try again")
	}
	return r.recover(ctx, map[string]commit.Mark{asked.tenant: mark}, true)
}
