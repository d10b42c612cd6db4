package commit

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/refusal"
)

// Record is a record as it was loaded.
type Record struct {
	// Service owns the record; Name is its name there, for instance "contact:c-42".
	Service, Name string
	// Revision is zero if the record does not exist.
	Revision Revision
	// Op is the id of the operation that made this revision.
	Op    string
	Value []byte

	key  string
	past Revision
}

// Exists reports whether the record was there.
func (r *Record) Exists() bool { return !r.Revision.IsZero() }

// Member is one member of an index.
type Member struct {
	Name  string
	Score float64
}

// Members are read from an index, lowest score first.
type Members struct{ List []Member }

// Event is told to the log when the commit is through. It becomes a CloudEvent in Kafka's binary mode; the store adds
// id, source, revision, operation and trace.
type Event struct {
	Topic, Key string
	// Type is the CloudEvents type, for instance "busyhour.routing.contact.offered.v1".
	Type string
	// Schema is a URI that names what Data is.
	Schema string
	Data   []byte // protobuf
	// Deprecated is nil for a type that stays.
	Deprecated *eventlog.Deprecation
}

// Tx is one load, decide, commit. It belongs to one goroutine and one run of the decide function.
//
// Reads are asked for first and then fetched together; what they return is filled by Fetch.
type Tx struct {
	store      *Store
	tenant, op string
	epoch      uint32
	unverified bool // a Read: answer even if the state is not verified
	grows      bool // it begins new work
	trace      []eventlog.Header

	asked   []read
	others  []*other // the other services asked for
	now     time.Time
	why     string // the state was not verified when it was loaded
	failed  error  // a Fetch that failed; ends Do whatever decide makes of it
	primary *Record

	records []put
	guards  []*Record
	removes []member
	adds    []member
	counts  []count
	events  []told
}

// other is another service that a Tx reads from.
type other struct {
	mark string // its key
	// epoch in which all of this Tx reads and guards, whatever is learned meanwhile; zero before that is known.
	epoch uint32
	read  bool // something was, in that epoch
}

type put struct {
	record *Record
	value  []byte // nil deletes
}

type member struct {
	index, name string
	score       float64
}

type count struct {
	name string
	by   int64
}

type told struct {
	record *Record
	entry  entry
}

func newTx(ctx context.Context, s *Store, tenant, op string, epoch uint32) *Tx {
	return &Tx{store: s, tenant: tenant, op: op, epoch: epoch, trace: eventlog.TraceHeaders(ctx)}
}

// Tenant of this Tx.
func (tx *Tx) Tenant() string { return tx.tenant }

// Record asks for a record of this service.
func (tx *Tx) Record(name string) *Record {
	r := &Record{Service: tx.store.service, Name: name, key: tx.key(name)}
	if tx.primary == nil {
		tx.primary = r
	}
	tx.asked = append(tx.asked, readRecord{r})
	return r
}

// Foreign asks for a record of another service.
func (tx *Tx) Foreign(service, name string) *Record {
	r := &Record{Service: service, Name: name}
	tx.other(service)
	tx.asked = append(tx.asked, readRecord{r})
	return r
}

// First asks for the first n members of an index of this service.
func (tx *Tx) First(index string, n int) *Members { return tx.After(index, math.Inf(-1), 0, n) }

// After asks for up to n members whose score is at least min, lowest first, skipping the first skip.
func (tx *Tx) After(index string, min float64, skip, n int) *Members {
	m := &Members{}
	tx.asked = append(tx.asked, readIndex{m, tx.store.service, index, min, skip, n})
	return m
}

// ForeignFirst asks for the first n members of an index of another service.
func (tx *Tx) ForeignFirst(service, index string, n int) *Members {
	return tx.ForeignAfter(service, index, math.Inf(-1), 0, n)
}

// ForeignAfter is After on an index of another service.
func (tx *Tx) ForeignAfter(service, index string, min float64, skip, n int) *Members {
	m := &Members{}
	tx.other(service)
	tx.asked = append(tx.asked, readIndex{m, service, index, min, skip, n})
	return m
}

// Count asks how many members an index of this service has.
func (tx *Tx) Count(index string) *int64 {
	n := new(int64)
	tx.asked = append(tx.asked, readSize{n, index})
	return n
}

// In asks whether an index of this service has the member.
func (tx *Tx) In(index, member string) *bool {
	in := new(bool)
	tx.asked = append(tx.asked, readMember{in, index, member})
	return in
}

// Due asks whether the record has a deadline.
func (tx *Tx) Due(r *Record) *bool { return tx.In(deadlines, r.Name) }

