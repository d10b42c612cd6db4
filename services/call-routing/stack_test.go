//go:build stack

package routing_test

import (
	"context"
	"crypto/rand"
	"os"
	"strings"

	"github.com/redis/go-redis/v9"
)

// connect takes the servers that scripts/stack has started, and a tenant that nobody else has.
func (s *stage) connect() {
	s.Helper()
	address := func(name string) string {
		if os.Getenv(name) == "" {
			s.Fatalf("%s is not set: run scripts/stack up, and eval \"$(scripts/stack env)\"", name)
		}
		return os.Getenv(name)
	}
	s.kafka, s.nats = address("BUSYHOUR_KAFKA"), address("BUSYHOUR_NATS")
	s.tenant = "t" + strings.ToLower(rand.Text())
	s.redis = redis.UniversalOptions{Addrs: []string{address("BUSYHOUR_REDIS")}, MaxRetries: 1, ContextTimeoutEnabled: true}
	s.flush = s.forget
	s.Cleanup(s.forget)
}

// forget removes what Redis has of the tenant. To the tenant it is as if Redis had been flushed.
func (s *stage) forget() {
	rdb := redis.NewUniversalClient(&s.redis)
	defer rdb.Close()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	keys, err := rdb.Keys(ctx, "{"+s.tenant+"}:*").Result()
	if err == nil && len(keys) > 0 {
		err = rdb.Unlink(ctx, keys...).Err()
	}
	if err != nil {
		s.Error(err)
	}
}
