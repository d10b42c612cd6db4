package model

// recover is the pod's next step of a recovery. Nobody else is kept from recovering meanwhile.
//
//	start ─▶ close ─▶ fence and read ─▶ build ─▶ open
func (m *moves) recover(i uint8) {
	switch p := &m.from.pods[i]; p.at {
	case resting, loaded:
		m.startRecovery(i)
	case epochTaken:
		m.closeMark(i)
	case markClosed:
		m.fenceAndRead(i)
	case logRead:
		m.build(i)
	case built:
		m.open(i)
	}
}

// startRecovery takes an epoch. The first design had none: it began by reading the log.
func (m *moves) startRecovery(i uint8) {
	p := &m.from.pods[i]
	verified := m.verified(m.from, p)
	if m.from.spent.recoveries >= m.Recoveries || verified && (p.at == loaded || !m.may(needless)) {
		return
	}
	n := m.next(recoveryStarts, i, 0)
	n.spent.recoveries++
	q := &n.pods[i]
	q.drop()
	if !m.has(epochs) {
		m.readLog(n, q)
		return
	}
	n.newest++
	q.recovery.epoch, q.newest, q.at = n.newest, n.newest, epochTaken
}

// closeMark begins the epoch on this server, unless it has this one or a later one.
func (m *moves) closeMark(i uint8) {
	n := m.next(recoveryCloses, i, 0)
	p, v := &n.pods[i], n.server(i)
	if v.data.mark.epoch >= p.recovery.epoch {
		p.drop()
		return
	}
	v.data.mark = mark{epoch: p.recovery.epoch, open: false, replid: v.replid}
	p.at = markClosed
}

// fenceAndRead writes a marker into every partition and reads up to it.
func (m *moves) fenceAndRead(i uint8) {
	for r := range records {
		if m.has(markers) && m.from.log[r].full() {
			return
		}
	}
	n := m.next(recoveryReads, i, 0)
	p := &n.pods[i]
	for r := range records {
		if m.has(markers) {
			n.log[r].append(markerOf(p.recovery.epoch))
		}
	}
	m.readLog(n, p)
}

func (m *moves) readLog(n *state, p *pod) {
	for r := range records {
		p.recovery.records[r] = m.latest(n, r)
	}
	p.at = logRead
}

// closed: the mark is still exactly what this recovery made of it.
func (p *pod) closed(k mark) bool { return k.epoch == p.recovery.epoch && !k.open }

// build writes the records and works out what is derived: in a namespace of its own, or, as the first design did, into
// what it finds, where the log is newer.
func (m *moves) build(i uint8) {
	n := m.next(recoveryBuilds, i, 0)
	p, d := &n.pods[i], &n.server(i).data
	if m.has(epochs) && m.has(conditionalOpen) && !p.closed(d.mark) {
		p.drop()
		return
	}
	own := p.recovery.records
	into := &d.records
	if m.has(namespace) {
		into = &own
	}
	p.recovery.slot = 0
	for r, found := range p.recovery.records {
		if into[r] == missing || n.event(found).newer(n.event(into[r])) {
			into[r] = found
		}
		if r := record(r); r != guard && n.event(into[r]).status == holding {
			p.recovery.slot.add(holder(r))
		}
	}
	d.built = p.recovery.epoch
	p.at = built
}

// open lets commits in, if the mark is still what this recovery closed, on the server that it closed.
func (m *moves) open(i uint8) {
	p, v := &m.from.pods[i], m.from.server(i)
	if m.has(conditionalOpen) && m.has(epochs) && !(p.closed(v.data.mark) && m.closedHere(p, v)) {
		m.next(recoveryOpens, i, refused).pods[i].drop()
		return
	}
	twice := m.has(requeue) && p.recovery.slot == both
	if twice && m.from.made >= maxEvents {
		return
	}
	n := m.next(recoveryOpens, i, done)
	m.adopt(n, i)
	if twice {
		n.requeue(&n.server(i).data, p.recovery.epoch)
	}
	m.openMark(n, i)
	n.pods[i].drop()
}

func (m *moves) closedHere(p *pod, v *server) bool {
	replid := v.data.mark.replid
	return !m.has(replidOfMark) || replid == v.replid || !m.has(openHere) && replid == p.conn.replid
}

// adopt makes what was built the state.
func (m *moves) adopt(n *state, i uint8) {
	p, d := &n.pods[i], &n.server(i).data
	d.slot = p.recovery.slot
	if m.has(namespace) {
		d.records, d.outbox, d.applied = p.recovery.records, 0, 0
		if d.built != p.recovery.epoch { // the namespace was lost on the way
			d.records = [records]uid{missing, missing, missing}
		}
	}
	d.built = 0
}

// requeue lets the later of two reservations have the slot: it was made on the higher revision of the slot, for which
// the order of the events stands here.
func (s *state) requeue(d *data, epoch uint8) {
	r := recordA
	if d.records[recordB] < d.records[recordA] {
		r = recordB
	}
	b := s.event(d.records[r])
	u := s.make(event{record: r, base: d.records[r], epoch: epoch, n: b.n + 1, status: waiting, applied: b.applied, twice: b.twice})
	d.records[r] = u
	d.outbox.add(setOf(u))
	d.slot.remove(holder(r))
}

func (m *moves) openMark(n *state, i uint8) {
	p, v := &n.pods[i], n.server(i)
	d := &v.data
	if m.has(sequenceSign) {
		d.sequence = max(d.sequence, p.sequence) + 1
		p.sequence = d.sequence
	}
	d.mark = mark{epoch: 1, open: true, replid: v.replid}
	if m.has(epochs) {
		d.mark.epoch = p.recovery.epoch
	}
	v.scripts |= 1 | 1<<d.mark.epoch
}
