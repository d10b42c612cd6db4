package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/busyhour/internal/plan"
)

const (
	oldestKafka = "3.6"
	// What the services send in one message at most, and some room.
	largestMessage = 1_000_000
)

func lookAtKafka(_ context.Context, a about, cfg eventlog.Config, replication int16) {
	// sarama's calls have no context: the visit's patience does not reach them, their own time-outs do.
	c, err := eventlog.Inspect(context.Background(), cfg, plan.Specs(topics.Plan()), groupsOf(topics.Plan()), replication)
	if c == nil {
		a.fail("connection", "bring it back, or mend kafka.brokers; are kafka.tls, kafka.sasl and a network policy right?", "no answer: %v", err)
		return
	}
	if err != nil {
		a.fail("questions", "give this user Describe and DescribeConfigs on the topics, groups and the cluster", "not all could be asked: %v", err)
	}
	lookAtBrokers(a, c.Brokers, replication)
	lookAtTopics(a, c)
	lookAtGroups(a, c.Groups, topics.Plan())
}

func groupsOf(all []topics.Topic) []string {
	names := map[string]bool{}
	for _, t := range all {
		for _, g := range t.Groups {
			names[g] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func lookAtBrokers(a about, brokers []eventlog.BrokerStatus, replication int16) {
	switch n := len(brokers); {
	case n < int(replication):
		a.fail("brokers", fmt.Sprintf("run %d: topics want %[1]d replicas", replication), "%d", n)
	case n < 3:
		a.warn("brokers", "run three: with fewer, the loss of one stops acknowledgements or loses what was acknowledged", "%d", n)
	default:
		a.ok("brokers", "%d", n)
	}
	for _, b := range brokers {
		lookAtBroker(a.Findings.about(fmt.Sprintf("kafka broker %d", b.ID)), b)
	}
}

func lookAtBroker(a about, b eventlog.BrokerStatus) {
	if b.Err != nil {
		a.fail("connection", "bring it back; is the address that it advertises one that this machine can reach?", "no answer from %s: %v", b.Address, b.Err)
		return
	}
	if level := grade(b.Took, 50*time.Millisecond, time.Second); level != OK {
		a.add(level, "round trip", b.Took.Round(time.Millisecond).String(), "look at its load and the network")
	}
	switch {
	case b.Version == "":
		a.warn("version", "", "it can't be told")
	case older(b.Version, oldestKafka):
		a.fail("version", "update it to "+oldestKafka+" or later", "%s", b.Version)
	default:
		a.ok("version", "%s or later, at %s", b.Version, b.Address)
	}
	if len(b.Settings) == 0 {
		a.warn("settings", "give this user DescribeConfigs on the cluster, to have them looked at", "not told")
		return
	}
	want(a, b.Settings, "unclean.leader.election.enable", "false", Fail, "set it to false: a replica that lacks acknowledged events must not lead")
	want(a, b.Settings, "auto.create.topics.enable", "false", Warn, "set it to false: a topic that a mistake makes has one partition and the wrong settings")
	atLeast(a, b.Settings, "message.max.bytes", largestMessage)
	atLeast(a, b.Settings, "offsets.topic.replication.factor", 3)
	atLeast(a, b.Settings, "transaction.state.log.replication.factor", 3)
	atLeast(a, b.Settings, "transaction.state.log.min.isr", 2)
}

func want(a about, settings map[string]string, name, value string, level Level, mend string) {
	got, told := settings[name]
	switch {
	case !told:
	case got != value:
		a.add(level, name, got, mend)
	default:
		a.ok(name, "%s", got)
	}
}

func atLeast(a about, settings map[string]string, name string, least int64) {
	got, told := settings[name]
	switch {
	case !told:
	case number(got) < least:
		a.warn(name, fmt.Sprintf("raise it to %d at least", least), "%s", got)
	default:
		a.ok(name, "%s", got)
	}
}

func lookAtTopics(a about, c *eventlog.Cluster) {
	if len(c.Missing) > 0 {
		a.fail("topics", "busyhour topics apply", "missing: %s", strings.Join(c.Missing, ", "))
	}
	broken := 0
	for _, d := range c.Differs {
		level := Fail
		if d.Harmless {
			level = Warn
		} else {
			broken++
		}
		a.add(level, "topic "+d.Topic, fmt.Sprintf("%s is %s, the plan has %s", d.What, d.Live, d.Plan), d.Advice)
	}
	for _, w := range c.Weak {
		a.fail("partition", "bring its brokers back: acknowledgements of its keys wait", "%s", w)
	}
	if len(c.Missing)+broken+len(c.Weak) == 0 {
		a.ok("topics", "all %d as planned", len(topics.Plan()))
	}
}

func lookAtGroups(a about, found map[string]eventlog.GroupStatus, all []topics.Topic) {
	partitions := map[string]int32{}
	for _, t := range all {
		for _, g := range t.Groups {
			partitions[g] = max(partitions[g], t.Partitions)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(partitions)) {
		g, there := found[name]
		switch {
		case !there || g.Members == 0:
			a.warn("group "+name, "start the service: nobody reads for it", "no members")
		case g.Idle > 0:
			a.warn("group "+name, fmt.Sprintf("run at most %d pods, or let its topics grow", partitions[name]), "%d of %d members have no partition", g.Idle, g.Members)
		case g.State != "Stable":
			a.warn("group "+name, "look again in a minute; if it does not become stable, pods come and go", "%s, %d members", strings.ToLower(g.State), g.Members)
		default:
			a.ok("group "+name, "%d members", g.Members)
		}
	}
}
