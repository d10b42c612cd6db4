package consume

import "fmt"

// Revision orders the states of one record: epoch · 2³² + n, so newer is greater.
type Revision uint64

// Epoch is the reign in which the state was made.
func (r Revision) Epoch() uint32 { return uint32(r >> 32) }

// N rises by one per change within an epoch.
func (r Revision) N() uint32 { return uint32(r) }

func (r Revision) String() string { return fmt.Sprintf("%d.%d", r.Epoch(), r.N()) }

// Version is what a Store compares: greater is newer. A record's tombstone is newer than the event of the same revision.
type Version uint64

func versionOf(m *Meta) Version {
	v := Version(m.Revision) << 1
	if m.Deleted {
		v++
	}
	return v
}
