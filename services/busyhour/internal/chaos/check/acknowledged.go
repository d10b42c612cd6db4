package check

import (
	"slices"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
)

// number is a signal by the number or id that the switch gave it, whatever path it came on.
type number struct {
	tenant, contact, leg string
	n                    uint64
	id                   string
}

func numberOf(s *history.Signal) number {
	if s.Number > 0 {
		return number{s.Tenant, s.Contact, s.Leg, s.Number, ""}
	}
	return number{s.Tenant, s.Contact, "", 0, s.ID}
}

// fate is what became of a signal.
type fate struct {
	number
	kind    string
	sent    time.Duration // first
	acked   time.Duration // first; zero: not
	refused bool
}

// fates of all signals, in the order in which they were first sent.
func (b *book) fates() []*fate {
	byNumber := map[number]*fate{}
	var all []*fate
	for _, s := range b.Signals {
		k := numberOf(&s.It)
		f := byNumber[k]
		if f == nil {
			f = &fate{number: k, kind: s.It.Kind, sent: s.At}
			byNumber[k] = f
			all = append(all, f)
		}
		switch s.It.Did {
		case history.Acknowledged:
			if f.acked == 0 {
				f.acked = s.At
			}
		case history.Refused:
			f.refused = true
		}
	}
	return all
}

// has says whether a contact has applied the signal. What is below the window is so old that it counts as applied.
func has(c *history.Contact, k number) bool {
	if k.n == 0 {
		return slices.Contains(c.IDs, k.id)
	}
	for _, l := range c.Legs {
		if l.ID == k.leg {
			return k.n <= l.Last && (l.Last-k.n >= 64 || l.Window&(1<<(l.Last-k.n)) != 0)
		}
	}
	return false
}

func acknowledged(b *book, r *Result) {
	fates := b.fates()
	overtaken := overtaken(fates)
	for _, f := range fates {
		if f.acked == 0 || f.refused {
			continue
		}
		rec := b.records[id{f.tenant, "call-routing", "contact:" + f.contact}]
		if rec == nil || rec.newest() == nil {
			r.Judged++
			r.find(f.tenant, "contact:"+f.contact, "%s was acknowledged at %s, but no event that counts tells of the contact%s", f, f.acked, f.elsewhere(rec))
			continue
		}
		newest := rec.newest()
		switch {
		case newest.Contact == nil, f.n == 0 && len(newest.Contact.IDs) >= 32 && !has(newest.Contact, f.number):
			r.Open++ // its id may have been pushed out by later ones
		case final(newest.Contact.State) && overtaken[f.number]:
			r.Open++ // a contact that has ended notes no latecomers
		case has(newest.Contact, f.number):
			r.Judged++
		default:
			r.Judged++
			r.find(f.tenant, rec.name, "%s was acknowledged at %s, but the newest event that counts, %s at %s, does not have it%s",
				f, f.acked, newest.Revision, newest.at(), f.elsewhere(rec))
		}
	}
}

// overtaken are the signals that were first sent after a later one of their leg.
func overtaken(fates []*fate) map[number]bool {
	type leg struct{ tenant, contact, leg string }
	highest := map[leg]uint64{}
	late := map[number]bool{}
	for _, f := range fates {
		l := leg{f.tenant, f.contact, f.leg}
		if f.n > 0 && f.n < highest[l] {
			late[f.number] = true
		}
		highest[l] = max(highest[l], f.n)
	}
	return late
}

// elsewhere says which event has the signal after all, if one has.
func (f *fate) elsewhere(rec *record) string {
	if rec == nil {
		return ""
	}
	for _, e := range rec.all {
		if e.Contact == nil || !has(e.Contact, f.number) {
			continue
		}
		if e.void {
			return "; " + e.Revision.String() + " at " + e.at() + " has it, and is void"
		}
		return "; " + e.Revision.String() + " at " + e.at() + " had it"
	}
	return "; no event has it"
}
