package routing

import (
	"context"

	"github.com/busyhour/busyhour/pkg/rebuild"
)

// PutBack looks for contacts that have lost their places now, and not half a minute later.
func (s *Service) PutBack(ctx context.Context, tenant string) error {
	return s.sweep.Places(ctx, tenant)
}

// Recount compares what agents hold with the contacts now.
func (s *Service) Recount(ctx context.Context, tenant string) ([]rebuild.Divergence, error) {
	return s.flow.Recount(ctx, tenant)
}
