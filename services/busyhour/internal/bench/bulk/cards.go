package bulk

import (
	"sync"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// cards measures from a call to its card on the first screen, by phase: the one in which the card appeared.
type cards struct {
	mu    sync.Mutex
	phase string
	due   map[string]time.Time // by contact, until its card
	by    map[string]*simulate.Histogram
}

func newCards() *cards {
	return &cards{due: map[string]time.Time{}, by: map[string]*simulate.Histogram{}}
}

// watch a load.
func (c *cards) watch(l *simulate.LoadConfig) {
	l.Placed = func(call *simulate.Call) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.due[call.Contact] = call.Due
	}
	l.Watch.Shown = c.shown
}

func (c *cards) shown(s simulate.Shown) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range s.View.Cards {
		due, waits := c.due[id]
		if !waits {
			continue
		}
		delete(c.due, id)
		if c.by[c.phase] == nil {
			c.by[c.phase] = simulate.NewHistogram()
		}
		c.by[c.phase].Record(now.Sub(due))
	}
}

func (c *cards) enter(phase string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase = phase
}

func (c *cards) now() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.phase
}

// latency of a phase; zero if no card appeared.
func (c *cards) latency(phase string) simulate.Latency {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.by[phase]; h != nil {
		return h.Latency()
	}
	return simulate.Latency{}
}
