package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

const (
	// leaseTime is how long a round may not be heard of before another pod begins one. The lease saves work; correctness
	// does not need it: two rounds at once would repair twice what one item repairs.
	leaseTime  = time.Minute
	renewEvery = leaseTime / 4
)

var errLost = errors.New("the lease of the round is another's by now")

// Leases are who goes through a tenant's agents.
type Leases interface {
	Take(ctx context.Context, tenant, holder string) (taken bool, err error)
	Renew(ctx context.Context, tenant, holder string) (held bool, err error)
	Release(ctx context.Context, tenant, holder string) error
}

// hold renews the lease until stop. If it is lost, the context ends with errLost for its cause.
func (c *Reconciler) hold(ctx context.Context, r *round) (held context.Context, stop func()) {
	held, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(renewEvery)
		defer tick.Stop()
		for {
			select {
			case <-held.Done():
				return
			case <-tick.C:
			}
			if ours, err := c.Leases.Renew(held, r.Tenant, r.holder); err == nil && !ours {
				cancel(errLost)
			}
		}
	}()
	return held, func() { cancel(nil); <-done }
}

func (c *Reconciler) release(ctx context.Context, r *round) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := c.Leases.Release(ctx, r.Tenant, r.holder); err != nil {
		c.log.Warn("lease not given back; it runs out by itself", zap.String("tenant", r.Tenant), zap.Error(err))
	}
}

type leases struct{ store *commit.Store }

// NewLeases keeps leases in Redis, in the namespace of the epoch.
func NewLeases(store *commit.Store) Leases { return leases{store} }

func (l leases) key(tenant string) (string, error) {
	epoch, open := l.store.Verified(tenant)
	if !open {
		return "", refusal.New(refusal.Unavailable, "UNVERIFIED", "the state of tenant %s is not verified", tenant).To("try again in a moment")
	}
	return commit.Key(tenant, state.Service, epoch, "reconcile-lease"), nil
}

func (l leases) Take(ctx context.Context, tenant, holder string) (bool, error) {
	key, err := l.key(tenant)
	if err != nil {
		return false, err
	}
	taken, err := l.store.Redis().SetNX(ctx, key, holder, leaseTime).Result()
	if err != nil {
		return false, fmt.Errorf("take the lease %s: %w", key, err)
	}
	return taken, nil
}

func (l leases) Renew(ctx context.Context, tenant, holder string) (bool, error) {
	key, ours, err := l.ours(ctx, tenant, holder)
	if err != nil || !ours {
		return false, err
	}
	return l.store.Redis().Expire(ctx, key, leaseTime).Result()
}

func (l leases) Release(ctx context.Context, tenant, holder string) error {
	key, ours, err := l.ours(ctx, tenant, holder)
	if err != nil || !ours {
		return err
	}
	return l.store.Redis().Del(ctx, key).Err()
}

func (l leases) ours(ctx context.Context, tenant, holder string) (key string, ours bool, err error) {
	if key, err = l.key(tenant); err != nil {
		return "", false, err
	}
	has, err := l.store.Redis().Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return key, false, nil
	}
	return key, has == holder, err
}
