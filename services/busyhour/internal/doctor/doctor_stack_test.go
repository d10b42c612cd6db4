//go:build stack

package doctor

import (
	"os"
	"testing"

	"github.com/busyhour/busyhour/pkg/stacktest"
)

func TestARealRedisThatIsBadlySetIsFound(t *testing.T) {
	r := stacktest.StartRedis(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru", "--appendonly", "no")
	r.Do("acl", "setuser", "poor", "on", ">secret", "~*", "+ping", "+client|setname", "+info", "+acl|whoami", "+time")
	all := visitStack(t, "--redis.addresses="+r.Client().Options().Addr, "--redis.username=poor", "--redis.password=secret")
	has(t, all, "redis", "version", OK, "")
	has(t, all, "redis", "maxmemory-policy", Fail, "allkeys-lru")
	has(t, all, "redis", "persistence", Warn, "no append-only file")
	has(t, all, "redis", "replicas", Warn, "none")
	has(t, all, "redis", "permissions", Fail, "evalsha")
	has(t, all, "redis", "clock", OK, "")

	all = visitStack(t, "--redis.addresses="+r.Client().Options().Addr, "--redis.username=poor", "--redis.password=wrong")
	has(t, all, "redis", "connection", Fail, "WRONGPASS")
}

func TestARealStackIsLookedAt(t *testing.T) {
	all := visitStack(t, "--redis.addresses="+os.Getenv("BUSYHOUR_REDIS"))
	has(t, all, "redis", "version", OK, "")
	has(t, all, "redis", "role", OK, "primary")
	has(t, all, "redis", "maxmemory-policy", OK, "noeviction")
	has(t, all, "redis", "persistence", OK, "append-only")
	has(t, all, "redis", "permissions", OK, "")
	has(t, all, "kafka broker 1", "version", OK, "or later")
	has(t, all, "kafka broker 1", "unclean.leader.election.enable", OK, "false")
	has(t, all, "kafka broker 1", "auto.create.topics.enable", OK, "false")
	has(t, all, "kafka broker 1", "offsets.topic.replication.factor", Warn, "1")
	has(t, all, "nats", "push, tenant demo", OK, "arrives")

	all = visitStack(t, "--redis.addresses="+os.Getenv("BUSYHOUR_REDIS_CLUSTER"), "--redis.cluster")
	nodes := 0
	for _, f := range all {
		if f.Check == "role" && f.Level == OK {
			nodes++
		}
	}
	if nodes != 3 {
		t.Errorf("%d nodes of the Cluster were looked at:\n%s", nodes, printed(all))
	}
}

func visitStack(t *testing.T, flags ...string) []Finding {
	t.Helper()
	flags = append(flags, "--kafka.brokers="+os.Getenv("BUSYHOUR_KAFKA"), "--nats.url="+os.Getenv("BUSYHOUR_NATS"))
	all := Visit(t.Context(), Config{Common: common(t, flags...), Replication: 1})
	if testing.Verbose() {
		t.Log("\n" + printed(all))
	}
	return all
}
