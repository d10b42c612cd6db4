package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

const (
	// More messages than this do not wait for Kafka in memory. It is also the size of sarama's input channel, so that
	// handing over a message never blocks.
	maxInFlight = 8192
	// Close waits this long for what is under way.
	closeWait = 15 * time.Second
)

var (
	// ErrBusy is the outcome of a message that was not sent because too many wait for Kafka already.
	ErrBusy = fmt.Errorf("more than %d messages wait for Kafka: send it again later", maxInFlight)
	// ErrClosed is the outcome of a message handed to a producer after Close.
	ErrClosed = errors.New("the producer is closed")
)

// byKey as a partition leaves the choice to the hash of the key.
const byKey = -1

// Producer appends messages to topics: acks=all, idempotent, Java's murmur2 hash of the key chooses the partition.
type Producer struct {
	client  sarama.Client
	async   sarama.AsyncProducer
	metrics producerMetrics
	limits  *limits
	grown   chan string // topics whose partitions are to be asked for

	inFlight atomic.Int64
	drained  chan struct{} // closed when both result channels are

	mu     sync.RWMutex // Produce holds it for reading: nothing may enter a closed input
	closed bool
}

// pending travels with a message through sarama.
type pending struct {
	partition int32
	handed    time.Time
	done      func(partition int32, offset int64, err error)
}

// NewProducer connects a producer. It needs a broker that answers: an idempotent producer has its id from there.
func NewProducer(cfg Config) (*Producer, error) {
	conf, err := cfg.forProducer()
	if err != nil {
		return nil, fmt.Errorf("Kafka producer: %w", err)
	}
	limits := &limits{keys: map[string]int32{}}
	conf.Producer.Partitioner = limits.partitioner
	client, err := sarama.NewClient(cfg.Brokers, conf)
	if err != nil {
		return nil, fmt.Errorf("Kafka producer: connect to %v: %w", cfg.Brokers, err)
	}
	async, err := sarama.NewAsyncProducerFromClient(client)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("Kafka producer: get a producer id from %v: %w", cfg.Brokers, err), client.Close())
	}
	p := &Producer{
		client: client, async: async, metrics: newProducerMetrics(cfg.Registry), limits: limits,
		grown: make(chan string, 16), drained: make(chan struct{}),
	}
	go p.drain()
	go p.learn()
	return p, nil
}

// Heed keeps the keys of a topic that grows to the partitions that have markers, and lets them go to more when it has
// grown. It does not block.
func (p *Producer) Heed(g Grown) {
	p.limits.set(g.Topic, g.Keys)
	select {
	case p.grown <- g.Topic:
	case <-p.drained:
	default: // it is asked for every few seconds anyway
	}
}

// learn asks at once how many partitions a topic has that has grown.
func (p *Producer) learn() {
	for {
		select {
		case topic := <-p.grown:
			_ = p.client.RefreshMetadata(topic) // it is asked again within metadataAge
		case <-p.drained:
			return
		}
	}
}

// limits are how many partitions the keys of topics go to that have grown, or are about to.
type limits struct {
	mu   sync.RWMutex
	keys map[string]int32
}

func (l *limits) partitioner(topic string) sarama.Partitioner {
	return partitioner{Partitioner: sarama.NewMurmur2Partitioner(topic), limits: l}
}

func (l *limits) set(topic string, keys int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keys[topic] = keys
}

// of a topic with so many partitions.
func (l *limits) of(topic string, partitions int32) int32 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if keys, ok := l.keys[topic]; ok {
		return min(keys, partitions)
	}
	return partitions
}

// Produce sends a message; its key chooses the partition. done is called exactly once, from a goroutine of the producer,
// and must not block: with nil when all in-sync replicas have the message, else with why that is not known. A message
// with an error may still be in the log.
func (p *Producer) Produce(m Message, done func(error)) {
	p.produce(m, byKey, func(_ int32, _ int64, err error) { done(err) })
}

// ProduceTo is Produce with a partition of the caller's choice.
func (p *Producer) ProduceTo(m Message, partition int32, done func(error)) {
	p.produce(m, partition, func(_ int32, _ int64, err error) { done(err) })
}

