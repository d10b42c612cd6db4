package model

import "hash/maphash"

// Result of a search.
type Result struct {
	Broken   Property // empty if nothing broke
	States   int
	Depth    int  // steps from the start
	Cut      bool // the limit was reached before all states were seen
	Schedule []string
}

// Search looks at every state within the run's bounds, at no more than limit, and gives a schedule of what it found
// broken: a shortest one, and always the same. States in which the pods have merely changed places are counted once,
// unless something is broken.
func (r Run) Search(limit int) Result {
	if r.Breaks == "" {
		if found := newSearch(&r, limit, false); found.run() == "" {
			return found.result
		}
	}
	found := newSearch(&r, limit, true)
	if found.run() != "" {
		found.result.Schedule = found.schedule()
	}
	return found.result
}

// search is breadth first. One goroutine does it: runs are what there are several of.
type search struct {
	moves  *moves
	limit  int
	named  bool // pods keep their names, and it is kept how each state was reached
	seed   maphash.Seed
	seen   hashes
	queue  queue
	result Result

	reached []reached // of each state in the order of discovery; only if named
	last    reached   // the move that broke something
}

// reached says how a state was: from which one, by which of its moves.
type reached struct{ from, move uint32 }

func newSearch(r *Run, limit int, named bool) *search {
	return &search{moves: &moves{Run: r}, limit: limit, named: named, seed: maphash.MakeSeed()}
}

// run looks at the states level by level, and ends with the level on which something broke.
func (x *search) run() Property {
	start := x.moves.start()
	x.isNew(&start)
	x.add(&start, reached{})
	looked := 0
	for x.queue.length > 0 {
		for range x.queue.length {
			x.look(x.queue.take(), uint32(looked))
			looked++
		}
		x.result.Depth++
		if x.result.Cut = x.result.States > x.limit; x.result.Cut || x.result.Broken != "" {
			break
		}
	}
	return x.result.Broken
}

// look goes from one state to all that can follow it.
func (x *search) look(s *state, number uint32) {
	all := x.moves.in(s)
	for i := range all {
		m := &all[i]
		if isNew := x.isNew(&m.to); m.broken == "" && !isNew {
			continue
		}
		if m.broken == "" {
			m.broken = x.moves.Run.broken(&m.to)
		}
		how := reached{number, uint32(i)}
		switch {
		case m.broken == "":
			x.add(&m.to, how)
		case x.result.Broken == "":
			x.result.Broken, x.last = m.broken, how
		}
	}
}

func (x *search) add(s *state, how reached) {
	x.result.States++
	x.queue.put(s)
	if x.named {
		x.reached = append(x.reached, how)
	}
}

func (x *search) isNew(s *state) bool {
	if !x.named {
		x.inOrder(s)
	}
	return x.seen.add(maphash.Comparable(x.seed, *s))
}

// inOrder brings the pods into an order of their own: they are interchangeable.
func (x *search) inOrder(s *state) {
	if p := &s.pods; p[0] != p[1] && maphash.Comparable(x.seed, p[0]) > maphash.Comparable(x.seed, p[1]) {
		p[0], p[1] = p[1], p[0]
	}
}
