package check

import (
	"slices"
	"strings"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
)

// forgotten is how long an ended contact is kept.
const forgotten = time.Hour

// stored compares what Redis holds at the end with what the log tells.
func stored(b *book, r *Result) {
	b.verified(r)
	for _, s := range b.Stored {
		if b.told[s.Service] {
			r.Judged++
			b.compare(&s, r)
		} else {
			r.Open++ // its log is not in the history
		}
	}
	for _, rec := range b.sorted("", "") {
		if rec.newest() == nil || b.marks[owner{rec.tenant, rec.service}] == nil || b.stored[rec.id] != nil {
			continue
		}
		if r.Judged++; !b.mayBeGone(rec) {
			newest := rec.newest()
			r.find(rec.tenant, rec.name, "is not in Redis; the log has %s at %s", newest.Revision, newest.at())
		}
	}
}

// verified looks at the marks: at the end all must be open, in the newest epoch.
func (b *book) verified(r *Result) {
	for _, m := range b.Marks {
		r.Judged++
		if !m.Open {
			r.find(m.Tenant, "mark", "of %s is closed at the end, in epoch %d", m.Service, m.Epoch)
		}
		for epoch := range b.reigns[owner{m.Tenant, m.Service}] {
			if epoch > m.Epoch {
				r.find(m.Tenant, "mark", "of %s names epoch %d; the log has markers of %d", m.Service, m.Epoch, epoch)
			}
		}
	}
}

func (b *book) compare(s *history.Stored, r *Result) {
	if s.Open > 0 {
		r.find(s.Tenant, s.Name, "at %s still has %d events in its outbox", s.Revision, s.Open)
	}
	rec := b.records[id{s.Tenant, s.Service, s.Name}]
	if rec == nil || rec.newest() == nil {
		if everyChangeTold(s) {
			r.find(s.Tenant, s.Name, "stands at %s in Redis; the log has no event of it that counts", s.Revision)
		}
		return
	}
	switch newest := rec.newest(); {
	case newest.Revision.Newer(s.Revision):
		r.find(s.Tenant, s.Name, "stands at %s in Redis; the log has %s at %s", s.Revision, newest.Revision, newest.at())
	case s.Revision.Newer(newest.Revision) && s.Open == 0 && everyChangeTold(s):
		r.find(s.Tenant, s.Name, "stands at %s in Redis with an empty outbox; the log has only %s at %s", s.Revision, newest.Revision, newest.at())
	case s.Revision == newest.Revision && newest.Value != s.Value:
		r.find(s.Tenant, s.Name, "at %s is not in Redis what it is in the log at %s", s.Revision, newest.at())
	}
}

// fullyTold are the kinds of record of whose every change an event tells.
var fullyTold = []string{"contact:", "presence:", "agent:", "queue:", "job:"}

func everyChangeTold(s *history.Stored) bool {
	return slices.ContainsFunc(fullyTold, func(kind string) bool { return strings.HasPrefix(s.Name, kind) })
}

// mayBeGone: ended contacts are forgotten after an hour; items and jobs after their own time.
func (b *book) mayBeGone(rec *record) bool {
	newest := rec.newest()
	switch {
	case strings.HasPrefix(rec.name, "item:"), strings.HasPrefix(rec.name, "job:"):
		return true
	case newest.Contact != nil:
		return final(newest.Contact.State) && newest.Time+forgotten < b.End+time.Minute
	}
	return newest.Value == "" // a tombstone
}