// Counter asks for a counter of this service.
func (tx *Tx) Counter(name string) *int64 {
	n := new(int64)
	tx.asked = append(tx.asked, readCounter{n, name})
	return n
}

// Now is Redis' clock at the first Fetch, UTC.
func (tx *Tx) Now() time.Time { return tx.now }

// Epoch is the epoch of this service that the commit will be made in.
func (tx *Tx) Epoch() uint32 { return tx.epoch }

// EpochOf is the epoch of another service in which this Tx reads; zero before a Fetch that reads from it.
func (tx *Tx) EpochOf(service string) uint32 {
	if o := tx.marked(MarkKey(tx.tenant, service)); o != nil {
		return o.epoch
	}
	return 0
}

// Next is the revision that Put would give to the record.
func (tx *Tx) Next(r *Record) Revision {
	if r.past.Newer(r.Revision) {
		return r.past.next(tx.epoch)
	}
	return r.Revision.next(tx.epoch)
}

// Beyond has Put give the record a revision beyond past too: the log knows revisions that Redis has lost, and none is used
// twice.
func (tx *Tx) Beyond(r *Record, past Revision) { r.past = past }

// Put changes a record, and tells the event if there is one. Put a record once.
func (tx *Tx) Put(r *Record, value []byte, event *Event) {
	if value == nil {
		value = []byte{}
	}
	tx.records = append(tx.records, put{r, value})
	if event != nil {
		next := tx.Next(r)
		tx.events = append(tx.events, told{r, entry{revision: next, message: tx.message(r, next, event)}})
	}
}

// Delete removes a record without an event.
func (tx *Tx) Delete(r *Record) {
	tx.records = append(tx.records, put{record: r})
}

// Guard makes the commit fail if one of these records has changed since it was read. Records that are Put are guarded
// anyway.
func (tx *Tx) Guard(records ...*Record) { tx.guards = append(tx.guards, records...) }

// Add puts a member into an index of this service, or moves it.
func (tx *Tx) Add(index, name string, score float64) {
	tx.adds = append(tx.adds, member{index, name, score})
}

// Remove takes a member out of an index of this service. In one commit, removals come before additions.
func (tx *Tx) Remove(index, name string) {
	tx.removes = append(tx.removes, member{index: index, name: name})
}

// Deadline sets when the record falls due; the zero time removes it.
func (tx *Tx) Deadline(r *Record, at time.Time) {
	if at.IsZero() {
		tx.Remove(deadlines, r.Name)
		return
	}
	tx.Add(deadlines, r.Name, float64(at.UnixMilli()))
}

// Increment adds to a counter of this service. A counter lives as long as its epoch.
func (tx *Tx) Increment(name string, by int64) { tx.counts = append(tx.counts, count{name, by}) }

// Grow says that this commit begins new work, such as a new contact. When events pile up before the log, new work is
// refused first, so that what lives can go on.
func (tx *Tx) Grow() { tx.grows = true }

func (tx *Tx) key(name string) string { return Key(tx.tenant, tx.store.service, tx.epoch, name) }

// foreignKey is known only once the other service's epoch is.
func (tx *Tx) foreignKey(service, name string) string {
	if service == tx.store.service {
		return tx.key(name)
	}
	return Key(tx.tenant, service, tx.other(service).epoch, name)
}

// other is what this Tx knows of another service, from now on.
func (tx *Tx) other(service string) *other {
	mark := MarkKey(tx.tenant, service)
	o := tx.marked(mark)
	if o == nil {
		o = &other{mark: mark}
		tx.others = append(tx.others, o)
	}
	return o
}

// marked is the other service that has this mark; nil if none does that was asked for.
func (tx *Tx) marked(key string) *other {
	for _, o := range tx.others {
		if o.mark == key {
			return o
		}
	}
	return nil
}

func (tx *Tx) changes() bool {
	return len(tx.records)+len(tx.removes)+len(tx.adds)+len(tx.counts) > 0
}

func (tx *Tx) puts(r *Record) bool {
	for _, p := range tx.records {
		if p.record == r {
			return p.value != nil
		}
	}
	return false
}

func (tx *Tx) result() Result {
	r := Result{Now: tx.now, Epoch: tx.epoch}
	if p := tx.primary; p != nil {
		r.Record, r.Revision, r.Previous = p.Name, p.Revision, p.Revision
	}
	return r
}

// foreignClosed refuses what needs another service's state while that is not verified.
func foreignClosed(mark string) error {
	_, rest, _ := strings.Cut(mark, "}:")
	return refusal.New(refusal.Unavailable, "UNVERIFIED", "the state of %s is not verified", strings.TrimSuffix(rest, ":mark")).
		To("try again in " + RetryAfter.String())
}
