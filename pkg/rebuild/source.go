package rebuild

import (
	"hash/fnv"
	"time"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

// Source is how a service's log becomes records again.
type Source struct {
	Topics []Topic
	// Value gives the stored value of the record that an event carries, in an events topic or in a state topic. Tenant,
	// name, revision and operation come from the CloudEvents headers.
	Value func(m eventlog.Message) ([]byte, error)
	// Derive makes indexes, deadlines and derived records from the records of a tenant.
	Derive func(b *Build) error
	// Gap is the event that says that history is missing. It must carry no record.
	Gap func(g commit.Gap) commit.Event
	// Logged reports whether the log must have heard of a record like this, and have it still at that time. Of others no
	// event tells, or not yet, or not any more: a record that has ended may be kept in Redis for longer than in the log.
	Logged func(r *commit.Record, at time.Time) bool
	// Lasting gives what of a stored value outlives the epoch it was stored in: the rest may be what Build.Replace made of
	// it. Nil: all of it.
	Lasting func(value []byte) []byte
}

// Topic is an events topic and its state topic: the compacted one, with the latest event of each record.
type Topic struct {
	Events string
	// State is what the compactor writes. Empty: nothing is compacted, and recovery reads the events from their start.
	State string
	// Key of a record in State. It must be no other record's, of another tenant neither.
	Key func(tenant, record string) string
	// EventKey is the key of a record's events, and whether they go to this topic at all. nil: the name does not say.
	EventKey func(tenant, record string) (key string, ours bool)
	// Ended says of an event after which its record has ended until when the record is kept, and which smaller event
	// stands for it till then. Until is zero while the record lives. nil: records never end.
	Ended func(m eventlog.Message) (until time.Time, stub []byte, err error)
	// Sparse: not every revision has an event, so a record may come into the log at any number.
	Sparse bool
}

// EventTopics are the topics that markers go to.
func (s Source) EventTopics() []string {
	names := make([]string, len(s.Topics))
	for i, t := range s.Topics {
		names[i] = t.Events
	}
	return names
}

func (s Source) topic(events string) (Topic, bool) {
	for _, t := range s.Topics {
		if t.Events == events {
			return t, true
		}
	}
	return Topic{}, false
}

// Build is one tenant's state on its way back.
type Build struct {
	Tenant string
	Epoch  uint32
	// Now is Redis' clock.
	Now time.Time
	// Closed is how long this pod had seen the tenant closed; deadlines move by it. Zero after a start.
	Closed time.Duration
	// Records holds the newest revision of each record; void events are left out.
	Records []commit.Record

	writes []commit.Built
	drop   map[string]bool
	values map[string][]byte
}

func newBuild(tenant string, epoch uint32, now time.Time, records []commit.Record) *Build {
	return &Build{Tenant: tenant, Epoch: epoch, Now: now, Records: records, drop: map[string]bool{}, values: map[string][]byte{}}
}

// spread is how far apart deadlines that have passed come due, so that they do not fire all at once.
const spread = time.Second

// Put makes a derived record, at the first revision of the new epoch.
func (b *Build) Put(name string, value []byte) {
	b.record(commit.Record{Name: name, Revision: commit.Revision{Epoch: b.Epoch, N: 1}, Value: value})
}

// Replace changes the stored value of one of Records. Its revision stays, for no event tells of it: use it only for what
// a new epoch means by itself, such as that no screen has answered yet.
func (b *Build) Replace(name string, value []byte) { b.values[name] = value }

// Drop leaves out one of Records.
func (b *Build) Drop(name string) { b.drop[name] = true }

// Add puts a member into an index.
func (b *Build) Add(index, member string, score float64) {
	b.writes = append(b.writes, commit.Built{Index: index, Member: member, Score: score})
}

// Deadline sets when a record falls due, moved by the length of the closure. What has passed by then comes due within
// the next second.
func (b *Build) Deadline(name string, at time.Time) {
	at = at.Add(b.Closed)
	if at.Before(b.Now) {
		at = b.Now.Add(jitter(name))
	}
	b.writes = append(b.writes, commit.Deadline(name, at))
}

func (b *Build) record(r commit.Record) {
	b.writes = append(b.writes, commit.Built{Record: r})
}

// finish gives all that is to be written.
func (b *Build) finish() []commit.Built {
	for _, r := range b.Records {
		if b.drop[r.Name] {
			continue
		}
		if v, ok := b.values[r.Name]; ok {
			r.Value = v
		}
		b.record(r)
	}
	return b.writes
}

func jitter(name string) time.Duration {
	h := fnv.New32a()
	h.Write([]byte(name))
	return time.Duration(h.Sum32()) % spread
}
