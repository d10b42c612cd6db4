//go:build stack

package boot

import (
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/stacktest"
)

func TestARedisThatEvictsIsRefused(t *testing.T) {
	server := stacktest.StartRedis(t, "--maxmemory", "16mb", "--maxmemory-policy", "allkeys-lru")
	rdb := redis.NewUniversalClient(redisOptions(RedisConfig{Addresses: []string{server.Addr}}, nil, "x"))
	defer rdb.Close()
	b := &Backends{Redis: rdb, Log: zap.NewNop()}
	if err := b.awaitRedis(t.Context(), []string{server.Addr}); !errors.Is(err, errForgets) {
		t.Errorf("at start: %v", err)
	}
	server.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
	if err := b.awaitRedis(t.Context(), []string{server.Addr}); err != nil {
		t.Error(err)
	}
}
