package commit

import "fmt"

// Revision orders the states of one record. A later epoch is newer whatever N says; within an epoch N rises by one per
// change. The zero Revision means that the record does not exist.
type Revision struct{ Epoch, N uint32 }

// Number is the revision as one number, epoch * 2^32 + n. It stays below 2^53, which is exact in Lua and JavaScript.
func (r Revision) Number() uint64 { return uint64(r.Epoch)<<32 | uint64(r.N) }

// RevisionOf is the inverse of Number.
func RevisionOf(number uint64) Revision {
	return Revision{Epoch: uint32(number >> 32), N: uint32(number)}
}

// Newer reports whether r is newer than o.
func (r Revision) Newer(o Revision) bool { return r.Number() > o.Number() }

// IsZero reports whether r stands for a record that does not exist.
func (r Revision) IsZero() bool { return r == Revision{} }

// next is the revision of the next change in the given epoch.
func (r Revision) next(epoch uint32) Revision { return Revision{Epoch: epoch, N: r.N + 1} }

func (r Revision) String() string { return fmt.Sprintf("%d.%d", r.Epoch, r.N) }

// MarshalText writes it as "epoch.n", for JSON and people.
func (r Revision) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (r *Revision) UnmarshalText(text []byte) error {
	if _, err := fmt.Sscanf(string(text), "%d.%d", &r.Epoch, &r.N); err != nil {
		return fmt.Errorf("revision %q is not epoch.n: %w", text, err)
	}
	return nil
}
