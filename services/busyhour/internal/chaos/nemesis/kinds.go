package nemesis

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/stage"
)

// realm is what a fault breaks. Two of one realm never overlap.
type realm int

const (
	ofPods realm = iota + 1
	ofLinks
	ofRedis
	ofKafka
	ofNATS
)

// kind is one way to break something. strike breaks, and returns what mends.
type kind struct {
	name   string
	says   string
	realm  realm
	only   stage.Layout // where it can be done; empty: anywhere
	draw   func(*rand.Rand, Setting) Fault
	strike func(*Nemesis, context.Context, Fault) (mend func(context.Context) error, err error)
}

func (k *kind) fits(s Setting) bool {
	return (k.only == "" || k.only == s.Layout) && (k.name != skewKind || s.Clocks) && (len(s.Only) == 0 || slices.Contains(s.Only, k.name))
}

const (
	second   = time.Second
	skewKind = "pod-skew"
)

// kinds is everything that the nemesis can do.
var kinds = []kind{
	{"pod-kill", "kill -9, started again after a while", ofPods, "", somePod(second/2, 6*second), (*Nemesis).killPod},
	{"pod-pause", "SIGSTOP, then it wakes and goes on with what it was about to write", ofPods, "", somePod(5*second, 30*second), (*Nemesis).pausePod},
	{"pod-restarts", "every pod of a service ends and starts, twice: consumer groups rebalance all the time", ofPods, "", someService, (*Nemesis).restartPods},
	{skewKind, "a pod runs with a clock that is wrong by up to an hour", ofPods, "", skewed, (*Nemesis).skewPod},

	{"link-cut", "connections between a pod and a server are reset and refused", ofLinks, "", someLink(second, 8*second), (*Nemesis).cutLink},
	{"link-hole", "nothing passes between a pod and a server, nothing is closed", ofLinks, "", someLink(2*second, 10*second), (*Nemesis).holeLink},
	{"link-slow", "what passes between a pod and a server is late", ofLinks, "", slowed, (*Nemesis).slowLink},
	{"pod-isolate", "a pod reaches no server at all", ofLinks, "", somePod(2*second, 10*second), (*Nemesis).isolatePod},

	{"redis-flushall", "every primary is emptied", ofRedis, "", moment, (*Nemesis).flush},
	{"redis-restart", "kill -9 of the primary, started again before anybody takes over", ofRedis, "", somewhere(second/10, second/2), (*Nemesis).killRedis},
	{"redis-kill", "kill -9 of the primary, the replica takes over, it comes back as a replica", ofRedis, "", somewhere(7*second, 12*second), (*Nemesis).killRedis},
	{"redis-pause", "SIGSTOP of the primary; the replica takes over, then it wakes as a second primary", ofRedis, "", somewhere(5*second, 10*second), (*Nemesis).pauseRedis},
	{"redis-stall", "SIGSTOP of the primary, too short for a fail-over", ofRedis, "", somewhere(second/5, second), (*Nemesis).pauseRedis},
	{"redis-failover", "a healthy replica is told to take over", ofRedis, "", somewhere(3*second, 5*second), (*Nemesis).failOver},
	{"redis-lagging-failover", "the replica hears nothing for seconds, then the primary dies", ofRedis, "", somewhere(8*second, 12*second), (*Nemesis).failOverToLaggard},
	{"redis-torn-aof", "the primary starts again on a file whose end is missing", ofRedis, "", torn, (*Nemesis).tearAOF},
	{"split", "the primary and half of the pods on one side, everybody else on the other; the majority promotes the replica while clients write on both sides", ofRedis, "", somewhere(8*second, 15*second), (*Nemesis).split},
	{"redis-full", "no memory for anything more", ofRedis, "", somewhere(2*second, 6*second), (*Nemesis).fillRedis},
	{"redis-read-only", "REPLICAOF there and back", ofRedis, stage.Sentinel, somewhere(second, 4*second), (*Nemesis).readOnly},

	{"kafka-kill", "kill -9 of the broker", ofKafka, "", anytime(2*second, 8*second), (*Nemesis).killKafka},
	{"kafka-pause", "SIGSTOP of the broker", ofKafka, "", anytime(2*second, 8*second), (*Nemesis).pauseKafka},
	{"nats-kill", "kill -9 of the server", ofNATS, "", anytime(second, 8*second), (*Nemesis).killNATS},
}

func named(name string) kind {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	return kinds[i]
}

func between(r *rand.Rand, low, high time.Duration) time.Duration {
	return (low + time.Duration(r.Int64N(int64(high-low)))).Round(time.Millisecond)
}

func pick(r *rand.Rand, of []string) string { return of[r.IntN(len(of))] }

func anytime(low, high time.Duration) func(*rand.Rand, Setting) Fault {
	return func(r *rand.Rand, _ Setting) Fault { return Fault{For: between(r, low, high)} }
}

func somePod(low, high time.Duration) func(*rand.Rand, Setting) Fault {
	return func(r *rand.Rand, s Setting) Fault { return Fault{For: between(r, low, high), Pod: pick(r, s.Pods)} }
}

func someService(r *rand.Rand, s Setting) Fault {
	return Fault{For: 6 * second, Service: pick(r, s.Services)}
}

func someLink(low, high time.Duration) func(*rand.Rand, Setting) Fault {
	return func(r *rand.Rand, s Setting) Fault {
		return Fault{For: between(r, low, high), Pod: pick(r, s.Pods), Server: pick(r, []string{"redis", "kafka", "nats"})}
	}
}

func slowed(r *rand.Rand, s Setting) Fault {
	f := someLink(3*second, 10*second)(r, s)
	f.By = between(r, 5*time.Millisecond, 150*time.Millisecond)
	return f
}

// skewed by up to an hour, either way.
func skewed(r *rand.Rand, s Setting) Fault {
	f := somePod(6*second, 12*second)(r, s)
	f.By = between(r, -time.Hour, time.Hour)
	return f
}

func somewhere(low, high time.Duration) func(*rand.Rand, Setting) Fault {
	return func(r *rand.Rand, s Setting) Fault {
		return Fault{For: between(r, low, high), Tenant: pick(r, s.Tenants)}
	}
}

func moment(_ *rand.Rand, s Setting) Fault { return Fault{For: 2 * second, Tenant: s.Tenants[0]} }

func torn(r *rand.Rand, s Setting) Fault {
	f := somewhere(second/2, second)(r, s)
	f.Share = 0.1 + 0.8*r.Float64()
	return f
}
