package eventlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"golang.org/x/sync/errgroup"
)

// readTries is how often in a row a read may fail before ReadTopic gives up.
const readTries = 10

// ReadTopic reads a topic from..to, its partitions in parallel: each is called concurrently across partitions, in order
// within one, with committed records only. from[partition] is the first offset, nil is the oldest; to[partition] is the
// last one to be read, nil is the newest at the call. Offsets in between that hold nothing (compaction, the markers of
// transactions) are passed over; it never waits for records to come.
//
// The first error of each ends the read and is returned. So does a from that is older than the log: what stood there
// is gone, and to read on would hide it.
func ReadTopic(ctx context.Context, cfg Config, topic string, from, to []int64, each func(Message) error) error {
	conf, err := cfg.client()
	if err != nil {
		return fmt.Errorf("read %s: %w", topic, err)
	}
	client, err := sarama.NewClient(cfg.Brokers, conf)
	if err != nil {
		return fmt.Errorf("read %s: %w", topic, err)
	}
	defer client.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Requests know no context: closing the connections is what ends them early.
	stop := context.AfterFunc(ctx, func() { _ = client.Close() })
	defer stop()

	if err := readPartitions(ctx, client, topic, from, to, each); err != nil {
		return fmt.Errorf("read %s: %w", topic, err)
	}
	return nil
}

func readPartitions(ctx context.Context, client sarama.Client, topic string, from, to []int64, each func(Message) error) error {
	partitions, err := client.Partitions(topic)
	if err != nil {
		return err
	}
	for name, given := range map[string][]int64{"from": from, "to": to} {
		if given != nil && len(given) != len(partitions) {
			return fmt.Errorf("it has %d partitions, %s names %d", len(partitions), name, len(given))
		}
	}
	all, ctx := errgroup.WithContext(ctx)
	for _, partition := range partitions {
		all.Go(func() error {
			span := Span{From: at(from, partition, Oldest), To: at(to, partition, Newest)}
			return readPartition(ctx, client, topic, partition, span, each)
		})
	}
	return all.Wait()
}

func at(offsets []int64, partition int32, otherwise int64) int64 {
	if offsets == nil {
		return otherwise
	}
	return offsets[partition]
}

// Oldest and Newest stand for an offset in a Span.
const (
	Oldest = -2
	Newest = -1
)

// Span is a part of a partition.
type Span struct {
	// From is the first offset, or Oldest; To is the last one, or Newest: what is there at the call.
	From, To int64
	// Uncommitted reads also what stands in transactions that are open, or were given up. Newest is then the end of the
	// log; else it ends where the oldest open transaction begins.
	Uncommitted bool
}

// Reader reads partitions by plain fetches, on connections of its own. It may be used concurrently.
type Reader struct {
	client sarama.Client
	end    func() bool
}

// OpenReader connects. The end of ctx ends its reads.
func OpenReader(ctx context.Context, cfg Config) (*Reader, error) {
	conf, err := cfg.client()
	if err != nil {
		return nil, fmt.Errorf("open a reader: %w", err)
	}
	client, err := sarama.NewClient(cfg.Brokers, conf)
	if err != nil {
		return nil, fmt.Errorf("open a reader: connect to %v: %w", cfg.Brokers, err)
	}
	// Requests know no context: closing the connections is what ends them early.
	return &Reader{client: client, end: context.AfterFunc(ctx, func() { _ = client.Close() })}, nil
}

// Close ends the reader.
func (r *Reader) Close() {
	if r.end() {
		_ = r.client.Close()
	}
}

// Partitions is how many the topic has.
func (r *Reader) Partitions(topic string) (int, error) {
	n, err := countOf(r.client, topic)
	if err != nil {
		return 0, fmt.Errorf("how many partitions %s has: %w", topic, err)
	}
	return int(n), nil
}

// Start is the oldest offset of a partition.
func (r *Reader) Start(topic string, partition int32) (int64, error) {
	start, err := offsetAt(r.client, topic, partition, sarama.OffsetOldest, false)
	if err != nil {
		return 0, fmt.Errorf("where %s/%d begins: %w", topic, partition, err)
	}
	return start, nil
}

// Read is ReadTopic for a part of one partition.
func (r *Reader) Read(ctx context.Context, topic string, partition int32, span Span, each func(Message) error) error {
	if err := readPartition(ctx, r.client, topic, partition, span, each); err != nil {
		return fmt.Errorf("read %s: %w", topic, err)
	}
	return nil
}

