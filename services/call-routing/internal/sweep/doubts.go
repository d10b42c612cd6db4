package sweep

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

const (
	doubtCount = 64
	// Doubts need the other services' state too: until that is verified, they are tried again after this, and then the
	// less often.
	firstDoubt  = 20 * time.Millisecond
	doubtsEvery = time.Second
)

// doubtsLoop takes from agents what is more than they can hold. A recovery may bring that back, so it is the first thing
// that is done when a tenant opens: until then two cards show.
func (s *Sweep) doubtsLoop(ctx context.Context, tenant string) {
	wait := doubtsEvery
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			return
		case <-s.opened[tenant]:
			wait = firstDoubt
		case <-timer.C:
		}
		timer.Stop()
		if _, open := s.store.Verified(tenant); !open {
			wait = doubtsEvery
			continue
		}
		left, err := s.doubts(ctx, tenant)
		switch {
		case err != nil && ctx.Err() == nil:
			s.log.Debug("sweep", zap.String("work", "doubts"), zap.String("tenant", tenant), zap.Error(err))
			wait = min(2*wait, doubtsEvery)
		case left:
			wait = 0
		default:
			wait = doubtsEvery
		}
	}
}

// doubts resolves a page of doubtful agents, and reports whether there may be more.
func (s *Sweep) doubts(ctx context.Context, tenant string) (left bool, err error) {
	var doubtful *commit.Members
	_, err = s.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		doubtful = tx.First(state.Doubtful, doubtCount)
		return tx.Fetch(ctx)
	})
	if err != nil {
		return false, err
	}
	for _, m := range doubtful.List {
		if err := s.flow.Resolve(ctx, tenant, m.Name); err != nil {
			return false, err
		}
	}
	return len(doubtful.List) == doubtCount, nil
}
