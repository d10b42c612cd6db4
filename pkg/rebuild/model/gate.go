package model

// verified: would this pod, on its connection, take the state for verified? This is what a script checks first.
func (r *Run) verified(s *state, p *pod) bool {
	if !s.writable(p.conn) {
		return false
	}
	v := &s.servers[p.conn.on-1]
	m := v.data.mark
	switch {
	case r.has(scriptSign) && v.scripts&r.script(m.epoch) == 0,
		r.has(markSign) && !m.open,
		r.has(sequenceSign) && v.data.sequence < p.sequence,
		r.has(replidOfMark) && !r.has(replidInScript) && m.replid != p.conn.replid,
		r.has(replidOfMark) && r.has(replidInScript) && m.replid != v.replid,
		r.has(epochs) && m.epoch < p.newest:
		return false
	}
	return true
}

// script is the bit of the commit script that is in use in an epoch.
func (r *Run) script(epoch uint8) uint8 {
	if r.has(scriptPerEpoch) {
		return 1 << epoch
	}
	return 1
}

// writable: the connection leads to a server that takes writes.
func (s *state) writable(c conn) bool {
	return c.on != 0 && s.servers[c.on-1].up && s.servers[c.on-1].primary
}

// counts: is what this server holds the state of the tenant, if a pod takes it for verified? Commits of an older epoch
// are void, or stand before the marker.
func (r *Run) counts(s *state, i uint8) bool {
	v := &s.servers[i]
	if !v.up || !v.primary || !v.data.mark.open {
		return false
	}
	if r.has(epochs) {
		return v.data.mark.epoch == s.newest
	}
	return i == s.primary
}
