package doctor

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/busyhour/busyhour/pkg/commit"
)

const oldestRedis = "7.0"

func lookAtRedis(ctx context.Context, a about, rdb redis.UniversalClient, tenants []string) {
	if cluster, ok := rdb.(*redis.ClusterClient); ok {
		err := cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
			lookAtNode(ctx, a.Findings.about("redis "+node.Options().Addr), node)
			return nil
		})
		if err != nil {
			a.fail("connection", "bring it back, or mend redis.addresses", "no answer from the Cluster: %v", err)
			return
		}
	} else if !lookAtNode(ctx, a, rdb) {
		return
	}
	lookAtMarks(ctx, a, rdb, tenants)
}

// lookAtNode looks at one server, and reports whether it answers.
func lookAtNode(ctx context.Context, a about, rdb redis.Cmdable) bool {
	took, err := roundTrip(ctx, rdb)
	switch {
	case err != nil && strings.HasPrefix(err.Error(), "NOAUTH"), err != nil && strings.HasPrefix(err.Error(), "WRONGPASS"):
		a.fail("connection", "set redis.username and redis.password as Redis has them", "%v", err)
		return false
	case err != nil && strings.HasPrefix(err.Error(), "NOPERM"):
		a.fail("permissions", "ACL SETUSER … +ping +client|setname: no connection is made without them", "%v", err)
		return false
	case err != nil:
		a.fail("connection", "bring it back, or mend redis.addresses; are redis.tls and a network policy right?", "no answer: %v", err)
		return false
	}
	switch level := grade(took, 5*time.Millisecond, 50*time.Millisecond); level {
	case OK:
		a.ok("round trip", "%s", took.Round(10*time.Microsecond))
	default:
		a.add(level, "round trip", took.Round(100*time.Microsecond).String(), "every decision costs several of them: run Redis near the pods")
	}
	info := infoOf(ctx, rdb)
	if len(info) == 0 {
		a.warn("INFO", "allow INFO to this user: the services need it to see whether Redis is the primary", "not told")
	}
	version(a, info)
	role(a, info)
	memory(a, info)
	persistence(a, info)
	replicas(ctx, a, rdb, info)
	clock(ctx, a, rdb)
	permissions(ctx, a, rdb)
	return true
}

// roundTrip is the median of a few.
func roundTrip(ctx context.Context, rdb redis.Cmdable) (time.Duration, error) {
	if err := rdb.Ping(ctx).Err(); err != nil { // it connects
		return 0, err
	}
	var all []time.Duration
	for range 5 {
		began := time.Now()
		if err := rdb.Ping(ctx).Err(); err != nil {
			return 0, err
		}
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}

// infoOf is what INFO tells, by name.
func infoOf(ctx context.Context, rdb redis.Cmdable) map[string]string {
	found := map[string]string{}
	for _, section := range []string{"server", "memory", "persistence", "replication"} {
		text, err := rdb.Info(ctx, section).Result()
		if err != nil {
			continue
		}
		for line := range strings.Lines(text) {
			if key, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
				found[key] = value
			}
		}
	}
	return found
}

func version(a about, info map[string]string) {
	v, ok := info["redis_version"]
	switch {
	case !ok:
	case older(v, oldestRedis):
		a.fail("version", "update it: scripts and ACLs need "+oldestRedis, "%s", v)
	default:
		a.ok("version", "%s", v)
	}
}

// older reports whether version a is before b; what is no number counts as 0.
func older(a, b string) bool {
	left, right := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(left), len(right)) {
		if x, y := part(left, i), part(right, i); x != y {
			return x < y
		}
	}
	return false
}

func part(parts []string, i int) int {
	if i >= len(parts) {
		return 0
	}
	digits := strings.TrimRightFunc(parts[i], func(r rune) bool { return r < '0' || r > '9' })
	n, _ := strconv.Atoi(digits)
	return n
}

func role(a about, info map[string]string) {
	switch info["role"] {
	case "":
	case "master":
		a.ok("role", "primary")
	default:
		a.fail("role", "name the primary in redis.addresses; or the Sentinels, and redis.master", "%s: it takes no commits", info["role"])
	}
}

func memory(a about, info map[string]string) {
	if policy, ok := info["maxmemory_policy"]; ok && policy != "noeviction" {
		a.fail("maxmemory-policy", "CONFIG SET maxmemory-policy noeviction, and in its configuration: when it is full it must refuse, not forget", "%s", policy)
	} else if ok {
		a.ok("maxmemory-policy", "%s", policy)
	}
	used, most := number(info["used_memory"]), number(info["maxmemory"])
	switch {
	case info["maxmemory"] == "":
	case most == 0:
		a.warn("maxmemory", "set it below the memory of its machine, or the kernel ends Redis where it could refuse", "no limit")
	default:
		share := float64(used) / float64(most)
		level, mend := grade(share, 0.7, 0.95), ""
		if level != OK {
			mend = "give it more memory: at the limit new calls are refused"
		}
		a.add(level, "memory", fmt.Sprintf("%.0f %% of %d MB used", 100*share, most>>20), mend)
	}
}

