package commit

import (
	"sync"
	"time"

	"github.com/busyhour/busyhour/pkg/refusal"
)

// gate is what this pod takes for the state of one tenant: verified in an epoch, or closed. It is a hint: every script
// compares with the mark in Redis, and a script that says `unverified` closes it.
type gate struct {
	mu     sync.Mutex
	epoch  uint32
	open   bool
	why    string // of being closed
	seq    uint64 // highest sequence seen in this epoch
	spoilt uint32 // the epoch whose sequence went back; it never opens again
	change chan struct{}
}

func newGate() *gate { return &gate{why: "not opened yet", change: make(chan struct{})} }

func (g *gate) state() (epoch uint32, open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.epoch, g.open
}

// set opens the gate in an epoch. A lower epoch than the present one changes nothing.
func (g *gate) set(epoch uint32) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if epoch < g.epoch || (epoch == g.spoilt && epoch != 0) || (epoch == g.epoch && g.open) {
		return false
	}
	if epoch > g.epoch {
		g.seq = 0
	}
	g.epoch, g.open, g.why = epoch, true, ""
	g.signal()
	return true
}

// shut closes the gate if it is still open in that epoch, and gives the highest sequence seen.
func (g *gate) shut(epoch uint32, why string) (seq uint64, closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.open || g.epoch != epoch {
		return 0, false
	}
	g.open, g.why = false, why
	g.signal()
	return g.seq, true
}

// reached is the highest sequence seen in an epoch. A script that is sent after that answers with no lower one.
func (g *gate) reached(epoch uint32) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if epoch != g.epoch {
		return 0
	}
	return g.seq
}

// advance takes the sequence that a script answered with, and what was reached when it was sent. False means that it went
// back, which no healthy server does: commits that were answered are gone, and only another epoch brings them back.
func (g *gate) advance(epoch uint32, reached, seq uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if epoch != g.epoch {
		return true
	}
	if seq < reached {
		g.spoilt = epoch
		return false
	}
	g.seq = max(g.seq, seq)
	return true
}

func (g *gate) isSpoilt(epoch uint32) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.spoilt != 0 && g.spoilt == epoch
}

func (g *gate) signal() {
	close(g.change)
	g.change = make(chan struct{})
}

// reason is why it is closed.
func (g *gate) reason() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.why
}

// changed is closed at the next change.
func (g *gate) changed() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.change
}

// RetryAfter is what a caller is told to wait while a tenant is closed.
const RetryAfter = 250 * time.Millisecond

func (s *Store) closed(tenant string) error {
	g := s.gates[tenant]
	g.mu.Lock()
	defer g.mu.Unlock()
	why := g.why
	if g.open {
		why = "verified again just now"
	}
	return refusal.New(refusal.Unavailable, "UNVERIFIED", "the state of tenant %s in %s is not verified (%s)", tenant, s.service, why).
		To("try again in " + RetryAfter.String())
}

// gateOf finds the tenant's gate, or refuses a tenant that is not served here.
func (s *Store) gateOf(tenant string) (*gate, error) {
	if g, ok := s.gates[tenant]; ok {
		return g, nil
	}
	return nil, refusal.New(refusal.NotFound, "TENANT_UNKNOWN", "tenant %q is not served here", tenant).
		To("name a tenant of this installation")
}

// anyOpen reports whether any tenant is open.
func (s *Store) anyOpen() bool {
	for _, g := range s.gates {
		if _, open := g.state(); open {
			return true
		}
	}
	return false
}
