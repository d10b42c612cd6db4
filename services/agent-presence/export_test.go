package presence

import "context"

// StandDown compares the available with the directory now, and not half a minute later.
func (s *Service) StandDown(ctx context.Context, tenant string) error {
	return s.sweep.StandDown(ctx, tenant)
}