func persistence(a about, info map[string]string) {
	switch info["aof_enabled"] {
	case "":
		return
	case "0":
		a.warn("persistence", "appendonly yes, appendfsync everysec: without it a restart is a recovery from the log", "no append-only file")
	default:
		a.ok("persistence", "append-only file")
	}
	for _, last := range []string{"aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"} {
		if status := info[last]; status != "" && status != "ok" {
			a.fail(last, "look at its disk and its log", "%s", status)
		}
	}
	if info["loading"] == "1" {
		a.fail("loading", "wait", "it still reads its files")
	}
}

func replicas(ctx context.Context, a about, rdb redis.Cmdable, info map[string]string) {
	connected, ok := info["connected_slaves"]
	if !ok {
		return
	}
	if connected == "0" {
		a.warn("replicas", "give it a replica and Sentinels, or a Cluster: while Redis is away nobody routes", "none")
		return
	}
	a.ok("replicas", "%s", connected)
	if behind := number(info["slave_repl_offset"]); behind < 0 {
		a.warn("replication", "look at the replica", "behind")
	}
	least, err := rdb.ConfigGet(ctx, "min-replicas-to-write").Result()
	if err == nil && least["min-replicas-to-write"] == "0" {
		a.warn("min-replicas-to-write", "1, with min-replicas-max-lag 10: a primary that is cut off then stops by itself", "0")
	}
}

// clock compares Redis' clock with this machine's: decisions go by Redis', tokens and certificates by the machines'.
func clock(ctx context.Context, a about, rdb redis.Cmdable) {
	began := time.Now()
	theirs, err := rdb.Time(ctx).Result()
	if err != nil {
		return // permissions say so
	}
	tellSkew(a, theirs.Sub(began.Add(time.Since(began)/2)), time.Millisecond)
}

// tellSkew tells how far a clock is from this machine's, if it is further than one can measure.
func tellSkew(a about, skew, measurable time.Duration) {
	level := grade(skew.Abs(), 500*time.Millisecond+measurable, 5*time.Second+measurable)
	if level == OK {
		a.ok("clock", "within %s of this machine's", max(measurable, skew.Abs().Round(time.Millisecond)))
		return
	}
	a.add(level, "clock", fmt.Sprintf("%s from this machine's", skew.Round(time.Millisecond)), "let both ask a time server (chrony): tokens, certificates and logs go by these clocks")
}

// needed are commands that the services give, with what does no harm: keys that are not there, a script that is unknown.
var needed = [][]any{
	{"evalsha", "0000000000000000000000000000000000000000", 1, "{doctor}:call-routing:mark"},
	{"script", "exists", "0000000000000000000000000000000000000000"},
	{"hmget", "{doctor}:call-routing:mark", "epoch", "open"},
	{"hget", "{doctor}:call-routing:mark", "outbox"},
	{"zcard", "{doctor}:call-routing:1:live"},
	{"xlen", "{doctor}:provisioning:1:stream"},
	{"get", "{doctor}:call-routing:lease"},
	{"exists", "{doctor}:call-routing:mark"},
	{"unlink", "{doctor}:call-routing:doctor"},
	{"info", "replication"},
	{"time"},
}

// permissions tries what the services need.
func permissions(ctx context.Context, a about, rdb redis.Cmdable) {
	asking, ok := rdb.(interface {
		Do(ctx context.Context, args ...any) *redis.Cmd
	})
	if !ok {
		return
	}
	who := "this user"
	if name, err := asking.Do(ctx, "acl", "whoami").Text(); err == nil {
		who = "user " + name
	}
	var refused []string
	for _, command := range needed {
		if err := asking.Do(ctx, command...).Err(); err != nil && strings.HasPrefix(err.Error(), "NOPERM") {
			refused = append(refused, fmt.Sprint(command[0]))
		}
	}
	if len(refused) > 0 {
		a.fail("permissions", "ACL SETUSER with those commands, and the keys of all tenants ({*}:*)", "%s may not: %s", who, strings.Join(refused, ", "))
		return
	}
	a.ok("permissions", "%s may do what the services need", who)
	if who == "user default" {
		a.warn("user", "give each service a user of its own with what it needs, and set redis.username", "the default user, who mostly may do everything")
	}
}

var services = []string{"call-routing", "agent-presence", "provisioning"}

// lookAtMarks looks whether the tenants have state, and whether it is open.
func lookAtMarks(ctx context.Context, a about, rdb redis.UniversalClient, tenants []string) {
	for _, tenant := range tenants {
		for _, service := range services {
			mark, err := rdb.HMGet(ctx, commit.MarkKey(tenant, service), "epoch", "open").Result()
			check := "tenant " + tenant + ", " + service
			switch {
			case err != nil:
				a.fail(check, "see the permissions", "its mark can't be read: %v", err)
			case mark[0] == nil:
				a.warn(check, "start the service with this tenant; is the tenant spelled as in its configuration?", "has no state yet")
			case mark[1] != "1":
				a.fail(check, "busyhour state status says why", "closed, in epoch %v", mark[0])
			default:
				a.ok(check, "open, in epoch %v", mark[0])
			}
		}
	}
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}
