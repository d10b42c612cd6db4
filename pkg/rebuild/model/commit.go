package model

type operation uint8

const (
	signalA operation = iota
	signalB
	reserveA
	reserveB
	releaseA
	releaseB
	turnGuard  // up or down
	touchGuard // the guard changes, and stays as it is
	allOperations
)

// operations is a set of them.
type operations uint16

func set(all ...operation) (ops operations) {
	for _, o := range all {
		ops |= 1 << o
	}
	return ops
}

func (ops operations) has(o operation) bool { return ops>>o&1 == 1 }

func (o operation) signals() bool  { return o == signalA || o == signalB }
func (o operation) reserves() bool { return o == reserveA || o == reserveB }
func (o operation) releases() bool { return o == releaseA || o == releaseB }

// primary is the record that the operation changes.
func (o operation) primary() record {
	if o >= turnGuard {
		return guard
	}
	return record(o & 1)
}

// load reads what one operation rests on, and decides that it is worth a commit.
func (m *moves) load(i uint8) {
	for o := range allOperations {
		if m.Operations.has(o) && m.decides(m.from.server(i), o) {
			m.loadFor(i, o)
		}
	}
}

func (m *moves) decides(v *server, o operation) bool {
	s, d := m.from, &v.data
	base := d.records[o.primary()]
	if base == missing || s.made >= m.Events {
		return false
	}
	switch status := s.event(base).status; {
	case o.signals():
		return s.sent[o.primary()] < m.Sendings
	case o.reserves():
		return status == waiting && d.slot == 0 && d.records[guard] != missing && s.event(d.records[guard]).status == up &&
			!(m.has(toldFirst) && s.outside.epoch != d.mark.epoch)
	case o.releases():
		return status == holding
	}
	return true
}

func (m *moves) loadFor(i uint8, o operation) {
	n := m.next(loads, i, uint8(o))
	p, d := &n.pods[i], &n.server(i).data
	p.at, p.operation, p.base, p.epoch = loaded, o, d.records[o.primary()], d.mark.epoch
	if o.reserves() {
		p.guard = d.records[guard]
	}
	if m.has(sequenceSign) {
		p.sequence = max(p.sequence, d.sequence)
	}
	if m.has(epochs) {
		p.newest = max(p.newest, d.mark.epoch)
	}
	if o.signals() {
		n.sent[o.primary()]++
	}
}

// commit is the script: everything is checked, then everything is written.
func (m *moves) commit(i uint8) {
	switch {
	case m.has(epochs) && m.from.server(i).data.mark.epoch != m.from.pods[i].epoch:
		m.refuse(i)
	case m.repeated(i):
		m.answerDuplicate(i)
	case m.conflict(i):
		m.refuse(i)
	default:
		m.write(i)
	}
}

func (m *moves) refuse(i uint8) { m.next(commits, i, refused).pods[i].drop() }

// repeated: the signal has been applied before, as far as Redis can tell.
func (m *moves) repeated(i uint8) bool {
	o, d := m.from.pods[i].operation, &m.from.server(i).data
	if !o.signals() {
		return false
	}
	if !m.has(dedupInRecord) {
		return d.applied.has(o.primary())
	}
	now := d.records[o.primary()]
	return now != missing && m.from.event(now).applied
}

// answerDuplicate acknowledges what was applied before, as soon as that is durable.
func (m *moves) answerDuplicate(i uint8) {
	n := m.next(commits, i, duplicate)
	p, d := &n.pods[i], &n.server(i).data
	r := p.operation.primary()
	p.drop()
	open, first := n.of(r, d.outbox), n.firstWithSignal(d.records[r])
	switch {
	case !m.has(duplicatesWait):
		n.acked.add(holder(r))
	case first != 0 && open.has(first):
		p.publish.add(open)
	case m.has(confirmReign):
		p.vouched.in(d.mark.epoch, holder(r))
	case m.has(confirmingRead) && first != 0:
		p.confirm.add(setOf(first))
	case m.has(confirmingRead) && d.mark.epoch != n.newest:
	default:
		n.acked.add(holder(r))
	}
}

// firstWithSignal goes back from a content to the event that brought the signal.
func (s *state) firstWithSignal(u uid) (first uid) {
	for ; u != 0 && u != missing; u = s.event(u).base {
		if s.event(u).signal {
			first = u
		}
	}
	return first
}

// conflict: somebody else was first, or the slot can't be had.
func (m *moves) conflict(i uint8) bool {
	s, p, d := m.from, &m.from.pods[i], &m.from.server(i).data
	if !s.sameRevision(d.records[p.operation.primary()], p.base) || s.made >= m.Events {
		return true
	}
	return p.operation.reserves() &&
		(d.slot != 0 || !s.sameRevision(d.records[guard], p.guard) || m.has(fenceOutside) && s.outside.epoch > d.mark.epoch)
}

func (m *moves) write(i uint8) {
	n := m.next(commits, i, done)
	p, d := &n.pods[i], &n.server(i).data
	o, r := p.operation, p.operation.primary()
	if o.reserves() && m.counts(m.from, p.conn.on-1) && n.event(d.records[guard]).status == down {
		m.all[len(m.all)-1].broken = AgainstGuard
	}
	u := n.make(m.outcome(p, d))
	d.records[r] = u
	d.outbox.add(setOf(u))
	m.derive(n, d, o)
	if m.has(sequenceSign) {
		d.sequence++
		p.sequence = max(p.sequence, d.sequence)
	}
	if o.signals() && !m.has(dedupInRecord) {
		d.applied.add(holder(r))
	}
	p.publish.add(n.of(r, d.outbox)) // a commit's answer names what is open of the record
	p.publish.remove(p.remove | p.confirm)
	p.drop()
}

// outcome is the event of the pod's operation.
func (m *moves) outcome(p *pod, d *data) event {
	b := m.from.event(p.base)
	e := event{record: p.operation.primary(), base: p.base, n: b.n + 1, status: b.status, applied: b.applied, twice: b.twice}
	if m.has(epochs) {
		e.epoch = d.mark.epoch
	}
	switch o := p.operation; {
	case o.signals():
		e.signal, e.applied, e.twice = true, true, b.twice || b.applied
	case o.reserves():
		e.status = holding
	case o.releases():
		e.status = waiting
	case o == turnGuard:
		e.status = 1 - b.status
	}
	return e
}

// derive changes what follows from the records: the slot, and what outside is told at once.
func (m *moves) derive(n *state, d *data, o operation) {
	heard := !m.has(fenceOutside) || d.mark.epoch >= n.outside.epoch
	who := holder(o.primary())
	switch {
	case o.reserves():
		d.slot.add(who)
		if heard {
			n.outside.acting.add(who)
		}
	case o.releases():
		d.slot.remove(who)
		if heard {
			n.outside.acting.remove(who)
		}
	}
}
