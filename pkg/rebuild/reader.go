package rebuild

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

// part is one partition of an events topic, and of its state topic.
type part struct {
	topic     Topic
	partition int32
	state     bool  // the state topic has this partition
	from, to  int64 // of the events: the first that is not compacted, and the own marker; to is -1 if there are none
	whole     bool  // nothing was ever compacted here
}

// read reads what the compactors have made, and the events behind that up to the own markers, all partitions at once.
//
//	offsets of the compactors ─▶ state topic, to its end ─▶ events, from those offsets to the own marker
//
// The order matters: an event that is compacted meanwhile is read twice, in the other order it would be missed.
func (r *Recovery) read(ctx context.Context, tenants []string, ends map[string][]int64, far *progress) (*latest, error) {
	reader, err := eventlog.OpenReader(ctx, r.kafka)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	l := newLatest(tenants)
	all, ctx := errgroup.WithContext(ctx)
	for _, t := range r.source.Topics {
		all.Go(func() error {
			parts, err := r.parts(ctx, reader, t, ends[t.Events])
			if err != nil {
				return err
			}
			for _, p := range parts {
				all.Go(func() error { return p.read(ctx, reader, l, far) })
			}
			return nil
		})
	}
	return l, all.Wait()
}

// parts says what is to be read of a topic.
func (r *Recovery) parts(ctx context.Context, reader *eventlog.Reader, t Topic, ends []int64) ([]part, error) {
	parts := make([]part, len(ends))
	for i, end := range ends {
		parts[i] = part{topic: t, partition: int32(i), from: eventlog.Oldest, to: end, whole: true}
	}
	if t.State == "" {
		return parts, nil
	}
	committed, err := reader.Committed(ctx, CompactorGroup(r.store.Service()), t.Events)
	if err != nil {
		return nil, err
	}
	for i := range min(len(parts), len(committed)) {
		if committed[i] < 0 {
			continue
		}
		start, err := reader.Start(t.Events, int32(i))
		if err != nil {
			return nil, err
		}
		if err := gap(r.store.Service(), t, int32(i), committed[i], start); err != nil {
			return nil, err
		}
		parts[i].from, parts[i].whole = committed[i], false
	}
	states, err := reader.Partitions(t.State)
	if err != nil {
		return nil, err
	}
	for i := range states { // the state topic grows first
		if i == len(parts) {
			parts = append(parts, part{topic: t, partition: int32(i), to: -1})
		}
		parts[i].state = true
	}
	return parts, nil
}

func (p part) read(ctx context.Context, reader *eventlog.Reader, l *latest, far *progress) error {
	var voider eventlog.Voider
	if p.state {
		// Uncommitted: what a transaction wrote whose offset is visible may still wait for its end to reach this topic,
		// and a dead compactor's may stay open for seconds. What is read too much stands in the events as well.
		span := eventlog.Span{From: eventlog.Oldest, To: eventlog.Newest, Uncommitted: true}
		err := reader.Read(ctx, p.topic.State, p.partition, span, func(m eventlog.Message) error {
			far.total.Add(1)
			far.read.Add(1)
			if m.Header(eventlog.HeaderType) == eventlog.MarkerType {
				voider.Void(m) // a floor: it says what is void of the events, and nothing of the state
				l.heed(m)
				return nil
			}
			return l.take(m, false, true)
		})
		if err != nil {
			return err
		}
	}
	if p.to < 0 {
		return nil
	}
	if from := max(p.from, 0); from <= p.to {
		far.total.Add(p.to + 1 - from)
	}
	err := reader.Read(ctx, p.topic.Events, p.partition, eventlog.Span{From: p.from, To: p.to}, func(m eventlog.Message) error {
		far.read.Add(1)
		l.heed(m)
		return l.take(m, voider.Void(m), p.whole || p.topic.Sparse)
	})
	if err != nil {
		return fmt.Errorf("read the events behind what is compacted: %w", err)
	}
	return nil
}
