package bulk

import (
	"fmt"
	"sync"
)

// Check is one thing that must hold, and where it does not.
type Check struct {
	Name string `json:"check"`
	// Looked is how many were looked at.
	Looked int `json:"looked_at"`
	Found  int `json:"findings"`
	// First findings in words.
	First []string `json:"first,omitempty"`

	mu sync.Mutex
}

// kept findings in words; all are counted.
const kept = 20

func (c *Check) find(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Found++
	if len(c.First) < kept {
		c.First = append(c.First, fmt.Sprintf(format, args...))
	}
}
