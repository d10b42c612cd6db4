package rebuild

import (
	"fmt"
	"sync"
	"time"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

// ghostAfter is how long after its decision the first event of a record counts, if nothing else is known of the record.
// A recovery can't ask Redis, as a compactor does.
const ghostAfter = 24 * time.Hour

// latest collects the newest event of every record of the tenants that are being recovered, over all partitions: a key
// that moved when a topic grew is in two.
type latest struct {
	mu      sync.Mutex
	tenants map[string]map[string]versioned // tenant → record name → newest event
	events  int
	void    int
	ghosts  int
	marked  reigns
}

type versioned struct {
	revision commit.Revision
	message  eventlog.Message // of a forgotten record: a tombstone
	// known: its beginning was seen, or a compactor knew it. Else it is a repeat of a record that was forgotten.
	known bool
}

func newLatest(tenants []string) *latest {
	l := &latest{tenants: map[string]map[string]versioned{}, marked: reigns{}}
	for _, t := range tenants {
		l.tenants[t] = map[string]versioned{}
	}
	return l
}

// take is called in order within a partition, and at once for several partitions. Payloads are not looked at, and other
// tenants' not kept. trusted: a compactor knew the record, or it may come into the log at any revision.
func (l *latest) take(m eventlog.Message, void, trusted bool) error {
	records, ours := l.tenants[m.Header(eventlog.HeaderTenant)]
	if !ours || m.Header(eventlog.HeaderSubject) == "" {
		return nil
	}
	id, revision, err := identify(m)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events++
	if void {
		l.void++
		return nil
	}
	v, seen := records[id.record]
	v.known = v.known || trusted || revision.N == 1 && lateness(m) < ghostAfter
	if !seen || revision.Newer(v.revision) || m.Value == nil && revision == v.revision {
		v.revision, v.message = revision, m
	}
	records[id.record] = v
	return nil
}

// records decodes what is left.
func (l *latest) records(tenant string, value func(eventlog.Message) ([]byte, error)) ([]commit.Record, error) {
	all := make([]commit.Record, 0, len(l.tenants[tenant]))
	for name, v := range l.tenants[tenant] {
		switch {
		case !v.known:
			l.ghosts++
			continue
		case v.message.Value == nil:
			continue
		}
		b, err := value(v.message)
		if err != nil {
			return nil, fmt.Errorf("record %s/%s at %s: %w", tenant, name, v.revision, err)
		}
		all = append(all, commit.Record{Name: name, Revision: v.revision, Op: v.message.Header(eventlog.HeaderOp), Value: b})
	}
	return all, nil
}
