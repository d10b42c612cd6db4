package eventlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/oklog/ulid/v2"
)

const (
	// hearTime is how long producers have to hear that a topic begins to grow, before it has partitions that their keys must
	// not go to yet. Their tail is there within milliseconds.
	hearTime = time.Second
	// growTries is how often the markers are put in again because an epoch was taken meanwhile.
	growTries = 8
)

// ErrShrink is why a topic is not given fewer partitions than it has.
var ErrShrink = errors.New("a topic never has fewer partitions")

// Partitions asks how many partitions each of the topics has; 0 for one that does not exist.
func Partitions(cfg Config, topics ...string) (map[string]int32, error) {
	counts := map[string]int32{}
	err := administer(cfg, func(_ sarama.Client, admin sarama.ClusterAdmin) error {
		found, err := admin.DescribeTopics(topics)
		if err != nil {
			return err
		}
		for _, topic := range found {
			switch {
			case errors.Is(topic.Err, sarama.ErrUnknownTopicOrPartition):
			case !errors.Is(topic.Err, sarama.ErrNoError):
				return fmt.Errorf("%s: %w", topic.Name, topic.Err)
			default:
				counts[topic.Name] = int32(len(topic.Partitions))
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("how many partitions there are: %w", err)
	}
	return counts, nil
}

// Extend gives a topic partitions until it has so many, and waits until they have leaders. It is all that a topic without
// markers needs.
func Extend(ctx context.Context, cfg Config, topic string, to int32) error {
	err := administer(cfg, func(client sarama.Client, admin sarama.ClusterAdmin) error {
		have, err := countOf(client, topic)
		if err == nil && have < to {
			failed := admin.CreatePartitions(topic, to, nil, false)
			if have, err = countOf(client, topic); failed != nil && have < to { // else somebody else was first
				return failed
			}
		}
		switch {
		case err != nil:
			return err
		case have > to:
			return fmt.Errorf("it has %d: %w", have, ErrShrink)
		}
		return led(ctx, client, topic, to)
	})
	if err != nil {
		return fmt.Errorf("give %s %d partitions: %w", topic, to, err)
	}
	return nil
}

func countOf(client sarama.Client, topic string) (int32, error) {
	if err := client.RefreshMetadata(topic); err != nil {
		return 0, err
	}
	partitions, err := client.Partitions(topic)
	return int32(len(partitions)), err
}

func administer(cfg Config, do func(sarama.Client, sarama.ClusterAdmin) error) error {
	conf, err := cfg.client()
	if err != nil {
		return err
	}
	conf.Metadata.Full = true // without it sarama asks for no topics, and so never learns the controller
	client, err := sarama.NewClient(cfg.Brokers, conf)
	if err != nil {
		return err
	}
	defer client.Close()
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return err
	}
	return do(client, admin)
}

// led waits until the topic has so many partitions, each with a leader.
func led(ctx context.Context, client sarama.Client, topic string, want int32) error {
	for {
		err := client.RefreshMetadata(topic)
		writable, _ := client.WritablePartitions(topic)
		if err == nil && int32(len(writable)) >= want {
			return nil
		}
		select {
		case <-time.After(knownLook):
		case <-ctx.Done():
			return fmt.Errorf("%d of %d have a leader: %w", len(writable), want, errors.Join(err, context.Cause(ctx)))
		}
	}
}

// Grower lets an events topic grow while it is written to and recovered from. Nothing waits for it.
//
//	"it begins" ─▶ partitions ─▶ markers of the newest epochs into them ─▶ "it is done" ─▶ keys go there
//	                                ▲                                          │
//	                                └──────── an epoch was taken before ◀──────┘
//
// Whatever stops it on the way leaves the keys where they were; to grow once more goes on from there.
type Grower struct {
	Kafka    Config
	Epochs   *EpochLog // running
	Producer *Producer
	// By says in the log who it was, Say tells whoever watches how far it is.
	By  string
	Say func(format string, args ...any)
}

// Grow returns when the keys of the topic go to so many partitions.
func (g *Grower) Grow(ctx context.Context, topic string, to int32) error {
	if err := g.grow(ctx, topic, to); err != nil {
		return fmt.Errorf("grow %s to %d: %w", topic, to, err)
	}
	return nil
}

func (g *Grower) grow(ctx context.Context, topic string, to int32) error {
	from, err := g.begin(ctx, topic, to)
	if err != nil || from == to {
		return err
	}
	select {
	case <-time.After(hearTime):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := Extend(ctx, g.Kafka, topic, to); err != nil {
		return err
	}
	g.Say("%s has %d partitions", topic, to)
	for range growTries {
		epochs, err := g.mark(ctx, topic, from, to)
		if err != nil {
			return err
		}
		done := Growth{Topic: topic, From: from, To: to, Done: true, Epochs: epochs, Nonce: ulid.Make().String(), By: g.By}
		if err := g.append(ctx, done); err != nil {
			return err
		}
		if now, _ := g.Epochs.Grown(topic); now.Keys >= to {
			g.Say("%s: keys go to %d partitions", topic, now.Keys)
			return nil
		}
		g.Say("%s: an epoch was taken meanwhile, marking again", topic)
	}
	return fmt.Errorf("an epoch was taken each of %d times before the markers were in: nothing is lost, keys go where they went; see why tenants are recovered, then run it again", growTries)
}

// begin says in the log that the topic begins to grow, and from how many partitions.
func (g *Grower) begin(ctx context.Context, topic string, to int32) (from int32, err error) {
	for range growTries {
		if err := g.Epochs.Confirm(ctx); err != nil {
			return 0, err
		}
		if from, err = g.from(topic); err != nil {
			return 0, err
		}
		switch {
		case from == to:
			g.Say("%s: keys go to %d partitions already", topic, to)
			return from, nil
		case from > to:
			return 0, fmt.Errorf("its keys go to %d: %w", from, ErrShrink)
		}
		if err := g.append(ctx, Growth{Topic: topic, From: from, To: to, Nonce: ulid.Make().String(), By: g.By}); err != nil {
			return 0, err
		}
		if now, _ := g.Epochs.Grown(topic); now.Keys == from {
			g.Say("%s: keys stay in %d partitions while it grows to %d", topic, from, to)
			return from, nil
		} // somebody else was first, and what this one said was wrong: said again it stands behind
	}
	return 0, errors.New("somebody else lets it grow at the same time")
}

// from is to how many partitions the keys go now.
func (g *Grower) from(topic string) (int32, error) {
	if now, ok := g.Epochs.Grown(topic); ok {
		return now.Keys, nil
	}
	counts, err := Partitions(g.Kafka, topic)
	if err == nil && counts[topic] == 0 {
		err = errors.New("there is no such topic: busyhour topics apply")
	}
	return counts[topic], err
}

// mark puts the markers of the newest epochs into the new partitions, before any event.
func (g *Grower) mark(ctx context.Context, topic string, from, to int32) (map[string]uint32, error) {
	if err := g.Epochs.Confirm(ctx); err != nil {
		return nil, err
	}
	if _, err := g.Producer.atLeast(ctx, topic, to); err != nil {
		return nil, err
	}
	markers, epochs := g.Epochs.markers()
	for _, marker := range markers {
		slices.Sort(marker.Tenants)
		if _, err := g.Producer.mark(ctx, topic, from, to, marker); err != nil {
			return nil, err
		}
		g.Say("%s: epoch %d of %s is marked in the new partitions", topic, marker.Epoch, strings.Join(marker.Tenants, ", "))
	}
	return epochs, nil
}

// append says something of a growth in the epoch topic, and waits until the own tail has come to it.
func (g *Grower) append(ctx context.Context, growth Growth) error {
	if err := g.Producer.Send(ctx, growth.message(g.Epochs.topic)); err != nil {
		return err
	}
	return g.Epochs.Confirm(ctx)
}
