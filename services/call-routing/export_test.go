package routing

import "context"

// PutBack looks for contacts that have lost their places now, and not half a minute later.
func (s *Service) PutBack(ctx context.Context, tenant string) error {
	return s.sweep.Places(ctx, tenant)
}
