package rebuild

import (
	"hash/fnv"
	"time"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

// Source is how a service's log becomes records again.
type Source struct {
	// EventTopics are read from their start to this recovery's own marker.
	EventTopics []string
	// Value gives the stored value of the record that an event carries. Tenant, name, revision and operation come from
	// the CloudEvents headers.
	Value func(m eventlog.Message) ([]byte, error)
	// Derive makes indexes, deadlines and derived records from the records of a tenant.
	Derive func(b *Build) error
	// Logged reports whether the log must have heard of a record like this. Of others no event tells, or not yet.
	Logged func(r *commit.Record) bool
	// Reborn reports whether a stored value is the log's as Build.Replace made it for a later epoch. Nil: nothing is ever
	// replaced.
	Reborn func(stored, logged []byte) bool
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
