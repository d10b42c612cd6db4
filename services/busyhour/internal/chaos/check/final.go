package check

// finalState: what was offered has ended, in the log and in Redis.
func finalState(b *book, r *Result) {
	if b.Quiet == 0 {
		r.find("", "run", "it never became quiet")
		return
	}
	placed := map[id]bool{}
	for _, f := range b.fates() {
		if f.kind == "offered" && f.acked > 0 && !f.refused {
			placed[id{f.tenant, "call-routing", "contact:" + f.contact}] = true
		}
	}
	for _, rec := range b.contacts() {
		if len(rec.chain) > 0 {
			placed[rec.id] = true
		}
	}
	for _, key := range sortedIDs(placed) {
		r.Judged++
		if rec := b.records[key]; rec == nil || rec.newest() == nil || rec.newest().Contact == nil {
			r.find(key.tenant, key.name, "was offered, and the log does not tell what became of it")
		} else if newest := rec.newest(); !final(newest.Contact.State) {
			r.find(key.tenant, key.name, "has not ended: %s since %s at %s", newest.Contact.State, newest.Revision, newest.at())
		}
		if s := b.stored[key]; s != nil && s.Contact != nil && !final(s.Contact.State) {
			r.find(key.tenant, key.name, "has not ended in Redis: %s at %s", s.Contact.State, s.Revision)
		}
	}
}