// Send sends messages and waits until all are safe. When ctx ends first, what became of the rest is unknown.
func (p *Producer) Send(ctx context.Context, messages ...Message) error {
	results := make(chan error, len(messages))
	for _, m := range messages {
		p.Produce(m, func(err error) { results <- err })
	}
	var errs []error
	for i := range messages {
		select {
		case err := <-results:
			errs = append(errs, err)
		case <-ctx.Done():
			return fmt.Errorf("%d of %d messages have an unknown outcome, they may be in the log or come to it: %w",
				len(messages)-i, len(messages), context.Cause(ctx))
		}
	}
	return errors.Join(errs...)
}

func (p *Producer) produce(m Message, partition int32, done func(int32, int64, error)) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		go done(byKey, -1, ErrClosed)
		return
	}
	if p.inFlight.Add(1) > maxInFlight {
		p.inFlight.Add(-1)
		p.metrics.failed.WithLabelValues(m.Topic).Inc()
		go done(byKey, -1, ErrBusy)
		return
	}
	p.metrics.inFlight.Inc()
	p.async.Input() <- producerMessage(m, &pending{partition: partition, handed: time.Now(), done: done})
}

func producerMessage(m Message, meta *pending) *sarama.ProducerMessage {
	out := &sarama.ProducerMessage{Topic: m.Topic, Timestamp: m.Time, Metadata: meta}
	if m.Key != nil {
		out.Key = sarama.ByteEncoder(m.Key)
	}
	if m.Value != nil {
		out.Value = sarama.ByteEncoder(m.Value)
	}
	out.Headers = make([]sarama.RecordHeader, len(m.Headers))
	for i, h := range m.Headers {
		out.Headers[i] = sarama.RecordHeader{Key: []byte(h.Key), Value: []byte(h.Value)}
	}
	return out
}

// drain tells outcomes until the producer is closed and empty.
func (p *Producer) drain() {
	defer close(p.drained)
	var both sync.WaitGroup
	both.Go(func() {
		for m := range p.async.Successes() {
			p.finish(m, nil)
		}
	})
	both.Go(func() {
		for e := range p.async.Errors() {
			p.finish(e.Msg, fmt.Errorf("append to %s: %w", e.Msg.Topic, e.Err))
		}
	})
	both.Wait()
}

func (p *Producer) finish(m *sarama.ProducerMessage, err error) {
	meta := m.Metadata.(*pending)
	p.inFlight.Add(-1)
	p.metrics.inFlight.Dec()
	if err != nil {
		p.metrics.failed.WithLabelValues(m.Topic).Inc()
	} else {
		p.metrics.ack.WithLabelValues(m.Topic).Observe(time.Since(meta.handed).Seconds())
	}
	meta.done(m.Partition, m.Offset, err)
}

// Close sends what is under way and ends. Every message handed over before gets its outcome; those that have none after
// 15 s get it later, and Close says how many.
func (p *Producer) Close() error {
	p.mu.Lock()
	already := p.closed
	p.closed = true
	p.mu.Unlock()
	if already {
		return nil
	}
	p.async.AsyncClose()
	select {
	case <-p.drained:
		return p.client.Close()
	case <-time.After(closeWait):
		return errors.Join(fmt.Errorf("Kafka producer closed with %d messages of unknown outcome", p.inFlight.Load()), p.client.Close())
	}
}

// partitioner is Java's, over the partitions that keys may go to, save for messages that name their partition.
type partitioner struct {
	sarama.Partitioner
	limits *limits
}

func (p partitioner) Partition(m *sarama.ProducerMessage, partitions int32) (int32, error) {
	wanted := m.Metadata.(*pending).partition
	switch {
	case wanted == byKey:
		return p.Partitioner.Partition(m, p.limits.of(m.Topic, partitions))
	case wanted < 0 || wanted >= partitions:
		return 0, fmt.Errorf("partition %d of topic %s does not exist, it has %d", wanted, m.Topic, partitions)
	default:
		return wanted, nil
	}
}

// RequiresConsistency keeps a key on its partition also while that has no leader.
func (partitioner) RequiresConsistency() bool { return true }
