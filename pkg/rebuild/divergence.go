package rebuild

import (
	"bytes"
	"time"

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

	// Moved is no divergence: they agree, but since its topic grew the record belongs to another partition, whose compactor
	// has not heard of it.
	Moved Cause = "moved"
)

// Divergence is one record of which Redis and the log say different things.
type Divergence struct {
	Record string `json:"record"`
	Cause  Cause  `json:"cause"`
	// Redis and Log are the revisions there; zero where it is not.
	Redis commit.Revision `json:"redis"`
	Log   commit.Revision `json:"log"`
}

// difference compares a record as Redis has it with the revision that the log has; zero if the log does not know it. over
// says that by the log the record may be forgotten by now, same that the contents are equal. A record whose events are on
// the way must not be compared.
func (s *Source) difference(stored commit.Record, logged commit.Revision, over, same bool, now time.Time) (Divergence, bool) {
	d := Divergence{Record: stored.Name, Redis: stored.Revision, Log: logged}
	switch {
	case logged.IsZero():
		d.Cause = Unknown
		return d, stored.Exists() && s.Logged(&stored, now.Add(forgetTime))
	case !stored.Exists():
		d.Cause = Missing
		return d, !over
	case logged.Newer(stored.Revision):
		d.Cause = Behind
	case stored.Revision.Newer(logged):
		d.Cause = Ahead
	default:
		d.Cause = Altered
		return d, !same
	}
	return d, true
}

// lasting is what is compared of a value of an epoch before: the present one may have replaced the rest.
func (s *Source) lasting(value []byte) []byte {
	if s.Lasting == nil {
		return value
	}
	return s.Lasting(value)
}

// same compares the contents of a record with those that the log has, in an epoch.
func (s *Source) same(stored commit.Record, logged []byte, epoch uint32) bool {
	if bytes.Equal(stored.Value, logged) {
		return true
	}
	return stored.Revision.Epoch < epoch && bytes.Equal(s.lasting(stored.Value), s.lasting(logged))
}
