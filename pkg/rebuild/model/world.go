package model

// world: what replication, disks and hosts may do next.
func (m *moves) world() {
	for i := range uint8(servers) {
		m.replicate(i)
		m.sync(i)
	}
	m.rejoin()
	if m.from.spent.faults >= m.Bounds.Faults {
		return
	}
	m.flush()
	m.restart()
	m.failOver()
	m.comeBack()
	m.foreignLoad()
	m.podDies()
}

func (s *state) other() uint8 { return 1 - s.primary }

// replicate brings the replica up to date: any lag, for it need not happen.
func (m *moves) replicate(i uint8) {
	v, primary := &m.from.servers[i], &m.from.servers[m.from.primary]
	if v.up && !v.primary && primary.up && v.data != primary.data {
		m.next(replicates, i, 0).servers[i].data = primary.data
	}
}

// sync brings the disk up to date.
func (m *moves) sync(i uint8) {
	if v := &m.from.servers[i]; m.may(restart) && v.up && v.disk != v.data {
		m.next(syncs, i, 0).servers[i].disk = v.data
	}
}

func (m *moves) rejoin() {
	s, o := m.from, m.from.other()
	lost := &s.servers[o]
	if !m.may(failover) || !s.servers[s.primary].up || lost.replid == 0 || lost.up && !lost.primary {
		return
	}
	n := m.next(rejoins, o, 0)
	v := &n.servers[o]
	if !v.up {
		v.scripts = 0
	}
	v.up, v.primary, v.data = true, false, s.servers[s.primary].data
	if !m.may(keepConns) {
		n.disconnect(o)
	}
}

// fault is a move that counts against the bound.
func (m *moves) fault(k kind, by uint8) *state {
	n := m.next(k, by, 0)
	n.spent.faults++
	return n
}

func (m *moves) flush() {
	p := m.from.primary
	if m.may(flush) && m.from.servers[p].up {
		m.fault(flushes, p).servers[p].data = data{records: [records]uid{missing, missing, missing}}
	}
}

func (m *moves) restart() {
	p := m.from.primary
	if !m.may(restart) || !m.from.servers[p].up {
		return
	}
	n := m.fault(restarts, p)
	v := &n.servers[p]
	v.data, v.scripts, v.replid = v.disk, 0, n.newReplid()
	n.disconnect(p)
}

// failOver promotes the replica; the primary is dead, or lives on, cut off from discovery.
func (m *moves) failOver() {
	old, o := m.from.primary, m.from.other()
	if v := &m.from.servers[o]; !m.may(failover) || !v.up || v.primary {
		return
	}
	m.fault(promotedDead, o).promote(o).die(old)
	if m.may(split) {
		m.fault(promotedSplit, o).promote(o)
	}
}

func (s *state) promote(o uint8) *state {
	s.primary = o
	s.servers[o].primary, s.servers[o].replid = true, s.newReplid()
	return s
}

func (s *state) die(i uint8) {
	s.servers[i].up, s.servers[i].primary = false, false
	s.disconnect(i)
}

// comeBack makes the second primary the primary again. It never ceased to believe that it was.
func (m *moves) comeBack() {
	old, o := m.from.primary, m.from.other()
	if v := &m.from.servers[o]; !m.may(comeback) || !v.up || !v.primary {
		return
	}
	n := m.fault(comesBack, o)
	n.primary = o
	n.die(old)
}

func (m *moves) foreignLoad() {
	p := m.from.primary
	if v := &m.from.servers[p]; m.may(foreignLoad) && v.up && v.scripts&1 == 0 {
		m.fault(scriptLoaded, p).servers[p].scripts |= 1
	}
}

func (m *moves) podDies() {
	if !m.may(podDies) {
		return
	}
	for i := range uint8(pods) {
		n := m.fault(dies, i)
		n.pods[i] = pod{}
		if m.has(askAtStart) {
			n.pods[i].newest = n.newest
		}
	}
}
