package eventlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

const (
	followPause = 100 * time.Millisecond // between looks for new records
	growthPause = 5 * time.Second        // between looks for new partitions
)

// Since gives, by partition, the offset of the first record that Kafka got at that time or later; where there is none, the
// end.
func (r *Reader) Since(topic string, at time.Time) ([]int64, error) {
	partitions, err := r.Partitions(topic)
	if err != nil {
		return nil, err
	}
	from := make([]int64, partitions)
	for p := range from {
		from[p], err = offsetAt(r.client, topic, int32(p), at.UnixMilli(), false)
		if err == nil && from[p] < 0 {
			from[p], err = offsetAt(r.client, topic, int32(p), sarama.OffsetNewest, true)
		}
		if err != nil {
			return nil, fmt.Errorf("where %s/%d stood at %s: %w", topic, p, at.Format(time.RFC3339), err)
		}
	}
	return from, nil
}

// Follow reads a topic from those offsets on and goes on with what comes, also in partitions that are new, until ctx ends or
// each fails. each is called for one record at a time. What retention has removed meanwhile is passed over, and a broker that
// is away is waited for.
func (r *Reader) Follow(ctx context.Context, topic string, from []int64, each func(Message) error) error {
	cursors := make([]*cursor, len(from))
	for p, next := range from {
		cursors[p] = &cursor{client: r.client, topic: topic, partition: int32(p), next: next}
	}
	var failed error
	grow := time.NewTicker(growthPause)
	defer grow.Stop()
	look := time.NewTicker(followPause)
	defer look.Stop()
	for ctx.Err() == nil && failed == nil {
		for _, c := range cursors {
			if failed = c.follow(each); failed != nil {
				break
			}
		}
		select {
		case <-grow.C:
			if n, err := r.Partitions(topic); err == nil {
				for p := len(cursors); p < n; p++ {
					cursors = append(cursors, &cursor{client: r.client, topic: topic, partition: int32(p)})
				}
			}
		case <-look.C:
		case <-ctx.Done():
		}
	}
	return failed
}

// follow reads what is there. Only an error of each is one.
func (c *cursor) follow(each func(Message) error) error {
	for {
		messages, log, err := c.fetch(0)
		switch {
		case errors.Is(err, errOutOfRange):
			c.next, err = offsetAt(c.client, c.topic, c.partition, sarama.OffsetOldest, false)
		case err != nil:
			_ = c.client.RefreshMetadata(c.topic)
		}
		for _, m := range messages {
			if err := each(m); err != nil {
				return err
			}
		}
		if err != nil || c.next >= log.stable {
			return nil
		}
	}
}
