package model

// pod: all that a pod may do next.
func (m *moves) pod(i uint8) {
	p := &m.from.pods[i]
	m.connect(i)
	m.hear(i)
	if m.verified(m.from, p) {
		switch p.at {
		case resting:
			m.load(i)
		case loaded:
			m.commit(i)
		}
	}
	m.publish(i)
	m.confirm(i)
	if m.from.writable(p.conn) {
		m.remove(i)
		m.relay(i)
		m.recover(i)
		m.tellOutside(i)
	}
}

func (m *moves) connect(i uint8) {
	s := m.from
	if s.pods[i].conn.on == s.primary+1 || !s.servers[s.primary].up {
		return
	}
	p := &m.next(connects, i, s.primary).pods[i]
	p.drop()
	p.conn = connTo(s, s.primary)
}

func (m *moves) hear(i uint8) {
	if m.has(tailEpochs) && m.from.pods[i].newest != m.from.newest {
		m.next(hears, i, 0).pods[i].newest = m.from.newest
	}
}

// server is the one that the pod is connected to.
func (s *state) server(i uint8) *server { return &s.servers[s.pods[i].conn.on-1] }

// publish sends the oldest event of each record that the pod has in hand. Kafka's ack comes in the same step.
func (m *moves) publish(i uint8) {
	for r := range records {
		u := m.from.oldest(r, m.from.pods[i].publish)
		if u == 0 {
			continue
		}
		if m.from.log[r].length < m.LogLength {
			m.append(i, r, u)
		}
		if m.may(giveUp) && m.from.spent.faults < m.Bounds.Faults {
			m.giveUp(i, r, u)
		}
	}
}

func (m *moves) append(i uint8, r record, u uid) {
	n := m.next(publishes, i, uint8(u))
	n.log[r].append(entry(u))
	p := &n.pods[i]
	p.publish.remove(setOf(u))
	if m.has(confirmingRead) {
		p.confirm.add(setOf(u))
	}
	if !m.has(confirmingRead) || m.has(removeAtAck) {
		p.remove.add(setOf(u))
	}
	if !m.has(confirmingRead) && n.event(u).signal {
		n.acked.add(holder(r))
	}
}

func (m *moves) giveUp(i uint8, r record, u uid) {
	n := m.next(givesUp, i, uint8(u))
	n.spent.faults++
	p := &n.pods[i]
	p.publish.remove(setOf(u))
	if m.has(stopAtFailure) {
		p.publish.remove(n.of(r, p.publish))
	}
}

// confirm reads the newest epoch and acknowledges what is of it.
func (m *moves) confirm(i uint8) {
	if p := &m.from.pods[i]; p.confirm == 0 && p.vouched.what == 0 {
		return
	}
	n := m.next(confirms, i, 0)
	p := &n.pods[i]
	for u := uid(1); u <= uid(n.made); u++ {
		if e := n.event(u); p.confirm.has(u) && e.signal && e.epoch == n.newest {
			n.acked.add(holder(e.record))
		}
	}
	if p.vouched.epoch == n.newest {
		n.acked.add(p.vouched.what)
	}
	if !m.has(removeAtAck) {
		p.remove.add(p.confirm)
	}
	p.confirm, p.vouched = 0, vouched{}
}

// remove takes what is in the log out of the outbox.
func (m *moves) remove(i uint8) {
	if m.from.pods[i].remove == 0 {
		return
	}
	n := m.next(removes, i, 0)
	n.server(i).data.outbox.remove(n.pods[i].remove)
	n.pods[i].remove = 0
}

// relay takes in hand what stands in the outbox of a record and in nobody's hand.
func (m *moves) relay(i uint8) {
	p := &m.from.pods[i]
	mine, others := p.publish|p.remove|p.confirm, m.from.othersHave(i)
	for r := range records {
		open := m.from.of(r, m.from.server(i).data.outbox)
		if open&^mine&^others == 0 {
			continue
		}
		if !m.has(recordWise) {
			open.remove(others)
		}
		m.next(relays, i, uint8(r)).pods[i].publish.add(open &^ (p.remove | p.confirm))
	}
}

// othersHave: a claim keeps relays off what is in another pod's hand.
func (s *state) othersHave(i uint8) (in events) {
	for j := range s.pods {
		if uint8(j) != i {
			in.add(s.pods[j].publish)
		}
	}
	return in
}

// tellOutside says who holds the slot in the new epoch. Behind it outside refuses lower ones.
func (m *moves) tellOutside(i uint8) {
	d := &m.from.server(i).data
	if !m.has(fenceOutside) || !d.mark.open || d.mark.epoch <= m.from.outside.epoch || !m.verified(m.from, &m.from.pods[i]) {
		return
	}
	m.next(tellsOutside, i, 0).outside = outside{acting: m.from.holding(d), epoch: d.mark.epoch}
}