func readPartition(ctx context.Context, client sarama.Client, topic string, partition int32, span Span, each func(Message) error) error {
	c := cursor{client: client, topic: topic, partition: partition, dirty: span.Uncommitted}
	r := partitionReader{cursor: c, span: span, each: each}
	if err := r.read(ctx); err != nil {
		return fmt.Errorf("partition %d: %w", partition, err)
	}
	return nil
}

type partitionReader struct {
	cursor
	span Span
	end  int64 // behind the last offset to be read
	each func(Message) error
}

func (r *partitionReader) read(ctx context.Context) error {
	if err := r.insist(ctx, r.begin); err != nil {
		return err
	}
	for r.next < r.end {
		var messages []Message
		err := r.insist(ctx, func() (err error) {
			messages, err = r.fetchOnce()
			return err
		})
		if err != nil {
			return err
		}
		if err := r.hand(ctx, messages); err != nil {
			return err
		}
	}
	return nil
}

// begin finds out from where to where.
func (r *partitionReader) begin() (err error) {
	if r.next = r.span.From; r.next == Oldest {
		if r.next, err = offsetAt(r.client, r.topic, r.partition, sarama.OffsetOldest, false); err != nil {
			return err
		}
	}
	if r.end = r.span.To + 1; r.span.To == Newest {
		r.end, err = offsetAt(r.client, r.topic, r.partition, sarama.OffsetNewest, !r.dirty)
	}
	return err
}

// fetchOnce fetches what is there. Only an open transaction is waited for: what stands behind it can't be read yet.
func (r *partitionReader) fetchOnce() ([]Message, error) {
	messages, log, err := r.fetch(0)
	switch {
	case errors.Is(err, errOutOfRange):
		return nil, r.afterStart()
	case err != nil || r.next < log.stable || r.next >= r.end:
		return messages, err
	case log.high < r.end: // a new leader may need a moment to learn what is safe
		return messages, fmt.Errorf("the log ends at offset %d, it should go to %d", log.high, r.end)
	}
	more, _, err := r.fetch(100 * time.Millisecond)
	return append(messages, more...), err
}

// afterStart moves to the start of the log if retention has moved that since it was asked for.
func (r *partitionReader) afterStart() error {
	oldest, err := offsetAt(r.client, r.topic, r.partition, sarama.OffsetOldest, false)
	switch {
	case err != nil:
		return err
	case r.span.From != Oldest || oldest <= r.next:
		return permanentError{fmt.Errorf("offset %d: %w, it begins at %d", r.next, errOutOfRange, oldest)}
	}
	r.next = oldest
	return nil
}

func (r *partitionReader) hand(ctx context.Context, messages []Message) error {
	for _, m := range messages {
		if m.Offset >= r.end {
			break
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := r.each(m); err != nil {
			return fmt.Errorf("offset %d: %w", m.Offset, err)
		}
	}
	return nil
}

// permanentError is one that no repetition will mend.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// insist repeats a request over a change of leaders or a broken connection.
func (r *partitionReader) insist(ctx context.Context, request func() error) error {
	backoff := rising(20*time.Millisecond, time.Second)
	for try := 1; ; try++ {
		err := request()
		var permanent permanentError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &permanent), errors.Is(err, sarama.ErrUnknownTopicOrPartition), try == readTries:
			return err
		}
		select {
		case <-time.After(backoff(try)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		_ = r.client.RefreshMetadata(r.topic)
	}
}

// LastOffsets asks where a topic ends now: by partition the offset of the last record that a reader of committed records
// may see, or -1.
func LastOffsets(ctx context.Context, cfg Config, topic string) ([]int64, error) {
	conf, err := cfg.client()
	if err != nil {
		return nil, fmt.Errorf("ask where %s ends: %w", topic, err)
	}
	client, err := sarama.NewClient(cfg.Brokers, conf)
	if err != nil {
		return nil, fmt.Errorf("ask where %s ends: %w", topic, err)
	}
	defer client.Close()
	defer context.AfterFunc(ctx, func() { _ = client.Close() })()
	partitions, err := client.Partitions(topic)
	if err != nil {
		return nil, fmt.Errorf("ask where %s ends: %w", topic, err)
	}
	last := make([]int64, len(partitions))
	for _, p := range partitions {
		next, err := offsetAt(client, topic, p, sarama.OffsetNewest, true)
		if err != nil {
			return nil, fmt.Errorf("ask where %s/%d ends: %w", topic, p, err)
		}
		last[p] = next - 1
	}
	return last, nil
}
