package stream

import (
	"context"
	"fmt"
)

// Open are the items that have no outcome yet, in no order.
func (s *Stream) Open(ctx context.Context, n Namespace) ([]string, error) {
	items, err := s.redis.HKeys(ctx, n.queued()).Result()
	if err != nil {
		return nil, fmt.Errorf("read what is queued of %s: %w", n.Tenant, err)
	}
	return items, nil
}
