package commit

import (
	"context"
	_ "embed"
	"time"
)

//go:embed overdue.lua
var overdueSource string

// Overdue is how long ago the oldest deadline passed that has not been moved; zero if none has passed. That somebody has
// claimed it changes nothing: a claim is a promise, not a move.
func (s *Store) Overdue(ctx context.Context, tenant string) (time.Duration, error) {
	g, err := s.gateOf(tenant)
	if err != nil {
		return 0, err
	}
	epoch, open := g.state()
	if !open {
		return 0, s.closed(tenant)
	}
	keys := []string{Key(tenant, s.service, epoch, deadlines), Key(tenant, s.service, epoch, claimed)}
	answer, err := s.overdue.run(ctx, s.redis, keys, nil)
	if err != nil || answer[1] == "" {
		return 0, err
	}
	return max(0, milliseconds(answer[0]).Sub(milliseconds(answer[1]))), nil
}

// gaugeOverdue shows it.
func (s *Store) gaugeOverdue(ctx context.Context, tenant string) error {
	d, err := s.Overdue(ctx, tenant)
	if err == nil {
		s.metrics.overdue.WithLabelValues(tenant).Set(d.Seconds())
	}
	return err
}
