package model

// entry of a partition: an event, or a marker of an epoch.
type entry uint8

const markerBit entry = 0x10

func markerOf(epoch uint8) entry { return markerBit | entry(epoch) }
func (e entry) marker() bool     { return e&markerBit != 0 }
func (e entry) epoch() uint8     { return uint8(e &^ markerBit) }
func (e entry) event() uid       { return uid(e) }

// partition is one record's part of the log, in the order of appending.
type partition struct {
	entries [maxEntries]entry
	length  uint8
}

func (p *partition) append(e entry) {
	p.entries[p.length] = e
	p.length++
}

func (p *partition) all() []entry { return p.entries[:p.length] }

func (p *partition) full() bool { return p.length >= maxEntries }

// accepted reads a partition as every reader does: the events that count, in order, behind what the record started
// from. What is not newer is a repeat; what stands behind a marker with a lower epoch is void.
func (r *Run) accepted(s *state, of record, buffer []uid) []uid {
	chain := append(buffer[:0], 0)
	var fence uint8
	for _, e := range s.log[of].all() {
		if e.marker() {
			fence = max(fence, e.epoch())
			continue
		}
		found := s.event(e.event())
		if r.has(markers) && found.epoch < fence {
			continue
		}
		if found.newer(s.event(chain[len(chain)-1])) {
			chain = append(chain, e.event())
		}
	}
	return chain
}

// latest is the content that a reader of the whole partition ends with.
func (r *Run) latest(s *state, of record) uid {
	var buffer [maxEntries + 1]uid
	chain := r.accepted(s, of, buffer[:])
	return chain[len(chain)-1]
}

// void says that the event stands in the log, first behind a marker of a later epoch.
func (s *state) void(of record, u uid) bool {
	var fence uint8
	for _, e := range s.log[of].all() {
		switch {
		case e.marker():
			fence = max(fence, e.epoch())
		case e.event() == u:
			return s.event(u).epoch < fence
		}
	}
	return false
}
