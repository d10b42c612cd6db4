package rebuild

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

const (
	// A transaction has what comes within this time. It costs Kafka about five requests, whatever its size.
	linger    = 300 * time.Millisecond
	batchSize = 4096
	// generationTries is how often a transaction is written again because the group was between two generations.
	generationTries = 50
	generationPause = 20 * time.Millisecond
)

// shelf is one partition of an events topic while this pod compacts it. One goroutine works on it, run.
type shelf struct {
	c         *Compactor
	topic     Topic
	partition int32
	since     time.Time

	voider     eventlog.Voider // run's own
	next       int64           // run's own: everything below is done
	partitions int             // of the events topic, as last looked; run's own

	mu      sync.RWMutex
	entries map[string]map[string]Entry // tenant → record
	loaded  bool
	done    int64     // everything below is
	behind  int64     // events that are not done
	level   time.Time // when all that had come was taken that is done now
}

func newShelf(c *Compactor, topic Topic, partition int32) *shelf {
	return &shelf{c: c, topic: topic, partition: partition, since: time.Now(), entries: map[string]map[string]Entry{}}
}

// run compacts until ctx ends. After an error nothing is certain but the log: whoever has the partition next loads anew.
func (s *shelf) run(ctx context.Context, p *eventlog.Owned) error {
	// Opening ends all earlier owners: what is loaded after it stays true.
	w, err := eventlog.OpenWriter(s.c.kafka, fmt.Sprintf("compactor-%s-%d", s.topic.Events, s.partition))
	if err != nil {
		return err
	}
	defer w.Close()
	if err := s.load(ctx, p); err != nil {
		return err
	}
	buried := time.Now()
	for ctx.Err() == nil {
		batch := p.Take(ctx, batchSize, linger)
		taken := time.Now()
		if len(batch) > 0 {
			if err := s.keep(ctx, w, p, batch); err != nil {
				return err
			}
		}
		s.measure(p.End(), taken, len(batch) < batchSize)
		if time.Since(buried) >= s.c.buryEvery {
			buried = time.Now()
			if err := s.bury(ctx, w, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// load reads what was compacted before.
func (s *shelf) load(ctx context.Context, p *eventlog.Owned) error {
	reader, err := eventlog.OpenReader(ctx, s.c.kafka)
	if err != nil {
		return err
	}
	defer reader.Close()
	if err := s.begin(reader, p); err != nil {
		return err
	}
	span := eventlog.Span{From: eventlog.Oldest, To: eventlog.Newest}
	if err := reader.Read(ctx, s.topic.State, s.partition, span, s.restore); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loaded = true
	s.c.log.Debug("partition loaded", zap.String("topic", s.topic.State), zap.Int32("partition", s.partition),
		zap.Int("records", s.size()), zap.Int64("events from", s.next), zap.Duration("took", time.Since(s.since)))
	return nil
}

// begin finds out where to go on.
func (s *shelf) begin(reader *eventlog.Reader, p *eventlog.Owned) error {
	s.partitions = p.Partitions()
	there, err := reader.Partitions(s.topic.State)
	if err != nil {
		return err
	}
	if int(s.partition) >= there {
		return fmt.Errorf("%s has %d partitions, %s has %d: let it grow first", s.topic.State, there, s.topic.Events, s.partitions)
	}
	start, err := reader.Start(s.topic.Events, s.partition)
	if err != nil {
		return err
	}
	s.next = p.Committed()
	if s.next < 0 {
		s.next = start
	}
	return gap(s.c.store.Service(), s.topic, s.partition, s.next, start)
}

// gap is the error of events that were deleted before they were compacted.
func gap(service string, t Topic, partition int32, committed, start int64) error {
	if committed >= start {
		return nil
	}
	return fmt.Errorf("%s/%d begins at offset %d, and it was compacted only up to %d: the events between are gone, and records whose last event was among them would come back older than they were. "+
		"Compare them with Redis, then reset the offsets of group %s to the earliest, and keep the events longer than the compactor may be away",
		t.Events, partition, start, committed, CompactorGroup(service))
}

// restore takes in one message of the state topic.
func (s *shelf) restore(m eventlog.Message) error {
	if m.Header(eventlog.HeaderType) == eventlog.MarkerType {
		s.voider.Void(m) // it heeds the floor; what stands here before it was valid where it stood in the events
		return nil
	}
	id, revision, err := identify(m)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.Value == nil {
		delete(s.entries[id.tenant], id.record)
		return nil
	}
	s.set(id, s.entryOf(m, revision))
	return nil
}

// entryOf is what is known of a record by its newest event.
func (s *shelf) entryOf(m eventlog.Message, revision commit.Revision) Entry {
	e := Entry{Revision: revision, Changed: time.Now(), offset: m.Offset}
	value, err := s.c.source.Value(m)
	if err == nil {
		e.Hash, e.Lasting = s.c.Hash(value), s.c.Hash(s.c.source.lasting(value))
		if s.topic.Ended != nil {
			e.Until, _, err = s.topic.Ended(m)
		}
	}
	if err != nil { // it stays, so that nobody takes an older revision for the newest
		s.c.metrics.unreadable.Inc()
		s.c.log.Error("an event can't be read: a recovery would fail on it", zap.String("topic", m.Topic), zap.Int32("partition", m.Partition),
			zap.Int64("offset", m.Offset), zap.Error(err))
	}
	return e
}

// keep works in some events.
func (s *shelf) keep(ctx context.Context, w *eventlog.Writer, p *eventlog.Owned, batch []eventlog.Message) error {
	held, err := s.heldOf(ctx, batch)
	if err != nil {
		return err
	}
	kept, err := s.sift(batch, held)
	if err != nil {
		return err
	}
	next := batch[len(batch)-1].Offset + 1
	offsets, err := s.write(ctx, w, p, next, kept.messages)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, id := range kept.ids {
		if id.record != "" {
			e := kept.entries[i]
			e.offset = offsets[i]
			s.set(id, e)
		}
	}
	s.next = next
	kept.count(s.c.metrics)
	return nil
}

// write is one transaction. The group may be between two generations while this member keeps the partition.
func (s *shelf) write(ctx context.Context, w *eventlog.Writer, p *eventlog.Owned, next int64, messages []eventlog.Message) ([]int64, error) {
	for try := 1; ; try++ {
		offsets, err := w.Write(p.Consumed(next), s.topic.State, s.partition, messages)
		if err == nil {
			s.c.metrics.transactions.Inc()
			return offsets, nil
		}
		if errors.Is(err, eventlog.ErrFenced) {
			s.c.metrics.fenced.Inc()
		}
		if !errors.Is(err, eventlog.ErrGeneration) || try == generationTries {
			return nil, err
		}
		select {
		case <-time.After(generationPause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// measure notes that what was taken is done; all means that it was all there was.
func (s *shelf) measure(end int64, taken time.Time, all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done, s.behind = s.next, max(0, end-s.next)
	if all {
		s.level = taken
	}
}

// reach waits until the event at an offset is done.
func (s *shelf) reach(ctx context.Context, offset int64) error {
	for {
		s.mu.RLock()
		done := s.done
		s.mu.RUnlock()
		if done > offset {
			return nil
		}
		select {
		case <-time.After(catchUpLook):
		case <-ctx.Done():
			return fmt.Errorf("%s/%d is compacted up to %d, and has %d: %w", s.topic.Events, s.partition, done, offset, ctx.Err())
		}
	}
}

// lag is how many events are not done, and how long ago all were that had come.
func (s *shelf) lag(now time.Time) (events int64, behind time.Duration) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.level.IsZero() {
		return s.behind, now.Sub(s.since)
	}
	return s.behind, now.Sub(s.level)
}

// --- what is known ---

// set and size want the lock held.
func (s *shelf) set(id recordID, e Entry) {
	records := s.entries[id.tenant]
	if records == nil {
		records = map[string]Entry{}
		s.entries[id.tenant] = records
	}
	records[id.record] = e
}

func (s *shelf) size() int {
	n := 0
	for _, records := range s.entries {
		n += len(records)
	}
	return n
}

func (s *shelf) isLoaded() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.loaded
}

func (s *shelf) entry(tenant, record string) (Entry, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, ok := s.entries[tenant][record]
	e.Stray = ok && s.hasGrown() && s.stray(tenant, record)
	return e, ok
}

func (s *shelf) each(tenant string, f func(record string, e Entry)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	grown := s.hasGrown()
	for name, e := range s.entries[tenant] {
		e.Stray = grown && s.stray(tenant, name)
		f(name, e)
	}
}

// hasGrown spares the hash of every record of a topic that never did.
func (s *shelf) hasGrown() bool {
	grown, ok := s.c.grown(s.topic.Events)
	return ok && !grown.At.IsZero()
}

// attracts reports whether the record's events go to this partition.
func (s *shelf) attracts(tenant, record string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	to, known := s.home(tenant, record)
	return known && to == s.partition
}

// stray reports whether the record's events go to another partition. The lock is held.
func (s *shelf) stray(tenant, record string) bool {
	to, known := s.home(tenant, record)
	return known && to != s.partition
}

func (s *shelf) strays(tenant, record string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.stray(tenant, record)
}

// home is the partition that the record's events go to, if its name says so. The lock is held.
func (s *shelf) home(tenant, record string) (partition int32, known bool) {
	if s.topic.EventKey == nil {
		return 0, false
	}
	key, ours := s.topic.EventKey(tenant, record)
	if !ours {
		return 0, false
	}
	keys := s.partitions
	if grown, ok := s.c.grown(s.topic.Events); ok {
		keys = int(grown.Keys) // what all producers go by
	}
	return eventlog.PartitionOf([]byte(key), keys), true
}
