package embedded

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestRedisRunsScriptsAndForgetsOnFlush(t *testing.T) {
	r, err := StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	c := redis.NewClient(&redis.Options{Addr: r.Addr})
	t.Cleanup(func() { _ = c.Close() })
	set := redis.NewScript(`redis.call('SET', KEYS[1], ARGV[1]) return redis.call('TIME')[1]`)
	if err := set.Run(t.Context(), c, []string{"{acme}:k"}, "v").Err(); err != nil {
		t.Fatal(err)
	}
	if v := c.Get(t.Context(), "{acme}:k").Val(); v != "v" {
		t.Fatalf("read %q, want v", v)
	}
	r.Flush()
	if n := c.Exists(t.Context(), "{acme}:k").Val(); n != 0 {
		t.Fatal("the key is still there after Flush")
	}
}

func TestRedisTTLRunsDown(t *testing.T) {
	r, err := StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	c := redis.NewClient(&redis.Options{Addr: r.Addr})
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Set(t.Context(), "k", "v", 10*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	late := time.After(time.Minute)
	for c.Exists(t.Context(), "k").Val() != 0 {
		select {
		case <-late:
			t.Fatal("the key outlived its TTL by a minute")
		case <-time.After(tick / 10):
		}
	}
}

func TestRedisComesBackOnTheSameAddress(t *testing.T) {
	r, err := StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	c := redis.NewClient(&redis.Options{Addr: r.Addr, MaxRetries: -1})
	t.Cleanup(func() { _ = c.Close() })
	r.Stop()
	if err := c.Ping(t.Context()).Err(); err == nil {
		t.Fatal("a stopped server answered")
	}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	if err := c.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
}
