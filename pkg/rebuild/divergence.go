package rebuild

import (
	"bytes"

	"github.com/busyhour/busyhour/pkg/commit"
)

// Cause says how a stored record differs from what the log says of it.
type Cause string

const (
	Missing Cause = "missing" // the log has it, Redis does not
	Behind  Cause = "behind"  // Redis has an older revision than the log
	Ahead   Cause = "ahead"   // Redis has a newer revision than the log, and none of its events is on the way
	Altered Cause = "altered" // the same revision with other contents
	Unknown Cause = "unknown" // Redis has it, and the log must have heard of it and has not
)

// Divergence is one record of which Redis and the log say different things.
type Divergence struct {
	Record string `json:"record"`
	Cause  Cause  `json:"cause"`
	// Redis and Log are the revisions there; zero where it is not.
	Redis commit.Revision `json:"redis"`
	Log   commit.Revision `json:"log"`
}

// difference compares a record as Redis has it with what the log says; nil if the log does not know it. over says that by
// the log the record is one that may be forgotten. A record whose events are on the way must not be compared.
func (s *Source) difference(stored commit.Record, logged *commit.Record, over bool, epoch uint32) (Divergence, bool) {
	d := Divergence{Record: stored.Name, Redis: stored.Revision}
	switch {
	case logged == nil:
		d.Cause = Unknown
		return d, stored.Exists() && s.Logged(&stored)
	case !stored.Exists():
		d.Log, d.Cause = logged.Revision, Missing
		return d, !over
	}
	d.Log = logged.Revision
	switch {
	case logged.Revision.Newer(stored.Revision):
		d.Cause = Behind
	case stored.Revision.Newer(logged.Revision):
		d.Cause = Ahead
	default:
		d.Cause = Altered
		return d, !s.same(stored, logged.Value, epoch)
	}
	return d, true
}

// same compares contents. A record that was made in an epoch before may have been stored with what the present one means
// by itself (Build.Replace).
func (s *Source) same(stored commit.Record, logged []byte, epoch uint32) bool {
	if bytes.Equal(stored.Value, logged) {
		return true
	}
	return s.Reborn != nil && stored.Revision.Epoch < epoch && s.Reborn(stored.Value, logged)
}
