//go:build stack

package boot

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/busyhour/busyhour/pkg/stacktest"
)

// The server that commands go to must be the very process that the Sentinels name.
func TestOnlyTheServerThatSentinelsNameIsThePrimary(t *testing.T) {
	named, other := stacktest.StartRedis(t), stacktest.StartRedis(t)
	c := RedisConfig{Addresses: []string{startSentinel(t, named.Addr)}, Master: "main"}
	through := func(addr string) func(context.Context, string) error {
		rdb := redis.NewClient(&redis.Options{Addr: addr})
		t.Cleanup(func() { _ = rdb.Close() })
		return discovery(redisOptions(c, nil, "x"), rdb)
	}
	late := time.After(20 * time.Second)
	for err := through(named.Addr)(t.Context(), "acme"); err != nil; err = through(named.Addr)(t.Context(), "acme") {
		select {
		case <-time.After(20 * time.Millisecond): // the Sentinel is starting
		case <-late:
			t.Fatal(err)
		}
	}
	if err := through(other.Addr)(t.Context(), "acme"); err == nil || !strings.Contains(err.Error(), "another server") {
		t.Errorf("a server that nobody elected passes: %v", err)
	}
	c.Addresses = append(c.Addresses, "127.0.0.1:1", "127.0.0.1:1")
	if err := through(named.Addr)(t.Context(), "acme"); err == nil {
		t.Error("one Sentinel of three is a majority")
	}
}

func startSentinel(t *testing.T, primary string) string {
	t.Helper()
	host, port, err := net.SplitHostPort(primary)
	if err != nil {
		t.Fatal(err)
	}
	address := free(t)
	_, own, _ := net.SplitHostPort(address)
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	text := "port " + own + "\nbind 127.0.0.1\nsentinel monitor main " + host + " " + port + " 1\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("redis-server", conf, "--sentinel")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return address
}
