package eventlog

import (
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// transactionTimeout is when Kafka gives up a transaction that its writer has left open. Whoever takes over the id ends
// it at once; so this only matters when nobody does.
const transactionTimeout = 15 * time.Second

var (
	// ErrFenced is why a writer can't go on: somebody has opened one with the same id since.
	ErrFenced = errors.New("another writer has taken over the transactional id")
	// ErrGeneration is why a transaction was given up: the group has another generation than it names. Nothing of it is
	// in the log; a member that still has the partition may write it again.
	ErrGeneration = errors.New("the consumer group has moved on to another generation")
)

// Consumed is how far a member of a group has come in a partition.
type Consumed struct {
	Group, Member string
	Generation    int32
	Topic         string
	Partition     int32
	Next          int64 // the first offset that is not consumed
}

// Writer appends in transactions: messages together with how far their source was consumed, or neither. It has an id.
// To open one ends every earlier writer of the same id, wherever it runs: what that has not committed is given up, and
// what it tries afterwards fails with ErrFenced. It belongs to one goroutine.
type Writer struct {
	id       string
	client   sarama.Client
	producer sarama.SyncProducer
}

// OpenWriter opens a writer. When it returns, no earlier writer of the id can append any more, and no transaction of
// theirs is open.
func OpenWriter(cfg Config, id string) (*Writer, error) {
	conf, err := cfg.forWriter(id)
	if err != nil {
		return nil, fmt.Errorf("open writer %s: %w", id, err)
	}
	client, err := sarama.NewClient(cfg.Brokers, conf)
	if err != nil {
		return nil, fmt.Errorf("open writer %s: connect to %v: %w", id, cfg.Brokers, err)
	}
	producer, err := sarama.NewSyncProducerFromClient(client)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open writer %s: %w", id, err), client.Close())
	}
	return &Writer{id: id, client: client, producer: producer}, nil
}

// Write appends the messages to one partition and commits what was consumed, in one transaction, and returns the offsets
// of the messages. After any error but ErrGeneration the writer is of no use any more, and the transaction may be in the
// log or not: open another one.
func (w *Writer) Write(c Consumed, topic string, partition int32, messages []Message) (offsets []int64, err error) {
	offsets, err = w.write(c, topic, partition, messages)
	switch {
	case errors.Is(err, sarama.ErrIllegalGeneration), errors.Is(err, sarama.ErrUnknownMemberId):
		if err = w.producer.AbortTxn(); err == nil {
			err = ErrGeneration
		}
	case errors.Is(err, sarama.ErrProducerFenced), errors.Is(err, sarama.ErrInvalidProducerEpoch):
		err = fmt.Errorf("%w: %w", ErrFenced, err)
	}
	if err != nil {
		return nil, fmt.Errorf("transaction of %s on %s/%d: %w", w.id, topic, partition, err)
	}
	return offsets, nil
}

func (w *Writer) write(c Consumed, topic string, partition int32, messages []Message) ([]int64, error) {
	if err := w.producer.BeginTxn(); err != nil {
		return nil, err
	}
	batch := make([]*sarama.ProducerMessage, len(messages))
	for i, m := range messages {
		m.Topic = topic
		batch[i] = producerMessage(m, &pending{partition: partition})
	}
	if err := w.producer.SendMessages(batch); err != nil {
		return nil, first(err)
	}
	consumed := map[string][]*sarama.PartitionOffsetMetadata{c.Topic: {{Partition: c.Partition, Offset: c.Next, LeaderEpoch: -1}}}
	err := w.producer.AddOffsetsToTxnWithGroupMetadata(consumed, &sarama.ConsumerGroupMetadata{
		GroupID: c.Group, MemberID: c.Member, GenerationID: c.Generation,
	})
	if err != nil {
		return nil, err
	}
	if err := w.producer.CommitTxn(); err != nil {
		return nil, err
	}
	offsets := make([]int64, len(batch))
	for i, m := range batch {
		offsets[i] = m.Offset
	}
	return offsets, nil
}

// first of the errors of a batch; they are mostly the same.
func first(err error) error {
	var all sarama.ProducerErrors
	if errors.As(err, &all) && len(all) > 0 {
		return all[0].Err
	}
	return err
}

// Close ends the writer. A transaction that it has left open is ended by the next writer of the id.
func (w *Writer) Close() error {
	return errors.Join(w.producer.Close(), w.client.Close())
}
