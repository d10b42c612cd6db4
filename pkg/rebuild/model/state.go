package model

// The whole world at one moment, small enough to have millions of it. Every field is one byte, so a state is a value
// without padding or pointers: it is copied, compared and hashed as it is.
const (
	maxEvents  = 6
	maxEntries = 7
	pods       = 2
	servers    = 2
)

type record uint8

const (
	recordA record = iota
	recordB
	guard // another service's
	records
)

// uid names an event, and the content that a record has after it. 0 is what every record starts from.
type uid uint8

// missing: this Redis has no such record.
const missing uid = 7

// events is a set of them.
type events uint8

func setOf(u uid) events            { return 1 << (u - 1) }
func (e events) has(u uid) bool     { return e&setOf(u) != 0 }
func (e *events) add(more events)   { *e |= more }
func (e *events) remove(out events) { *e &^= out }

// holders is a set of records.
type holders uint8

const both holders = 3

func holder(r record) holders          { return 1 << r }
func (h holders) has(r record) bool    { return h&holder(r) != 0 }
func (h *holders) add(more holders)    { *h |= more }
func (h *holders) remove(gone holders) { *h &^= gone }

// What a record may be: a and b wait or hold the slot, the guard is up or down.
const (
	waiting = 0
	holding = 1
	up      = 0
	down    = 1
)

type event struct {
	record   record
	base     uid // the content that it was decided on
	epoch, n uint8
	status   uint8
	signal   bool // it carries its record's signal
	applied  bool // the signal stands in the record
	twice    bool // its effect stands in it twice
}

func (e event) newer(o event) bool { return e.epoch > o.epoch || e.epoch == o.epoch && e.n > o.n }

// data is what one Redis holds.
type data struct {
	mark     mark
	sequence uint8
	records  [records]uid
	slot     holders // derived: who holds the slot
	applied  holders // marks of the signals applied, as the first design kept them
	outbox   events
	built    uint8 // the epoch whose namespace a recovery has filled, until it is opened
}

type mark struct {
	epoch  uint8
	open   bool
	replid uint8
}

type server struct {
	data, disk data
	up         bool
	primary    bool // believes that it is
	replid     uint8
	scripts    uint8 // commit scripts that it knows: one bit an epoch, bit 0 for the one shared by all
}

// What a pod is at.
const (
	resting uint8 = iota
	loaded
	epochTaken
	markClosed
	logRead
	built
)

type pod struct {
	at          uint8
	operation   operation
	base, guard uid   // contents that it loaded
	epoch       uint8 // of the mark that it loaded under
	newest      uint8 // epoch it has heard of
	sequence    uint8 // highest it has seen
	conn        conn

	publish events // in hand
	confirm events // in the log, not yet confirmed
	remove  events // in the log, still in the outbox
	vouched vouched

	recovery recovery
}

// conn is a pod's connection: to server on-1 (0: to none), which had this replid then.
type conn struct{ on, replid uint8 }

func connTo(s *state, i uint8) conn { return conn{i + 1, s.servers[i].replid} }

// vouched are duplicates that no outbox has, and so the log does, in the epoch that the pod answered in last. They are
// acknowledged if a confirming read shows no later one.
type vouched struct {
	epoch uint8
	what  holders
}

func (v *vouched) in(epoch uint8, h holders) {
	if v.epoch != epoch {
		*v = vouched{epoch: epoch} // what was answered in an earlier one is not acknowledged any more
	}
	v.what.add(h)
}

// recovery is what a recovering pod knows.
type recovery struct {
	epoch   uint8
	records [records]uid
	slot    holders
}

// drop lets go of whatever the pod was at. What is on its way to the log stays on its way.
func (p *pod) drop() {
	p.at, p.operation, p.base, p.guard, p.epoch = resting, 0, 0, 0, 0
	p.recovery = recovery{}
}

type state struct {
	events  [maxEvents]event
	made    uint8 // events so far
	servers [servers]server
	primary uint8 // the server that discovery names
	pods    [pods]pod
	log     [records]partition
	newest  uint8    // epoch in the epoch topic
	acked   holders  // records whose signal was acknowledged
	sent    [2]uint8 // how often each signal was sent
	replids uint8    // drawn so far
	outside outside  // who acts on what it was told
	spent   spent    // of the bounds
}

type outside struct {
	acting holders
	epoch  uint8 // newest that it has heard of
}

type spent struct{ faults, recoveries uint8 }

func (s *state) event(u uid) event {
	if u == 0 || u == missing {
		return event{}
	}
	return s.events[u-1]
}

func (s *state) make(e event) uid {
	s.events[s.made] = e
	s.made++
	return uid(s.made)
}

// sameRevision is the comparison that Redis can make: of revisions, not of contents.
func (s *state) sameRevision(a, b uid) bool {
	if a == missing || b == missing {
		return a == b
	}
	x, y := s.event(a), s.event(b)
	return x.epoch == y.epoch && x.n == y.n
}

// of gives those of the events that are the record's.
func (s *state) of(r record, all events) (own events) {
	for u := uid(1); u <= uid(s.made); u++ {
		if all.has(u) && s.events[u-1].record == r {
			own.add(setOf(u))
		}
	}
	return own
}

// oldest gives the record's oldest of the events, or 0.
func (s *state) oldest(r record, all events) uid {
	for u := uid(1); u <= uid(s.made); u++ {
		if all.has(u) && s.events[u-1].record == r {
			return u
		}
	}
	return 0
}

// holding gives the records that hold the slot, by what they say themselves.
func (s *state) holding(d *data) (h holders) {
	for r := recordA; r <= recordB; r++ {
		if d.records[r] != missing && s.event(d.records[r]).status == holding {
			h.add(holder(r))
		}
	}
	return h
}

// disconnect ends every connection to the server.
func (s *state) disconnect(server uint8) {
	for i := range s.pods {
		if p := &s.pods[i]; p.conn.on == server+1 {
			p.conn = conn{}
			p.drop()
		}
	}
}

func (s *state) newReplid() uint8 {
	s.replids++
	return s.replids
}

// start is the world in its first reign, verified and at rest.
func (r *Run) start() state {
	var s state
	opened := data{mark: mark{epoch: 1, open: true, replid: 1}}
	s.servers[0] = server{data: opened, disk: opened, up: true, primary: true, replid: s.newReplid(), scripts: 1 | 2}
	s.servers[1] = server{data: opened, disk: opened, up: true, replid: s.newReplid()}
	if r.may(knowsScript) {
		s.servers[1].scripts = 1
	}
	if !r.may(failover) {
		s.servers[1] = server{}
	}
	if !r.may(restart) { // what is on disk is of no interest
		s.servers[0].disk, s.servers[1].disk = data{}, data{}
	}
	s.newest, s.outside.epoch = 1, 1
	for i := range s.pods {
		s.pods[i] = pod{newest: 1, conn: connTo(&s, 0)}
	}
	return s
}
