package consume

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// Letter is a record that could not be read or handled.
type Letter struct {
	// Reason is a code and words: "MALFORMED: …".
	Reason string
	// Record is the original.
	Record *sarama.ConsumerMessage
}

const (
	// letterLimit leaves an original of almost 1 MiB, which is what Kafka takes, room for what is added to it.
	letterLimit = 1_000_000
	partLimit   = 4096 // of a reason, and of a key that is too large
)

// DeadLetters writes them into a topic of yours: key, value and headers as they were, and beside them why, and where and
// when the record stood.
type DeadLetters struct {
	topic    string
	producer sarama.SyncProducer
}

// NewDeadLetters connects. kafka may be nil; see Config.Kafka.
func NewDeadLetters(brokers []string, topic string, kafka *sarama.Config) (*DeadLetters, error) {
	if kafka == nil {
		kafka = Settings()
	}
	producer, err := sarama.NewSyncProducer(brokers, kafka)
	if err != nil {
		return nil, fmt.Errorf("dead letters to %s: connect to %v: %w", topic, brokers, err)
	}
	return &DeadLetters{topic: topic, producer: producer}, nil
}

// Write is a Config.DeadLetter. It returns when the letter is durable.
func (d *DeadLetters) Write(_ context.Context, l Letter) error {
	if _, _, err := d.producer.SendMessage(l.message(d.topic)); err != nil {
		return fmt.Errorf("dead letter to %s: %w", d.topic, err)
	}
	return nil
}

// Close disconnects.
func (d *DeadLetters) Close() error { return d.producer.Close() }

func (l Letter) message(topic string) *sarama.ProducerMessage {
	r := l.Record
	key, value, headers := r.Key, r.Value, make([]sarama.RecordHeader, 0, len(r.Headers)+6)
	var cut []string
	size := len(key)
	for _, h := range r.Headers {
		size += len(h.Key) + len(h.Value) + 10
		headers = append(headers, *h)
	}
	if size > letterLimit {
		cut = append(cut, fmt.Sprintf("key and %d headers of %d bytes", len(headers), size))
		key, headers, size = key[:min(len(key), partLimit)], nil, partLimit
	}
	if room := letterLimit - size; len(value) > room {
		cut = append(cut, fmt.Sprintf("value of %d bytes", len(value)))
		value = value[:room]
	}
	add := func(key, value string) {
		headers = append(headers, sarama.RecordHeader{Key: []byte(key), Value: []byte(value)})
	}
	add("dead-letter-reason", l.Reason[:min(len(l.Reason), partLimit)])
	add("dead-letter-topic", r.Topic)
	add("dead-letter-partition", strconv.Itoa(int(r.Partition)))
	add("dead-letter-offset", strconv.FormatInt(r.Offset, 10))
	add("dead-letter-time", r.Timestamp.UTC().Format(time.RFC3339Nano))
	if len(cut) > 0 {
		add("dead-letter-cut", strings.Join(cut, ", "))
	}
	m := &sarama.ProducerMessage{Topic: topic, Key: sarama.ByteEncoder(key), Headers: headers}
	if value != nil {
		m.Value = sarama.ByteEncoder(value)
	}
	return m
}

var errNoLetters = errors.New("say where records go that can't be read: DeadLetter")
