package eventlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// TopicSpec is what a topic should be.
type TopicSpec struct {
	Name string
	// Partitions at creation. A topic may have grown since, unless this is 1: one partition is one order, and more would
	// break it.
	Partitions int32
	// Cleanup is "delete" or "compact".
	Cleanup string
	// Retention of a topic with cleanup "delete"; of a compacted one, for how long what is not the latest stays at least.
	Retention time.Duration
}

// Report says what Ensure found and did.
type Report struct {
	Created []string
	// AsPlanned were there and are as the plan has them.
	AsPlanned []string
	// Differs lists what is not, topic by topic.
	Differs []Difference
}

// Difference is one thing about one topic that is not as the plan has it. Ensure leaves it as it is.
type Difference struct {
	Topic, What string
	Plan, Live  string
	// Harmless differences are more than the plan asks for; the others break a promise.
	Harmless bool
	// Advice says what to do about it.
	Advice string
}

func (d Difference) String() string {
	return fmt.Sprintf("topic %s: %s is %s, the plan has %s: %s", d.Topic, d.What, d.Live, d.Plan, d.Advice)
}

// Err is nil if all differences are harmless.
func (r Report) Err() error {
	var errs []error
	for _, d := range r.Differs {
		if !d.Harmless {
			errs = append(errs, errors.New(d.String()))
		}
	}
	return errors.Join(errs...)
}

// Ensure creates the topics that are missing and compares the others with the plan. It changes no topic that is there:
// it never shrinks one, and to let one grow is an operation of its own. The error is about what could not be done; or,
// with everything reported, Report.Err about differences that break a promise.
func Ensure(ctx context.Context, cfg Config, plan []TopicSpec, replication int16) (Report, error) {
	conf, err := cfg.client()
	if err != nil {
		return Report{}, fmt.Errorf("check topics: %w", err)
	}
	conf.Metadata.Full = true // without it sarama asks for no topics, and so never learns the controller
	client, err := sarama.NewClient(cfg.Brokers, conf)
	if err != nil {
		return Report{}, fmt.Errorf("check topics: connect to %v: %w", cfg.Brokers, err)
	}
	defer client.Close()
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return Report{}, fmt.Errorf("check topics: connect to %v: %w", cfg.Brokers, err)
	}
	e := ensurer{client: client, admin: admin, replication: replication}
	report, err := e.run(ctx, plan)
	if err != nil {
		return report, fmt.Errorf("check topics: %w", err)
	}
	return report, report.Err()
}

type ensurer struct {
	client      sarama.Client
	admin       sarama.ClusterAdmin
	replication int16
}

func (e *ensurer) run(ctx context.Context, plan []TopicSpec) (Report, error) {
	var report Report
	live, err := e.describe(plan)
	if err != nil {
		return report, err
	}
	for _, spec := range plan {
		if err := ctx.Err(); err != nil {
			return report, context.Cause(ctx)
		}
		topic, there := live[spec.Name]
		if !there {
			if err := e.create(spec); err != nil {
				return report, err
			}
			report.Created = append(report.Created, spec.Name)
			continue
		}
		differs, err := e.compare(spec, topic)
		if err != nil {
			return report, err
		}
		if len(differs) == 0 {
			report.AsPlanned = append(report.AsPlanned, spec.Name)
		}
		report.Differs = append(report.Differs, differs...)
	}
	return report, e.known(ctx, report.Created)
}

// describe gives those of the plan that are there.
func (e *ensurer) describe(plan []TopicSpec) (map[string]*sarama.TopicMetadata, error) {
	names := make([]string, len(plan))
	for i, spec := range plan {
		names[i] = spec.Name
	}
	found, err := e.admin.DescribeTopics(names)
	if err != nil {
		return nil, fmt.Errorf("describe: %w", err)
	}
	live := map[string]*sarama.TopicMetadata{}
	for _, topic := range found {
		switch {
		case errors.Is(topic.Err, sarama.ErrUnknownTopicOrPartition):
		case !errors.Is(topic.Err, sarama.ErrNoError):
			return nil, fmt.Errorf("describe %s: %w", topic.Name, topic.Err)
		default:
			live[topic.Name] = topic
		}
	}
	return live, nil
}

func (e *ensurer) create(spec TopicSpec) error {
	entries := map[string]*string{}
	for key, value := range e.settings(spec) {
		entries[key] = &value
	}
	err := e.admin.CreateTopic(spec.Name, &sarama.TopicDetail{
		NumPartitions: spec.Partitions, ReplicationFactor: e.replication, ConfigEntries: entries,
	}, false)
	if err != nil && !errors.Is(err, sarama.ErrTopicAlreadyExists) { // somebody else may have been first
		return fmt.Errorf("create %s with %d partitions, %d replicas: %w", spec.Name, spec.Partitions, e.replication, err)
	}
	return nil
}

// settings of a new topic.
func (e *ensurer) settings(spec TopicSpec) map[string]string {
	s := map[string]string{
		"cleanup.policy":      spec.Cleanup,
		"min.insync.replicas": strconv.Itoa(e.inSync()),
	}
	if spec.Cleanup == "compact" {
		maps.Copy(s, compactionOf(spec))
	} else {
		s["retention.ms"] = strconv.FormatInt(spec.Retention.Milliseconds(), 10)
	}
	return s
}

