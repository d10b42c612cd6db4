package commit

import (
	"context"
	"time"
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

	epoch uint32 // of the namespace it was read in
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
	Data []byte // protobuf
}

// Due is a deadline that has passed.
type Due struct {
	// Name of the record.
	Name string
	At   time.Time
}

// Tx is one load, decide, commit. It belongs to one goroutine and one run of the decide function.
//
// Reads are asked for first and then fetched together; what they return is filled by Fetch.
type Tx struct{}

// Record asks for a record of this service.
func (tx *Tx) Record(name string) *Record { panic("todo") }

// Foreign asks for a record of another service.
func (tx *Tx) Foreign(service, name string) *Record { panic("todo") }

// First asks for the first n members of an index of this service.
func (tx *Tx) First(index string, n int) *Members { panic("todo") }

// ForeignFirst asks for the first n members of an index of another service.
func (tx *Tx) ForeignFirst(service, index string, n int) *Members { panic("todo") }

// After asks for up to n members whose score is at least min, lowest first, skipping the first `skip`.
func (tx *Tx) After(index string, min float64, skip, n int) *Members { panic("todo") }

// Count asks how many members an index has.
func (tx *Tx) Count(index string) *int64 { panic("todo") }

// Fetch reads all that was asked for since the last Fetch, in one round trip. The first also reads Redis' clock.
func (tx *Tx) Fetch(ctx context.Context) error { panic("todo") }

// Now is Redis' clock at the first Fetch. Milliseconds, UTC.
func (tx *Tx) Now() time.Time { panic("todo") }

// Epoch is the epoch of this service that the commit will be made in.
func (tx *Tx) Epoch() uint32 { panic("todo") }

// Next is the revision that Put would give to the record.
func (tx *Tx) Next(r *Record) Revision { panic("todo") }

// Put changes a record, and tells the event if there is one. The first Put names the commit's primary record.
func (tx *Tx) Put(r *Record, value []byte, event *Event) { panic("todo") }

// Delete removes a record without an event.
func (tx *Tx) Delete(r *Record) { panic("todo") }

// Guard makes the commit fail if one of these records has changed since it was read. Records that are Put are guarded
// anyway.
func (tx *Tx) Guard(records ...*Record) { panic("todo") }

// Add puts a member into an index of this service, or moves it.
func (tx *Tx) Add(index, member string, score float64) { panic("todo") }

// Remove takes a member out of an index of this service.
func (tx *Tx) Remove(index, member string) { panic("todo") }

// Deadline sets when the record falls due; the zero time removes it.
func (tx *Tx) Deadline(r *Record, at time.Time) { panic("todo") }
