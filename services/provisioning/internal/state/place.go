package state

import (
	"slices"
	"time"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/rebuild"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
)

// place is where a record stands in an index. The live path and the rebuild take it from the same functions, so that a
// rebuilt index is the one that was lost.
type place struct {
	index, member string
	score         float64
}

func move(tx *commit.Tx, from, to []place) {
	for _, p := range from {
		if !slices.Contains(to, p) {
			tx.Remove(p.index, p.member)
		}
	}
	for _, p := range to {
		if !slices.Contains(from, p) {
			tx.Add(p.index, p.member, p.score)
		}
	}
}

// Restore gives a record of the log its indexes and its deadline back.
func Restore(b *rebuild.Build, r *commit.Record) error {
	switch {
	case IsItem(r.Name):
		o, err := ItemIn(r)
		if err != nil {
			return err
		}
		if job.Final(o) && ItemDeadline(o).Before(b.Now) { // forgotten by now; no event tells of it
			b.Drop(r.Name)
			return nil
		}
		b.Deadline(r.Name, ItemDeadline(o))
		add(b, itemPlaces(o))
	case isJob(r.Name):
		j, err := JobIn(r)
		if err != nil {
			return err
		}
		if j.GetAcceptedAt() != nil && j.GetCreatedAt().AsTime().Add(job.Keep).Before(b.Now) {
			b.Drop(r.Name)
			return nil
		}
		b.Deadline(r.Name, JobDeadline(j))
		add(b, jobPlaces(j))
	default:
		p, err := Present(r)
		if err != nil {
			return err
		}
		add(b, entryPlaces(p.Entry))
	}
	return nil
}

func isJob(name string) bool {
	_, ok := JobOf(name)
	return ok
}

func add(b *rebuild.Build, places []place) {
	for _, p := range places {
		b.Add(p.index, p.member, p.score)
	}
}

// Logged reports whether the log must have heard of a record, and have it still at that time: of all but the mark of
// requeueing, the report of the reconciler, and items that have not ended, of which the log has the requests. What has an
// end the log forgets.
func Logged(r *commit.Record, at time.Time) bool {
	switch {
	case r.Name == Requeued, r.Name == Reconciliation:
		return false
	case IsItem(r.Name):
		o, err := ItemIn(r)
		return err != nil || job.Final(o) && ItemDeadline(o).After(at)
	case isJob(r.Name):
		j, err := JobIn(r)
		return err != nil || j.GetCreatedAt().AsTime().Add(job.Keep).After(at)
	}
	p, err := Present(r)
	return err != nil || p.Live() || p.Entry.GetAt().AsTime().Add(job.Keep).After(at)
}
