package eventlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// CommittedOffsets are the offsets that a group will read next of a topic, by partition; -1 where it has committed none.
// An offset whose transaction has not ended yet does not count.
func CommittedOffsets(ctx context.Context, cfg Config, group, topic string) ([]int64, error) {
	r, err := OpenReader(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("offsets of %s: %w", group, err)
	}
	defer r.Close()
	return r.Committed(ctx, group, topic)
}

// Committed is CommittedOffsets on the connections of a reader.
func (r *Reader) Committed(ctx context.Context, group, topic string) ([]int64, error) {
	n, err := r.Partitions(topic)
	if err != nil {
		return nil, fmt.Errorf("offsets of %s: %w", group, err)
	}
	backoff := rising(20*time.Millisecond, time.Second)
	for try := 1; ; try++ {
		offsets, err := r.committedOnce(group, topic, n)
		if err == nil {
			return offsets, nil
		}
		if try == readTries || ctx.Err() != nil {
			return nil, fmt.Errorf("offsets of %s in %s: %w", group, topic, errors.Join(err, context.Cause(ctx)))
		}
		select {
		case <-time.After(backoff(try)):
		case <-ctx.Done():
		}
		_ = r.client.RefreshCoordinator(group)
	}
}

func (r *Reader) committedOnce(group, topic string, partitions int) ([]int64, error) {
	coordinator, err := r.client.Coordinator(group)
	if err != nil {
		return nil, err
	}
	request := &sarama.OffsetFetchRequest{ConsumerGroup: group, Version: 5}
	for p := range partitions {
		request.AddPartition(topic, int32(p))
	}
	response, err := coordinator.FetchOffset(request)
	if err != nil {
		_ = coordinator.Close()
		return nil, err
	}
	nobody := errors.Is(response.Err, sarama.ErrGroupIDNotFound)
	if !nobody && !errors.Is(response.Err, sarama.ErrNoError) {
		return nil, response.Err
	}
	offsets := make([]int64, partitions)
	for p := range offsets {
		block := response.GetBlock(topic, int32(p))
		switch {
		case nobody:
			offsets[p] = -1
			continue
		case block == nil:
			return nil, sarama.ErrIncompleteResponse
		case !errors.Is(block.Err, sarama.ErrNoError):
			return nil, block.Err
		}
		offsets[p] = block.Offset
	}
	return offsets, nil
}
