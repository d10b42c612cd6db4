package commit

import (
	"context"
	"time"
)

// Store holds the records of one service.
type Store struct{}

// Result is what became of a Do.
type Result struct {
	// Record is the name of the primary record: the first that was Put, else the first that was loaded.
	Record string
	// Revision is the primary record's after the commit; without a commit, as it was loaded.
	Revision Revision
	// Previous is its revision before.
	Previous Revision
	// Changed reports whether this call, or an earlier run of the same operation, changed it.
	Changed bool
	// Now is Redis' clock when it was loaded.
	Now time.Time
}

// Do loads, decides and commits. decide may run several times, whenever somebody else was first; it must not change
// anything but its Tx. A decide that puts nothing commits nothing. An error from decide ends Do and is returned as it
// is, with a Result that names the record decided on, for a refusal too is acknowledged only when what it rests on is
// durable. op is the operation's id: a script that ran twice answers with its first outcome.
//
// Errors: a *refusal.Refusal with code Unavailable while the tenant is closed, not found for a tenant that is not
// served; otherwise what Redis said.
func (s *Store) Do(ctx context.Context, tenant, op string, decide func(ctx context.Context, tx *Tx) error) (Result, error) {
	panic("todo")
}

// Read loads without a commit. It answers while the tenant is closed too, and then says verified = false.
func (s *Store) Read(ctx context.Context, tenant string, read func(ctx context.Context, tx *Tx) error) (verified bool, err error) {
	panic("todo")
}

// WhenDurable calls done with nil once revision r of the record is durable: its event is in Kafka, and a read of the
// newest epoch that began after Kafka's ack shows no later one. Otherwise with the error that says why it may never be.
// done must not block.
func (s *Store) WhenDurable(tenant, record string, r Revision, done func(error)) { panic("todo") }

// Claim takes up to limit deadlines that have passed. Other pods leave them alone for one second.
func (s *Store) Claim(ctx context.Context, tenant string, limit int) ([]Due, error) { panic("todo") }

// Verified reports whether the tenant is open, and its epoch.
func (s *Store) Verified(tenant string) (epoch uint32, open bool) { panic("todo") }

// Tenants that this store serves.
func (s *Store) Tenants() []string { panic("todo") }

// Run keeps the relay and the gate going until ctx ends.
func (s *Store) Run(ctx context.Context) error { panic("todo") }
