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
	"github.com/busyhour/busyhour/pkg/tlsfiles"
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
		rdb := redis.NewUniversalClient(redisOptions(c.cfg, nil, "x"))
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
	o := redisOptions(RedisConfig{Addresses: []string{"x:1"}}, &tlsfiles.Client{}, "x")
	if !o.ContextTimeoutEnabled || o.MaxRetries != 1 || o.ReadTimeout > time.Second || o.Dialer == nil {
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
	rdb := redis.NewUniversalClient(redisOptions(RedisConfig{Addresses: []string{mini.Addr}}, nil, "x"))
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

func TestSecurityKeysSayEverythingThatIsWrong(t *testing.T) {
	withoutVariables(t)
	var c Common
	err := config.Load("x", &c, []string{
		"--tls.key=k", "--tls.client-ca=a", "--ops.tls", "--peers.tls.cert=c", "--kafka.tls.ca=/does/not/exist", "--kafka.sasl.mechanism=gssapi",
		"--redis.username=u", "--redis.tls.server-name=s", "--nats.url=nats://ann:hunter2@host:port", "--nats.password=hunter2", "--nats.credentials=/does/not/exist",
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"tls.key: it goes with tls.cert", "tls.client-ca: it needs tls.cert", "ops.tls: it needs tls.cert", "peers.tls.key: it goes with peers.tls.cert",
		"kafka.tls: read authorities", "kafka.tls.enabled: it is false", `kafka.sasl.mechanism: there is no "gssapi"`, "kafka.sasl.username: it is empty", "kafka.sasl.password",
		"redis.password: it is empty", "redis.tls.enabled: it is false", "nats.url: server 1 is no address", "nats.password: it goes with nats.username", "nats.credentials: stat",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a password is told:\n%v", err)
	}
}

func TestPasswordsInTheClearAreWarnedOf(t *testing.T) {
	withoutVariables(t)
	var c Common
	secrets := []string{"--kafka.sasl.mechanism=plain", "--kafka.sasl.username=u", "--kafka.sasl.password=hunter2", "--redis.password=hunter2", "--nats.url=nats://u:hunter2@host"}
	if err := config.Load("x", &c, secrets); err != nil {
		t.Fatal(err)
	}
	if w := c.Warnings(); len(w) != 3 || strings.Contains(strings.Join(w, ""), "hunter2") {
		t.Errorf("%q", w)
	}
	var safe Common
	if err := config.Load("x", &safe, append(secrets[:4], "--nats.url=tls://u:hunter2@host", "--kafka.tls.enabled", "--redis.tls.enabled")); err != nil {
		t.Fatal(err)
	}
	if w := safe.Warnings(); len(w) != 0 {
		t.Errorf("%q", w)
	}
	for _, shown := range []*Common{&c, &safe} {
		var b strings.Builder
		if err := config.Describe(&b, "x", shown); err != nil || strings.Contains(b.String(), "hunter2") {
			t.Errorf("%v, or a password is shown:\n%s", err, b.String())
		}
	}
}