// compaction are the settings with which whoever reads a compacted topic from its start, and a recovery waits for that,
// reads little more than what lives. Kafka's own keep a week of history and a day of tombstones.
var compaction = map[string]string{
	"segment.ms":                "120000", // what is being written to is never compacted: roll it often
	"min.cleanable.dirty.ratio": "0.1",
	"max.compaction.lag.ms":     "300000",
	"delete.retention.ms":       "900000", // a reader that takes longer from start to end may miss a tombstone
}

// compactionOf a topic that keeps what is not the latest for a while: Kafka wants the longest wait to be no shorter.
func compactionOf(spec TopicSpec) map[string]string {
	s := maps.Clone(compaction)
	if kept := spec.Retention.Milliseconds(); kept > 0 {
		s["min.compaction.lag.ms"] = strconv.FormatInt(kept, 10)
		s["max.compaction.lag.ms"] = strconv.FormatInt(2*kept, 10)
	}
	return s
}

// inSync replicas must have a message before it is acknowledged: with one alone, an acknowledged event dies with a disk.
func (e *ensurer) inSync() int { return max(1, int(e.replication)-1) }

func (e *ensurer) compare(spec TopicSpec, live *sarama.TopicMetadata) ([]Difference, error) {
	var differs []Difference
	differ := func(what string, plan, live any, harmless bool, advice string) {
		differs = append(differs, Difference{spec.Name, what, fmt.Sprint(plan), fmt.Sprint(live), harmless, advice})
	}
	switch n := int32(len(live.Partitions)); {
	case n < spec.Partitions:
		differ("the number of partitions", spec.Partitions, n, false, "let it grow: busyhour topics grow")
	case n > spec.Partitions && spec.Partitions == 1:
		differ("the number of partitions", spec.Partitions, n, false, "a topic can't shrink, make it anew under another name")
	case n > spec.Partitions:
		differ("the number of partitions", spec.Partitions, n, true, "a topic never shrinks, it is left as it is")
	}
	if n := replicasOf(live); n < int(e.replication) {
		differ("the number of replicas", e.replication, n, false, "reassign its partitions with more replicas")
	}
	have, err := e.present(spec.Name)
	if err != nil {
		return nil, fmt.Errorf("describe the settings of %s: %w", spec.Name, err)
	}
	if policy := have["cleanup.policy"]; !strings.EqualFold(policy, spec.Cleanup) {
		differ("cleanup.policy", spec.Cleanup, policy, false, "set it with kafka-configs --alter")
	}
	if n := number(have["min.insync.replicas"]); n < int64(e.inSync()) {
		differ("min.insync.replicas", e.inSync(), n, false, "set it with kafka-configs --alter")
	}
	if spec.Cleanup == "compact" {
		plan := compactionOf(spec)
		for _, key := range slices.Sorted(maps.Keys(plan)) {
			if live, told := have[key]; told && live != plan[key] {
				differ(key, plan[key], live, true, "nothing is wrong, but a recovery may read much more than what lives; set it with kafka-configs --alter")
			}
		}
	} else {
		switch plan, ms := spec.Retention.Milliseconds(), number(have["retention.ms"]); {
		case ms >= 0 && ms < plan: // -1 keeps forever
			differ("retention.ms", plan, ms, false, "set it with kafka-configs --alter")
		case ms != plan:
			differ("retention.ms", plan, ms, true, "it is kept longer")
		}
	}
	return differs, nil
}

func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// replicasOf is the smallest number of replicas of a partition.
func replicasOf(topic *sarama.TopicMetadata) int {
	least := 1 << 15
	for _, p := range topic.Partitions {
		least = min(least, len(p.Replicas))
	}
	return least
}

// knownLook is how often a broker is asked whether it knows what another has made.
const knownLook = 50 * time.Millisecond

// known waits until new topics have leaders: CreateTopic returns before all brokers know of them.
func (e *ensurer) known(ctx context.Context, topics []string) error {
	for _, topic := range topics {
		for {
			err := e.client.RefreshMetadata(topic)
			if err == nil {
				break
			}
			select {
			case <-time.After(knownLook):
			case <-ctx.Done():
				return fmt.Errorf("topic %s was created and has no leader yet: %w", topic, errors.Join(err, context.Cause(ctx)))
			}
		}
	}
	return nil
}

// present reads the settings that the topic has.
func (e *ensurer) present(topic string) (map[string]string, error) {
	topics := []*sarama.ConfigResource{{Type: sarama.TopicResource, Name: topic}}
	results, err := e.admin.DescribeConfigs(topics, sarama.DescribeConfigsOptions{})
	if err != nil {
		return nil, err
	}
	have := map[string]string{}
	for _, result := range results {
		if result.ErrorCode != sarama.ErrNoError {
			return nil, fmt.Errorf("%w: %s", result.ErrorCode, result.ErrorMsg)
		}
		for _, entry := range result.Configs {
			have[entry.Name] = entry.Value
		}
	}
	return have, nil
}
