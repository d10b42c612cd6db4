package connector

import (
	"context"
	"slices"
	"sync"
	"time"
)

// gate is where calls wait. Urgent ones go first, others in the order in which they came.
type gate struct {
	// may takes what a caller needs, or says after how long to ask again; 0: when somebody opens. It is called under mu.
	may func(urgent bool) (ok bool, after time.Duration)

	mu      sync.Mutex
	urgent  []chan struct{}
	others  []chan struct{}
	waiting *time.Timer // until the gate is tried again by itself; nil: it is not
}

// enter returns when the caller may go on. After an error nothing was taken.
func (g *gate) enter(ctx context.Context, urgent bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	through := make(chan struct{})
	g.mu.Lock()
	queue := g.queue(urgent)
	*queue = append(*queue, through)
	g.let()
	g.mu.Unlock()
	select {
	case <-through:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(*queue, through); i >= 0 {
		*queue = slices.Delete(*queue, i, i+1)
		return ctx.Err()
	}
	return nil // let through at the last moment: what was taken is the caller's to give back
}

func (g *gate) queue(urgent bool) *[]chan struct{} {
	if urgent {
		return &g.urgent
	}
	return &g.others
}

// open lets through whoever may go.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.let()
}

// let runs under mu.
func (g *gate) let() {
	if g.waiting != nil {
		g.waiting.Stop()
		g.waiting = nil
	}
	for _, urgent := range []bool{true, false} {
		queue := g.queue(urgent)
		for len(*queue) > 0 {
			ok, after := g.may(urgent)
			if after > 0 { // nobody's turn has come, so that of the others has not either
				g.waiting = time.AfterFunc(after, g.open)
				return
			}
			if !ok {
				break
			}
			close((*queue)[0])
			*queue = (*queue)[1:]
		}
	}
}
