package bulk

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
)

// stranded are the bulk items that killed pods had in hand: nobody has them until work.take_over.
type stranded struct {
	redis  *redis.Client
	tenant string
	dead   map[string]bool // names of consumers
}

// died notes who worked for a pod when it was killed.
func (s *stranded) died(ctx context.Context, pod string) error {
	all, err := s.consumers(ctx)
	for _, c := range all {
		if strings.HasPrefix(c.Name, pod+"-") {
			s.dead[c.Name] = true
		}
	}
	return err
}

// items that the dead still hold.
func (s *stranded) items(ctx context.Context) (n int, err error) {
	if len(s.dead) == 0 {
		return 0, nil
	}
	all, err := s.consumers(ctx)
	for _, c := range all {
		if s.dead[c.Name] {
			n += int(c.Pending)
		}
	}
	return n, err
}

func (s *stranded) consumers(ctx context.Context) ([]redis.XInfoConsumer, error) {
	epoch, err := s.redis.HGet(ctx, commit.MarkKey(s.tenant, fleet.Provisioning), "epoch").Uint64()
	if err != nil {
		return nil, fmt.Errorf("the mark of %s: %w", fleet.Provisioning, err)
	}
	key := commit.Key(s.tenant, fleet.Provisioning, uint32(epoch), "stream:bulk")
	all, err := s.redis.XInfoConsumers(ctx, key, "workers").Result()
	if err != nil {
		return nil, fmt.Errorf("consumers of %s: %w", key, err)
	}
	return all, nil
}
