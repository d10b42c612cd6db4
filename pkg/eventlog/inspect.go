package eventlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/IBM/sarama"
)

// Cluster is what Inspect found.
type Cluster struct {
	Brokers []BrokerStatus
	// Missing are topics of the plan that are not there; Differs is what differs in those that are.
	Missing []string
	Differs []Difference
	// Weak are partitions without a leader or with fewer in-sync replicas than they need.
	Weak []string
	// Groups by name; one that nobody has joined is not among them.
	Groups map[string]GroupStatus
}

// BrokerStatus is one broker.
type BrokerStatus struct {
	ID      int32
	Address string
	// Version is the oldest release that speaks as it does: "3.6", say; "" if it cannot be told.
	Version string
	// Took is how long it took to answer.
	Took time.Duration
	// Settings are those that it told; empty if we may not read them.
	Settings map[string]string
	// Err says why it was not asked.
	Err error
}

// GroupStatus is one consumer group.
type GroupStatus struct {
	State   string
	Members int
	// Idle members have no partition.
	Idle int
}

// Inspect looks at a cluster, the topics of the plan and these groups, and changes nothing.
func Inspect(ctx context.Context, cfg Config, plan []TopicSpec, groups []string, replication int16) (*Cluster, error) {
	conf, err := cfg.client()
	if err != nil {
		return nil, err
	}
	conf.Metadata.Full = true
	conf.Metadata.Retry.Max = 1
	client, err := sarama.NewClient(cfg.Brokers, conf)
	if err != nil {
		return nil, fmt.Errorf("connect to %v: %w", cfg.Brokers, err)
	}
	defer client.Close()
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return nil, fmt.Errorf("connect to %v: %w", cfg.Brokers, err)
	}
	i := inspector{ensurer{client: client, admin: admin, replication: replication}}
	c := &Cluster{Groups: map[string]GroupStatus{}}
	for _, b := range client.Brokers() {
		c.Brokers = append(c.Brokers, i.broker(b, conf))
	}
	slices.SortFunc(c.Brokers, func(a, b BrokerStatus) int { return int(a.ID - b.ID) })
	if err := ctx.Err(); err != nil {
		return c, err
	}
	return c, errors.Join(i.topics(plan, c), i.groups(groups, c))
}

type inspector struct{ ensurer }

func (i inspector) broker(b *sarama.Broker, conf *sarama.Config) BrokerStatus {
	s := BrokerStatus{ID: b.ID(), Address: b.Addr()}
	if err := b.Open(conf); err != nil && !errors.Is(err, sarama.ErrAlreadyConnected) {
		s.Err = err
		return s
	}
	began := time.Now()
	versions, err := b.ApiVersions(&sarama.ApiVersionsRequest{})
	s.Took = time.Since(began)
	if err != nil {
		s.Err = err
		return s
	}
	s.Version = release(versions)
	s.Settings, _ = i.settingsOf(b.ID()) // not everybody may read them
	return s
}

// releases are what tells one from the one before: an API and the highest version of it that a broker speaks.
var releases = []struct {
	name         string
	api, version int16
}{
	{"4.0", 1, 17}, // Fetch; with Produce from 3 on, which older ones speak from 0
	{"3.9", 1, 17},
	{"3.7", 1, 16},
	{"3.6", 2, 8}, // ListOffsets
	{"3.5", 1, 15},
	{"3.1", 1, 13},
	{"2.7", 1, 12},
}

const produce = 0

func release(r *sarama.ApiVersionsResponse) string {
	lowest, highest := map[int16]int16{}, map[int16]int16{}
	for _, k := range r.ApiKeys {
		lowest[k.ApiKey], highest[k.ApiKey] = k.MinVersion, k.MaxVersion
	}
	for _, l := range releases {
		if highest[l.api] >= l.version && (l.name != "4.0" || lowest[produce] >= 3) {
			return l.name
		}
	}
	return ""
}

func (i inspector) settingsOf(broker int32) (map[string]string, error) {
	described, err := i.admin.DescribeConfigs([]*sarama.ConfigResource{{Type: sarama.BrokerResource, Name: strconv.Itoa(int(broker))}}, sarama.DescribeConfigsOptions{})
	if err != nil {
		return nil, err
	}
	settings := map[string]string{}
	for _, one := range described {
		if one.ErrorCode != sarama.ErrNoError {
			return nil, one.ErrorCode
		}
		for _, e := range one.Configs {
			if !e.Sensitive {
				settings[e.Name] = e.Value
			}
		}
	}
	return settings, nil
}

func (i inspector) topics(plan []TopicSpec, c *Cluster) error {
	live, err := i.describe(plan)
	if err != nil {
		return err
	}
	for _, spec := range plan {
		topic, there := live[spec.Name]
		if !there {
			c.Missing = append(c.Missing, spec.Name)
			continue
		}
		differs, err := i.compare(spec, topic)
		if err != nil {
			return err
		}
		c.Differs = append(c.Differs, differs...)
		c.Weak = append(c.Weak, weak(topic, i.inSync())...)
	}
	return nil
}

func weak(topic *sarama.TopicMetadata, needed int) (found []string) {
	for _, p := range topic.Partitions {
		switch {
		case p.Leader < 0:
			found = append(found, fmt.Sprintf("%s/%d has no leader", topic.Name, p.ID))
		case len(p.Isr) < min(needed, len(p.Replicas)):
			found = append(found, fmt.Sprintf("%s/%d has %d in-sync replicas of %d", topic.Name, p.ID, len(p.Isr), len(p.Replicas)))
		}
	}
	return found
}

func (i inspector) groups(names []string, c *Cluster) error {
	described, err := i.admin.DescribeConsumerGroups(names)
	if err != nil {
		return fmt.Errorf("describe groups: %w", err)
	}
	for _, g := range described {
		if g.State == "" || g.State == "Dead" {
			continue
		}
		s := GroupStatus{State: g.State, Members: len(g.Members)}
		for m := range maps.Values(g.Members) {
			a, err := m.GetMemberAssignment()
			if g.State == "Stable" && err == nil && (a == nil || len(a.Topics) == 0) {
				s.Idle++
			}
		}
		c.Groups[g.GroupId] = s
	}
	return nil
}
