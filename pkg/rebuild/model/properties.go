package model

// Property is a promise of the design, named by what breaks it.
type Property string

// What must never be.
const (
	AcknowledgedLost    Property = "acknowledged-event-lost"
	CountedTwice        Property = "signal-counted-twice"
	BehindLog           Property = "open-but-behind-the-log"
	RecordsMissing      Property = "open-with-records-missing"
	NeitherOutboxNorLog Property = "committed-but-neither-in-outbox-nor-log"
	ForkOrGap           Property = "fork-or-gap-in-the-log"
	TwoContents         Property = "one-revision-two-contents"
	TwoHolders          Property = "two-holders-of-one-slot"
	DerivedWrong        Property = "derived-state-wrong"
	AgainstGuard        Property = "reserved-against-the-guard"
	TwoActing           Property = "two-acting-outside"

	// Any of them: for runs of which it does not matter what breaks first.
	Any Property = "any"
)

// check looks for the properties that the run is about, and gives the first that is broken.
type check struct {
	*Run
	*state
	found Property
}

func (r *Run) broken(s *state) Property {
	c := check{Run: r, state: s}
	if s.outside.acting == both {
		c.breaks(TwoActing)
	}
	var latest [records]uid
	for of := range records {
		latest[of] = c.chain(of)
		c.contents(of)
	}
	for i := range uint8(servers) {
		if r.counts(s, i) && c.mayCommit(i) {
			c.openServer(&s.servers[i].data, latest)
		}
	}
	return c.found
}

func (c *check) breaks(p Property) {
	if c.found == "" && (c.Breaks == "" || c.Breaks == Any || c.Breaks == p) {
		c.found = p
	}
}

// chain: what a reader accepts of a partition is an unbroken chain of contents. It gives the last.
func (c *check) chain(of record) uid {
	var buffer [maxEntries + 1]uid
	chain := c.accepted(c.state, of, buffer[:])
	for i, u := range chain[1:] {
		if c.event(u).base != chain[i] {
			c.breaks(ForkOrGap)
		}
		if c.event(u).twice {
			c.breaks(CountedTwice)
		}
	}
	return chain[len(chain)-1]
}

// contents: no two events of a partition have one revision, unless one of them is void.
func (c *check) contents(of record) {
	all := c.log[of].all()
	for i, later := range all {
		for _, earlier := range all[:i] {
			if c.stands(of, later) && c.stands(of, earlier) && later != earlier && c.sameRevision(earlier.event(), later.event()) {
				c.breaks(TwoContents)
			}
		}
	}
}

func (c *check) stands(of record, e entry) bool {
	return !e.marker() && !(c.has(markers) && c.void(of, e.event()))
}

// mayCommit: could any pod commit on this server now? One without a connection could connect.
func (c *check) mayCommit(i uint8) bool {
	for _, p := range c.pods {
		if p.conn.on == 0 {
			p.conn = connTo(c.state, i)
		}
		if p.conn.on == i+1 && c.verified(c.state, &p) {
			return true
		}
	}
	return false
}

// openServer: what must hold of a server that pods take for verified.
func (c *check) openServer(d *data, latest [records]uid) {
	for of := range records {
		if d.records[of] == missing {
			c.breaks(RecordsMissing)
			return
		}
		c.ahead(d, of, latest[of])
		if of != guard && c.acked.has(of) && !c.event(d.records[of]).applied && !(c.has(putBack) && c.signalVoid(of)) {
			c.breaks(AcknowledgedLost)
		}
	}
	if h := c.holding(d); h == both {
		c.breaks(TwoHolders)
	} else if h != d.slot {
		c.breaks(DerivedWrong)
	}
}

// ahead goes back from what Redis has to what the log has: all between is in the outbox.
func (c *check) ahead(d *data, of record, latest uid) {
	for u := d.records[of]; u != latest; u = c.event(u).base {
		if u == 0 {
			c.breaks(BehindLog)
			return
		}
		if !d.outbox.has(u) {
			c.breaks(NeitherOutboxNorLog)
		}
		if c.event(u).twice {
			c.breaks(CountedTwice)
		}
	}
}

// signalVoid: a void event carries the record's signal, so it is put back.
func (c *check) signalVoid(of record) bool {
	for _, e := range c.log[of].all() {
		if !e.marker() && c.event(e.event()).signal && c.void(of, e.event()) {
			return true
		}
	}
	return false
}
