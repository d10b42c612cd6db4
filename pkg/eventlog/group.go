package eventlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"go.uber.org/zap"
)

// Handler is given each record of a partition in order, and should return fast: nothing else of that partition is handed
// out meanwhile. It calls done, from any goroutine, when it knows what became of the record: with nil when the outcome is
// durable, for then the offset may be committed; with an error to be given the record again after a while. Until done is
// called the record counts as under way, however long that is. What was handed out may come again, here or to another
// member: the outcome must not depend on how often.
//
// ctx carries the trace of the record and ends when the partition is given up.
type Handler func(ctx context.Context, m Message, done func(error))

// Group is one member of a consumer group.
type Group struct {
	name    string
	topics  []string
	handler Handler // or
	own     Own
	log     *zap.Logger
	metrics *groupMetrics
	moves   moveMetrics

	client   *splitClient
	consumer sarama.ConsumerGroup
	joined   atomic.Bool

	mu     sync.Mutex
	claims map[partitionKey]lagging
}

// lagging is a partition that this member has.
type lagging interface {
	lag(now time.Time) (records int64, age time.Duration)
}

type partitionKey struct {
	topic     string
	partition int32
}

// NewGroup makes a member; it joins when it runs.
func NewGroup(cfg Config, group string, topics []string, h Handler) (*Group, error) {
	g, err := newGroup(cfg, group, topics, func(*sarama.Config) {})
	if err != nil {
		return nil, err
	}
	g.handler = h
	return g, nil
}

func newGroup(cfg Config, group string, topics []string, adjust func(*sarama.Config)) (*Group, error) {
	conf, err := cfg.forGroup()
	if err != nil {
		return nil, fmt.Errorf("consumer group %s: %w", group, err)
	}
	adjust(conf)
	client, err := newSplitClient(cfg.Brokers, conf)
	if err != nil {
		return nil, fmt.Errorf("consumer group %s: connect to %v: %w", group, cfg.Brokers, err)
	}
	consumer, err := sarama.NewConsumerGroupFromClient(group, client)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("consumer group %s: %w", group, err), client.Close())
	}
	g := &Group{
		name: group, topics: topics,
		log:    cfg.logger().With(zap.String("group", group)),
		client: client, consumer: consumer,
		claims: map[partitionKey]lagging{},
	}
	g.metrics, g.moves = newGroupMetrics(cfg.Registry, g), newMoveMetrics(cfg.Registry, group)
	return g, nil
}

// Joined reports whether this member is in the group, with partitions or without.
func (g *Group) Joined() bool { return g.joined.Load() }

// Run takes part in the group until ctx ends, then leaves it, so that others take over at once. A broker that is away
// is waited for.
func (g *Group) Run(ctx context.Context) error {
	var reports sync.WaitGroup
	reports.Go(g.report)
	backoff := rising(200*time.Millisecond, 5*time.Second)
	for failures := 0; ctx.Err() == nil; {
		err := g.consumer.Consume(ctx, g.topics, member{g})
		switch {
		case ctx.Err() != nil:
		case err == nil:
			failures = 0
		default:
			failures++
			g.log.Warn("the consumer group can't be joined", zap.Int("failures", failures), zap.Error(err))
			select {
			case <-time.After(backoff(failures)):
			case <-ctx.Done():
			}
		}
	}
	err := g.consumer.Close()
	reports.Wait()
	g.metrics.unregister()
	return errors.Join(err, g.client.Close())
}

// report logs what goes wrong inside until the consumer is closed, one line a second at most: sarama repeats it by
// itself, for each partition, as long as a broker is away.
func (g *Group) report() {
	var last time.Time
	unsaid := 0
	for err := range g.consumer.Errors() {
		g.metrics.errors.Inc()
		if time.Since(last) < time.Second {
			unsaid++
			continue
		}
		g.log.Warn("consumer group", zap.Int("unsaid", unsaid), zap.Error(err))
		last, unsaid = time.Now(), 0
	}
}

// member is what sarama calls.
type member struct{ *Group }

func (m member) Setup(session sarama.ConsumerGroupSession) error {
	m.joined.Store(true)
	go m.countKept(session)
	return nil
}

func (m member) Cleanup(sarama.ConsumerGroupSession) error {
	m.joined.Store(false)
	return nil
}

// ConsumeClaim has one partition until it is taken away. sarama commits what was marked every half second, and when
// this returns.
func (m member) ConsumeClaim(session sarama.ConsumerGroupSession, from sarama.ConsumerGroupClaim) error {
	if m.own != nil {
		return m.ownClaim(session, from)
	}
	key := partitionKey{from.Topic(), from.Partition()}
	c := &claim{
		topic: key.topic, partition: key.partition, handler: m.handler,
		mark:    func(next int64) { session.MarkOffset(key.topic, key.partition, next, "") },
		pause:   func(pause bool) { m.pause(key, pause) },
		retried: m.metrics.retries.WithLabelValues(key.topic).Inc,
		end:     from.HighWaterMarkOffset,
		wake:    make(chan struct{}, 1),
		inHand:  map[int64]*inHand{},
		water:   watermark{mark: from.InitialOffset()},
		arrival: m.take(key.topic),
	}
	defer m.moves.given(key.topic)
	// What is in hand may still finish when the session has ended: its context ends with the claim.
	handling, cancel := context.WithCancel(context.WithoutCancel(session.Context()))
	defer cancel()
	m.setClaim(key, c)
	defer m.setClaim(key, nil)
	c.run(session.Context(), handling, from.Messages())
	return nil
}

func (g *Group) setClaim(key partitionKey, c lagging) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c == nil {
		delete(g.claims, key)
		return
	}
	g.claims[key] = c
}

// assigned is a copy of the claims.
func (g *Group) assigned() map[partitionKey]lagging {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.claims)
}

func (g *Group) pause(key partitionKey, pause bool) {
	one := map[string][]int32{key.topic: {key.partition}}
	if pause {
		g.consumer.Pause(one)
		return
	}
	g.consumer.Resume(one)
}
