package check

import (
	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
)

func readable(b *book, r *Result) {
	for _, e := range b.Events {
		r.Judged++
		if e.It.Unreadable != "" {
			r.find(e.It.Tenant, e.It.Record, "%s/%d@%d cannot be read: %s", e.It.Topic, e.It.Partition, e.It.Offset, e.It.Unreadable)
		}
	}
	for _, s := range b.Stored {
		r.Judged++
		if s.Unreadable != "" {
			r.find(s.Tenant, s.Name, "in Redis at %s cannot be read: %s", s.Revision, s.Unreadable)
		}
	}
}

// oneContent compares all events of a revision, void ones too: the epoch is in the revision, so even those are one.
func oneContent(b *book, r *Result) {
	for _, rec := range b.sorted("", "") {
		first := map[history.Revision]*event{}
		for _, e := range rec.all {
			known := first[e.Revision]
			if known == nil {
				first[e.Revision] = e
				r.Judged++
				continue
			}
			if known.Content != e.Content || known.Op != e.Op {
				r.find(rec.tenant, rec.name, "%s has two contents: operation %s at %s%s, operation %s at %s%s",
					e.Revision, known.Op, known.at(), ifVoid(known), e.Op, e.at(), ifVoid(e))
			}
		}
	}
}

func ifVoid(e *event) string {
	if e.void {
		return " (void)"
	}
	return ""
}

// order looks at first appearances within an epoch, also at void ones: what is void now was published in order, too. Among
// those that count it looks over epochs.
func order(b *book, r *Result) {
	for _, rec := range b.sorted("", "") {
		seen := map[history.Revision]bool{}
		highest := map[uint32]*event{} // of an epoch; 0: of all that count
		for _, e := range rec.all {
			if seen[e.Revision] {
				continue
			}
			seen[e.Revision] = true
			r.Judged++
			lanes := []uint32{e.Revision.Epoch}
			if !e.void {
				lanes = append(lanes, 0)
			}
			for _, lane := range lanes {
				before := highest[lane]
				if before == nil || e.Revision.Newer(before.Revision) {
					highest[lane] = e
					continue
				}
				if before.Topic == e.Topic && before.Partition == e.Partition { // a topic that grew moves keys
					r.find(rec.tenant, rec.name, "%s at %s first appears after %s at %s", e.Revision, e.at(), before.Revision, before.at())
					break
				}
			}
		}
	}
}

// chained are the kinds of record of whose every change an event tells, in a topic that is not compacted.
var chained = map[string]string{"call-routing": "contact:", "agent-presence": "presence:"}

func unbroken(b *book, r *Result) {
	for _, service := range sortedKeys(chained) {
		for _, rec := range b.sorted(service, chained[service]) {
			if len(rec.chain) == 0 {
				continue
			}
			r.Judged++
			if first := rec.chain[0]; first.Revision.N != 1 {
				r.find(rec.tenant, rec.name, "begins with %s at %s: what was before it is missing in the log", first.Revision, first.at())
			}
			for i, e := range rec.chain[1:] {
				if before := rec.chain[i]; e.Revision.N != before.Revision.N+1 {
					r.find(rec.tenant, rec.name, "%s at %s follows on %s at %s: not by one change", e.Revision, e.at(), before.Revision, before.at())
				}
			}
		}
	}
}

func epochs(b *book, r *Result) {
	type key struct {
		owner
		epoch uint32
	}
	type taken struct{ nonce, at string }
	first := map[key]taken{}
	for _, e := range b.Events {
		m, service := e.It.Marker, services[e.It.Topic]
		if m == nil || service == "" {
			continue
		}
		at := (&event{Event: e.It}).at()
		for _, tenant := range m.Tenants {
			k := key{owner{tenant, service}, m.Epoch}
			known, ok := first[k]
			if !ok {
				first[k] = taken{m.Nonce, at}
				r.Judged++
				continue
			}
			if known.nonce != m.Nonce {
				r.find(tenant, "epoch", "epoch %d of %s was taken twice: by %q at %s and by %q at %s", m.Epoch, service, known.nonce, known.at, m.Nonce, at)
			}
		}
	}
}
