package rebuild

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

// late is how long after its decision an event that a pod publishes from memory reaches the log at most. A later one
// comes from an outbox, whose record Redis then holds, or it is a zombie's.
const late = 2 * time.Minute

type recordID struct{ tenant, record string }

// identify reads which record a message is about, and at which revision.
func identify(m eventlog.Message) (recordID, commit.Revision, error) {
	id := recordID{m.Header(eventlog.HeaderTenant), m.Header(eventlog.HeaderSubject)}
	text := m.Header(eventlog.HeaderRevision)
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil || id.tenant == "" || id.record == "" {
		return id, commit.Revision{}, fmt.Errorf("message at %s/%d@%d is no event: tenant %q, record %q, revision %q", m.Topic, m.Partition, m.Offset, id.tenant, id.record, text)
	}
	return id, commit.RevisionOf(number), nil
}

// doubtful reports whether an event of a record that nobody knows may be a repeat of one that was forgotten: it is not
// the record's first, or it came late.
func (t Topic) doubtful(m eventlog.Message, r commit.Revision) bool {
	if t.Sparse {
		return false
	}
	return r.N > 1 || lateness(m) > late
}

// lateness is how long after its decision an event came to the log.
func lateness(m eventlog.Message) time.Duration {
	decided, err := time.Parse(time.RFC3339Nano, m.Header(eventlog.HeaderTime))
	if err != nil {
		return 0
	}
	return m.Time.Sub(decided)
}

// heldOf asks Redis about the records in a batch whose first appearance is doubtful.
func (s *shelf) heldOf(ctx context.Context, batch []eventlog.Message) (map[recordID]bool, error) {
	ask := map[string][]string{}
	var least uint32
	seen := map[recordID]bool{}
	for _, m := range batch {
		id, revision, err := identify(m)
		if err != nil || seen[id] {
			continue
		}
		seen[id] = true
		if _, known := s.entries[id.tenant][id.record]; known || !s.topic.doubtful(m, revision) {
			continue
		}
		ask[id.tenant] = append(ask[id.tenant], id.record)
		least = max(least, revision.Epoch)
	}
	held := map[recordID]bool{}
	for tenant, records := range ask {
		known, err := s.c.held(ctx, tenant, records, least)
		if err != nil {
			return nil, err
		}
		for name := range known {
			held[recordID{tenant, name}] = true
		}
	}
	return held, nil
}

// kept is what a batch leaves: messages for the state topic, and for those that are records what is known then.
type kept struct {
	messages []eventlog.Message
	ids      []recordID // empty for floors
	entries  []Entry
	at       map[recordID]int

	latest, void, repeats, ghosts int
}

// sift drops what is void, what is not newer, and what nobody knows any more; of each record the latest stays.
func (s *shelf) sift(batch []eventlog.Message, held map[recordID]bool) (*kept, error) {
	k := &kept{at: map[recordID]int{}}
	newest := map[recordID]eventlog.Message{}
	for _, m := range batch {
		if marker, ok, err := eventlog.ParseMarker(m); ok {
			if err == nil { // one that can't be read ends no reign
				s.voider.Void(m)
				s.floors(k, marker)
			}
			continue
		}
		if m.Header(eventlog.HeaderSubject) == "" {
			continue // about no record: a gap in the history
		}
		id, revision, err := identify(m)
		if err != nil {
			s.c.metrics.unreadable.Inc()
			s.c.log.Error("passed over: " + err.Error())
			continue
		}
		switch {
		case s.voider.Void(m):
			k.void++
		case !s.isNews(k, id, revision):
			k.repeats++
		case !s.isKnown(k, id) && s.topic.doubtful(m, revision) && !held[id]:
			k.ghosts++
		default:
			k.put(id, revision)
			newest[id] = m
		}
	}
	return k, s.finish(k, newest)
}

func (s *shelf) isNews(k *kept, id recordID, r commit.Revision) bool {
	if at, ok := k.at[id]; ok {
		return r.Newer(k.entries[at].Revision)
	}
	return r.Newer(s.entries[id.tenant][id.record].Revision)
}

func (s *shelf) isKnown(k *kept, id recordID) bool {
	if _, ok := k.at[id]; ok {
		return true
	}
	_, ok := s.entries[id.tenant][id.record]
	return ok
}

func (k *kept) put(id recordID, r commit.Revision) {
	if at, ok := k.at[id]; ok {
		k.entries[at].Revision = r
		return
	}
	k.at[id] = len(k.ids)
	k.ids = append(k.ids, id)
	k.entries = append(k.entries, Entry{Revision: r})
	k.messages = append(k.messages, eventlog.Message{})
}

// floors keeps what a marker says, tenant by tenant: later owners begin behind it.
func (s *shelf) floors(k *kept, m eventlog.Marker) {
	for _, tenant := range m.Tenants {
		k.messages = append(k.messages, m.FloorMessage(s.topic.State, tenant))
		k.ids = append(k.ids, recordID{})
		k.entries = append(k.entries, Entry{})
	}
}

// finish makes the messages of the records that stay.
func (s *shelf) finish(k *kept, newest map[recordID]eventlog.Message) error {
	for id, at := range k.at {
		m := newest[id]
		k.entries[at] = s.entryOf(m, k.entries[at].Revision)
		out := eventlog.Message{Key: []byte(s.topic.Key(id.tenant, id.record)), Value: m.Value, Headers: m.Headers}
		if k.entries[at].Ended() {
			_, stub, err := s.topic.Ended(m)
			if err != nil {
				return err
			}
			out.Value = stub
		}
		k.messages[at] = out
		k.latest++
	}
	return nil
}

func (k *kept) count(m *compactorMetrics) {
	m.kept.Add(float64(k.latest))
	m.dropped.WithLabelValues("void").Add(float64(k.void))
	m.dropped.WithLabelValues("repeat").Add(float64(k.repeats))
	m.dropped.WithLabelValues("forgotten").Add(float64(k.ghosts))
}
