package model

// action says what happened: who did what. by is a pod, or the server that it happened to.
type action struct {
	kind kind
	by   uint8
	with uint8 // an operation, an event, a server or an outcome
}

type kind uint8

const (
	loads kind = iota
	commits
	publishes
	confirms
	removes
	relays
	givesUp
	connects
	hears
	recoveryStarts
	recoveryCloses
	recoveryReads
	recoveryBuilds
	recoveryOpens
	tellsOutside
	replicates
	syncs
	flushes
	restarts
	promotedDead
	promotedSplit
	rejoins
	comesBack
	scriptLoaded
	dies
)

// outcomes of a commit, and of an attempt to open.
const (
	refused uint8 = iota
	duplicate
	done
)

// move is a state that can follow another, and what led there.
type move struct {
	to     state
	action action
	broken Property // what the move itself breaks
}

// moves collects all that may happen next in a state.
type moves struct {
	*Run
	from *state
	all  []move
}

// next makes another move. The state is a copy of the present one, to be changed until the next call.
func (m *moves) next(k kind, by, with uint8) *state {
	m.all = append(m.all, move{to: *m.from, action: action{k, by, with}})
	return &m.all[len(m.all)-1].to
}

// in looks at a state. What it gives is good until the next call.
func (m *moves) in(s *state) []move {
	m.from, m.all = s, m.all[:0]
	for i := range uint8(pods) {
		m.pod(i)
	}
	m.world()
	return m.all
}
