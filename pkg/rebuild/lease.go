package rebuild

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/commit"
)

const (
	// A lease is short, so that a pod that dies in the middle of a recovery holds nobody up, and renewed meanwhile.
	leaseTime  = 3 * time.Second
	leaseRenew = time.Second
)

// lease takes the tenant's recovery for this pod and keeps it until release. It saves work; correctness does not need it.
func (r *Recovery) lease(ctx context.Context, tenant string) (bool, error) {
	got, err := r.store.Redis().SetNX(ctx, r.leaseKey(tenant), r.pod, leaseTime).Result()
	switch {
	case err != nil && commit.OutOfMemory(err):
		got = true // a full Redis has no room for a lease, and needs the recovery that frees the old namespace
	case err != nil:
		return false, fmt.Errorf("take the lease of %s: %w", tenant, err)
	}
	if got {
		ctx, cancel := context.WithCancel(ctx)
		r.leases[tenant] = cancel
		go r.renew(ctx, tenant)
	}
	return got, nil
}

// renew fails in silence: the lease then runs out, and another pod recovers too.
func (r *Recovery) renew(ctx context.Context, tenant string) {
	tick := time.NewTicker(leaseRenew)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.store.Redis().PExpire(ctx, r.leaseKey(tenant), leaseTime)
		}
	}
}

func (r *Recovery) leaseKey(tenant string) string {
	return commit.MarkKey(tenant, r.store.Service()) + ":lease"
}

func (r *Recovery) release(tenants []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, tenant := range tenants {
		r.leases[tenant]()
		delete(r.leases, tenant)
		if err := r.store.Redis().Del(ctx, r.leaseKey(tenant)).Err(); err != nil {
			r.log.Warn("lease not given back; it runs out by itself", zap.String("tenant", tenant), zap.Error(err))
		}
	}
}
