package rebuild

import (
	"context"
	"strconv"
	"time"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

// burySize is how many records one transaction forgets.
const burySize = 4000

// bury writes tombstones for records whose time is over, and for those that ended in another partition.
func (s *shelf) bury(ctx context.Context, w *eventlog.Writer, p *eventlog.Owned) error {
	s.mu.Lock()
	s.partitions = p.Partitions()
	s.mu.Unlock()
	for ctx.Err() == nil {
		over := s.over(ctx)
		if len(over) == 0 {
			return nil
		}
		if err := s.forget(ctx, w, p, over); err != nil || len(over) < burySize {
			return err
		}
	}
	return nil
}

// forget writes the tombstones.
func (s *shelf) forget(ctx context.Context, w *eventlog.Writer, p *eventlog.Owned, over []recordID) error {
	tombstones := make([]eventlog.Message, len(over))
	for i, id := range over {
		tombstones[i] = s.tombstone(id)
	}
	if _, err := s.write(ctx, w, p, s.next, tombstones); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range over {
		delete(s.entries[id.tenant], id.record)
	}
	s.c.metrics.tombstones.Add(float64(len(over)))
	return nil
}

// over are records to be forgotten, some of them if there are many.
func (s *shelf) over(ctx context.Context) (over []recordID) {
	moved := map[string][]string{}
	for tenant, records := range s.entries { // nobody else writes them
		now, known := s.c.clock(ctx, tenant)
		for name, e := range records {
			switch {
			case len(over) >= burySize:
				return over
			case e.Ended() && known && now.After(e.Until):
				over = append(over, recordID{tenant, name})
			case time.Since(e.Changed) > s.c.movedAfter && s.strays(tenant, name):
				moved[tenant] = append(moved[tenant], name)
			}
		}
	}
	for tenant, names := range moved {
		names = names[:min(len(names), askSize)]
		held, err := s.c.ask(ctx, tenant, names, 0)
		if err != nil {
			continue // closed, or Redis is away: they can wait
		}
		for _, name := range names {
			if !held[name] {
				over = append(over, recordID{tenant, name})
			}
		}
	}
	return over
}

// tombstone has the headers that say what it is about; the key alone does not.
func (s *shelf) tombstone(id recordID) eventlog.Message {
	return eventlog.Message{Key: []byte(s.topic.Key(id.tenant, id.record)), Headers: []eventlog.Header{
		{Key: eventlog.HeaderTenant, Value: id.tenant},
		{Key: eventlog.HeaderSubject, Value: id.record},
		{Key: eventlog.HeaderRevision, Value: strconv.FormatUint(s.entries[id.tenant][id.record].Revision.Number(), 10)},
	}}
}
