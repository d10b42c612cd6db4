package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/pkg/config"
	"github.com/busyhour/busyhour/pkg/embedded"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/busyhour/internal/plan"
)

// has finds the finding about a check, and how bad it is.
func has(t *testing.T, all []Finding, about, check string, level Level, says string) {
	t.Helper()
	for _, f := range all {
		if f.About == about && f.Check == check && strings.Contains(f.Found, says) {
			if f.Level != level {
				t.Errorf("%s, %s is %s (%s), not %s", about, check, f.Level, f.Found, level)
			}
			if f.Level != OK && f.Mend == "" {
				t.Errorf("%s, %s: nothing says how to mend it", about, check)
			}
			return
		}
	}
	t.Errorf("nothing about %s, %s with %q among:\n%s", about, check, says, printed(all))
}

func printed(all []Finding) string {
	var b strings.Builder
	_ = Table(&b, all)
	return b.String()
}

func common(t *testing.T, flags ...string) boot.Common {
	t.Helper()
	var c boot.Common
	const cluster = "BUSYHOUR_REDIS_CLUSTER" // nodes of a Cluster to tests on real servers; to a service it is a switch
	if nodes, ok := os.LookupEnv(cluster); ok {
		os.Unsetenv(cluster)
		defer os.Setenv(cluster, nodes)
	}
	if err := config.Load("doctor", &c, flags); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheDoctorLooksAtEverything(t *testing.T) {
	kafka, err := embedded.StartKafka("", t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	defer kafka.Close()
	redis, err := embedded.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Close()
	nats, err := embedded.StartNATS()
	if err != nil {
		t.Fatal(err)
	}
	defer nats.Close()
	visit := func() []Finding {
		return Visit(t.Context(), Config{
			Common:      common(t, "--kafka.brokers="+kafka.Addr, "--redis.addresses="+redis.Addr, "--nats.url="+nats.URL, "--tenants=acme"),
			Replication: 1,
		})
	}
	has(t, visit(), "kafka", "topics", Fail, "call-routing.signals.v1")
	if err := plan.Apply(t.Context(), &bytes.Buffer{}, eventlog.Config{Brokers: []string{kafka.Addr}}, topics.Plan(), 1); err != nil {
		t.Fatal(err)
	}
	all := visit()
	has(t, all, "kafka", "topics", OK, "as planned")
	has(t, all, "kafka", "brokers", Warn, "1")
	has(t, all, "kafka", "group call-routing.signals", Warn, "no members")
	has(t, all, "nats", "push, tenant acme", OK, "arrives")
	has(t, all, "nats", "version", OK, "")
	has(t, all, "redis", "round trip", OK, "")
	has(t, all, "redis", "clock", OK, "")
	has(t, all, "redis", "permissions", OK, "")
	has(t, all, "redis", "tenant acme, call-routing", Warn, "no state")
	has(t, all, "pods", "pods", Warn, "none")
}

func TestServersThatAreAwayAreFindings(t *testing.T) {
	began := time.Now()
	all := Visit(t.Context(), Config{
		Common: common(t, "--kafka.brokers=127.0.0.1:1", "--redis.addresses=127.0.0.1:1", "--nats.url=nats://127.0.0.1:1"),
		Ops:    []string{"http://127.0.0.1:1"}, Replication: 3,
	})
	for _, about := range []string{"kafka", "redis", "nats", "pod http://127.0.0.1:1"} {
		has(t, all, about, "connection", Fail, "no answer")
	}
	if Worst(all) != Fail || time.Since(began) > patience {
		t.Errorf("%s after %s", Worst(all), time.Since(began))
	}
}

func TestWhatRedisTellsIsJudged(t *testing.T) {
	var f Findings
	a := f.about("redis")
	info := map[string]string{
		"redis_version": "6.2.14", "role": "slave", "maxmemory_policy": "allkeys-lru", "maxmemory": "1000000", "used_memory": "990000",
		"aof_enabled": "0", "rdb_last_bgsave_status": "err", "loading": "1",
	}
	version(a, info)
	role(a, info)
	memory(a, info)
	persistence(a, info)
	all := f.All()
	has(t, all, "redis", "version", Fail, "6.2.14")
	has(t, all, "redis", "role", Fail, "slave")
	has(t, all, "redis", "maxmemory-policy", Fail, "allkeys-lru")
	has(t, all, "redis", "memory", Fail, "99 %")
	has(t, all, "redis", "persistence", Warn, "no append-only file")
	has(t, all, "redis", "rdb_last_bgsave_status", Fail, "err")
	has(t, all, "redis", "loading", Fail, "")
}

func TestAWellRedisIsWell(t *testing.T) {
	var f Findings
	a := f.about("redis")
	info := map[string]string{
		"redis_version": "7.2.4", "role": "master", "maxmemory_policy": "noeviction", "maxmemory": "1000000", "used_memory": "10000",
		"aof_enabled": "1", "aof_last_write_status": "ok", "loading": "0",
	}
	version(a, info)
	role(a, info)
	memory(a, info)
	persistence(a, info)
	if Worst(f.All()) != OK {
		t.Error(printed(f.All()))
	}
}

func TestAClockThatIsFarOffIsTold(t *testing.T) {
	for skew, want := range map[time.Duration]Level{3 * time.Millisecond: OK, -time.Second: Warn, time.Minute: Fail} {
		var f Findings
		tellSkew(f.about("x"), skew, time.Millisecond)
		if got := f.All()[0].Level; got != want {
			t.Errorf("%s: %s", skew, got)
		}
	}
}

func TestVersionsAreOrderedByNumber(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{{"6.2.1", "7.0", true}, {"7.0.15", "7.0", false}, {"10.1", "7.0", false}, {"2.9.25-RC.1", "2.10", true}, {"7", "7.0", false}} {
		if older(c.a, c.b) != c.want {
			t.Errorf("%s before %s: %v", c.a, c.b, !c.want)
		}
	}
}

func TestWhatBrokersTellIsJudged(t *testing.T) {
	var f Findings
	a := f.about("kafka")
	lookAtBrokers(a, []eventlog.BrokerStatus{
		{ID: 1, Address: "a:9092", Version: "3.5", Settings: map[string]string{
			"unclean.leader.election.enable": "true", "auto.create.topics.enable": "true", "message.max.bytes": "1000", "offsets.topic.replication.factor": "1",
		}},
		{ID: 2, Address: "b:9092", Err: context.DeadlineExceeded},
		{ID: 3, Address: "c:9092", Version: "4.0"},
	}, 5)
	all := f.All()
	has(t, all, "kafka", "brokers", Fail, "3")
	has(t, all, "kafka broker 1", "version", Fail, "3.5")
	has(t, all, "kafka broker 1", "unclean.leader.election.enable", Fail, "true")
	has(t, all, "kafka broker 1", "auto.create.topics.enable", Warn, "true")
	has(t, all, "kafka broker 1", "message.max.bytes", Warn, "1000")
	has(t, all, "kafka broker 1", "offsets.topic.replication.factor", Warn, "1")
	has(t, all, "kafka broker 2", "connection", Fail, "b:9092")
	has(t, all, "kafka broker 3", "settings", Warn, "not told")
}

func TestTopicsAndGroupsAreJudged(t *testing.T) {
	var f Findings
	a := f.about("kafka")
	lookAtTopics(a, &eventlog.Cluster{
		Differs: []eventlog.Difference{
			{Topic: "x", What: "retention.ms", Plan: "2", Live: "1", Advice: "set it"},
			{Topic: "y", What: "the number of partitions", Plan: "3", Live: "6", Harmless: true, Advice: "left"},
		},
		Weak: []string{"x/0 has no leader"},
	})
	lookAtGroups(a, map[string]eventlog.GroupStatus{
		"one": {State: "Stable", Members: 4, Idle: 1}, "two": {State: "PreparingRebalance", Members: 2}, "three": {State: "Stable", Members: 3},
	}, []topics.Topic{{Partitions: 3, Groups: []string{"one", "two"}}, {Partitions: 6, Groups: []string{"three", "four"}}})
	all := f.All()
	has(t, all, "kafka", "topic x", Fail, "retention.ms is 1, the plan has 2")
	has(t, all, "kafka", "topic y", Warn, "6")
	has(t, all, "kafka", "partition", Fail, "no leader")
	has(t, all, "kafka", "group one", Warn, "1 of 4")
	has(t, all, "kafka", "group two", Warn, "rebalance")
	has(t, all, "kafka", "group three", OK, "3 members")
	has(t, all, "kafka", "group four", Warn, "no members")
}

// pretend is a pod that says this of itself.
func pretend(t *testing.T, service, version, ready, tenants string, ago time.Duration) string {
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-ago).UTC().Format(http.TimeFormat))
		if ready != "" {
			http.Error(w, ready, http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/statusz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"service":"` + service + `","pod":"p","tenants":[` + tenants + `]}`))
	})
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`go_build_info{checksum="",path="x",version="` + version + `"} 1` + "\n"))
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func TestPodsAreJudged(t *testing.T) {
	open, closed := `{"tenant":"acme","open":true,"epoch":7,"phase":"open"}`, `{"tenant":"acme","phase":"held","why":"too often"}`
	well := pretend(t, "call-routing", "v1", "", open, 0)
	sick := pretend(t, "call-routing", "v2", "waits for Kafka", closed, time.Minute)
	poor := pretend(t, "agent-presence", "v2", "", "", 0)
	var f Findings
	lookAtPods(t.Context(), &f, []string{well, sick, poor}, []string{"acme"})
	all := f.All()
	has(t, all, "pod "+well, "ready", OK, "")
	has(t, all, "pod "+well, "call-routing, tenant acme", OK, "epoch 7")
	has(t, all, "pod "+sick, "ready", Fail, "waits for Kafka")
	has(t, all, "pod "+sick, "call-routing, tenant acme", Fail, "held: too often")
	has(t, all, "pod "+sick, "clock", Fail, "-1m")
	has(t, all, "pod "+poor, "agent-presence, tenant acme", Fail, "not served")
	has(t, all, "pods", "call-routing", Warn, "1 × v1, 1 × v2")
	has(t, all, "pods", "agent-presence", OK, "v2")
}

func TestTheTableAndTheJSONSayTheSame(t *testing.T) {
	all := []Finding{{OK, "redis", "version", "7.2", ""}, {Fail, "kafka", "topics", "missing: x", "busyhour topics apply"}}
	if got := printed(all); !strings.Contains(got, "→ busyhour topics apply") || !strings.Contains(got, "1 ok, 0 warn, 1 fail") {
		t.Error(got)
	}
	var b bytes.Buffer
	if err := JSON(&b, all); err != nil {
		t.Fatal(err)
	}
	var back struct {
		Worst    Level
		Findings []Finding
	}
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || back.Worst != Fail || len(back.Findings) != 2 || back.Findings[1].Mend == "" {
		t.Errorf("%v %+v", err, back)
	}
}
