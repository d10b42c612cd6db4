package history

import (
	"fmt"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
)

// Revision of a record. In JSON "epoch.n".
type Revision struct{ Epoch, N uint32 }

// RevisionOf is a contract's revision.
func RevisionOf(r *commonv1.Revision) Revision { return Revision{r.GetEpoch(), r.GetN()} }

// Numbered is the inverse of Number.
func Numbered(n uint64) Revision { return Revision{uint32(n >> 32), uint32(n)} }

// Number orders revisions.
func (r Revision) Number() uint64 { return uint64(r.Epoch)<<32 | uint64(r.N) }

// Newer reports whether r is newer than o.
func (r Revision) Newer(o Revision) bool { return r.Number() > o.Number() }

func (r Revision) String() string { return fmt.Sprintf("%d.%d", r.Epoch, r.N) }

// MarshalText writes "epoch.n".
func (r Revision) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads it back.
func (r *Revision) UnmarshalText(b []byte) error {
	if _, err := fmt.Sscanf(string(b), "%d.%d", &r.Epoch, &r.N); err != nil {
		return fmt.Errorf("revision %q: want epoch.n", b)
	}
	return nil
}
