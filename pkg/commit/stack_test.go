//go:build stack

package commit

import (
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

func TestPromisesOnRedis(t *testing.T) {
	rdb := redis.NewClient(&redis.Options{Addr: address(t, "BUSYHOUR_REDIS")})
	t.Cleanup(func() { rdb.Close() })
	keepPromises(t, rdb)
}

func TestPromisesOnRedisCluster(t *testing.T) {
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: strings.Split(address(t, "BUSYHOUR_REDIS_CLUSTER"), ",")})
	t.Cleanup(func() { rdb.Close() })
	keepPromises(t, rdb)
}

func address(t testing.TB, name string) string {
	t.Helper()
	a := os.Getenv(name)
	if a == "" {
		t.Fatalf("%s is not set: run `scripts/stack up` and source .stack/env", name)
	}
	return a
}

func TestInterleavingsOnRedis(t *testing.T) {
	rdb := redis.NewClient(&redis.Options{Addr: address(t, "BUSYHOUR_REDIS")})
	t.Cleanup(func() { rdb.Close() })
	checkInterleavings(t, rdb)
}

func TestInterleavingsOnRedisCluster(t *testing.T) {
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: strings.Split(address(t, "BUSYHOUR_REDIS_CLUSTER"), ",")})
	t.Cleanup(func() { rdb.Close() })
	checkInterleavings(t, rdb)
}
