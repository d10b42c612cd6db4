package rebuild

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

// latest collects the newest event of every record of the tenants that are being recovered, over all partitions.
type latest struct {
	mu      sync.Mutex
	tenants map[string]map[string]versioned // tenant → record name → newest event
	events  int
	void    int
	marked  reigns
}

type versioned struct {
	revision commit.Revision
	message  eventlog.Message
}

func newLatest(tenants []string) *latest {
	l := &latest{tenants: map[string]map[string]versioned{}, marked: reigns{}}
	for _, t := range tenants {
		l.tenants[t] = map[string]versioned{}
	}
	return l
}

// take is called in order within a partition, and at once for several partitions.
func (l *latest) take(m eventlog.Message, void bool) error {
	tenant, record := m.Header(eventlog.HeaderTenant), m.Header(eventlog.HeaderSubject)
	records, ours := l.tenants[tenant]
	if !ours || record == "" || m.Value == nil {
		return nil
	}
	number, err := strconv.ParseUint(m.Header(eventlog.HeaderRevision), 10, 64)
	if err != nil {
		return fmt.Errorf("event of %s/%s at %s/%d@%d: revision %q is not a number", tenant, record, m.Topic, m.Partition, m.Offset, m.Header(eventlog.HeaderRevision))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events++
	if void {
		l.void++
		return nil
	}
	revision := commit.RevisionOf(number)
	if known, ok := records[record]; ok && !revision.Newer(known.revision) {
		return nil
	}
	records[record] = versioned{revision, m}
	return nil
}

// records decodes what is left.
func (l *latest) records(tenant string, value func(eventlog.Message) ([]byte, error)) ([]commit.Record, error) {
	all := make([]commit.Record, 0, len(l.tenants[tenant]))
	for name, v := range l.tenants[tenant] {
		b, err := value(v.message)
		if err != nil {
			return nil, fmt.Errorf("record %s/%s at %s: %w", tenant, name, v.revision, err)
		}
		all = append(all, commit.Record{Name: name, Revision: v.revision, Op: v.message.Header(eventlog.HeaderOp), Value: b})
	}
	return all, nil
}

// read reads the event topics from their start to the own markers.
func (r *Recovery) read(ctx context.Context, tenants []string, ends map[string][]int64, far *progress) (*latest, error) {
	l := newLatest(tenants)
	for _, topic := range r.source.EventTopics {
		for _, end := range ends[topic] {
			far.total.Add(end + 1) // the marker too
		}
	}
	for _, topic := range r.source.EventTopics {
		voiders := make([]eventlog.Voider, len(ends[topic]))
		err := eventlog.ReadTopic(ctx, r.kafka, topic, nil, ends[topic], func(m eventlog.Message) error {
			far.read.Add(1)
			l.heed(m)
			return l.take(m, voiders[m.Partition].Void(m))
		})
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", topic, err)
		}
	}
	return l, nil
}
