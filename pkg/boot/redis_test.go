package boot

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/config"
	"github.com/busyhour/busyhour/pkg/embedded"
)

func TestTheKindOfRedisFollowsFromTheConfiguration(t *testing.T) {
	two := []string{"127.0.0.1:1", "127.0.0.1:2"}
	for _, c := range []struct {
		cfg  RedisConfig
		want string
	}{
		{RedisConfig{Addresses: two[:1]}, "single"},
		{RedisConfig{Addresses: two[:1], Cluster: true}, "cluster"},
		{RedisConfig{Addresses: two}, "cluster"},
		{RedisConfig{Addresses: two, Master: "main"}, "single"}, // Sentinel's client is a single one with another dialer
	} {
		rdb := redis.NewUniversalClient(redisOptions(c.cfg, "x"))
		kind := "single"
		if _, ok := rdb.(*redis.ClusterClient); ok {
			kind = "cluster"
		}
		if kind != c.want {
			t.Errorf("%+v: %s", c.cfg, kind)
		}
		_ = rdb.Close()
	}
}

func TestRedisIsNotAskedTwiceForLong(t *testing.T) {
	o := redisOptions(RedisConfig{Addresses: []string{"x:1"}, TLS: true}, "x")
	if !o.ContextTimeoutEnabled || o.MaxRetries != 1 || o.ReadTimeout > time.Second || o.TLSConfig == nil {
		t.Errorf("%+v", o)
	}
	if o.MaintNotificationsConfig.Mode != maintnotifications.ModeDisabled {
		t.Error("maintenance notifications are on")
	}
}

func TestARedisThatMayForgetIsFound(t *testing.T) {
	info := "# Memory\r\nused_memory:1\r\nmaxmemory_policy:allkeys-lru\r\nmem_allocator:x\r\n"
	if p := policyIn(info); p != "allkeys-lru" {
		t.Errorf("got %q", p)
	}
	if p := policyIn("# Memory\r\n"); p != "" {
		t.Errorf("got %q", p)
	}
}

func TestAServerThatDoesNotTellItsPolicyPasses(t *testing.T) {
	mini, err := embedded.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	defer mini.Close()
	rdb := redis.NewUniversalClient(redisOptions(RedisConfig{Addresses: []string{mini.Addr}}, "x"))
	defer rdb.Close()
	b := &Backends{Redis: rdb, Log: zap.NewNop()}
	if err := b.awaitRedis(t.Context(), []string{mini.Addr}); err != nil {
		t.Error(err)
	}
}

func TestCommonSaysEverythingThatIsWrong(t *testing.T) {
	var c Common
	err := config.Load("x", &c, []string{"--tenants=a b,ok", "--kafka.brokers=,", "--grace=0s", "--redis.master=m", "--redis.cluster", "--redis.db=3", "--log.level=loud", "--trace.sample=2"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`tenants: "a b"`, "kafka.brokers: name", "grace: 0s", "redis.master and redis.cluster", "redis.db: a Cluster", `log.level: "loud"`, "trace.sample: 2"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q in:\n%v", want, err)
		}
	}
}

func TestClosersCloseInReverse(t *testing.T) {
	var order []string
	c := closers{log: zap.NewNop()}
	for _, name := range []string{"a", "b"} {
		c.add(name, func() error { order = append(order, name); return errors.New("already") })
	}
	c.close()
	if strings.Join(order, "") != "ba" {
		t.Errorf("%q", order)
	}
}
