package work

import (
	"context"
	"time"

	"github.com/busyhour/busyhour/services/provisioning/internal/stream"
)

// While an item is run its entry is touched this often within take_over; and after so much of it without an answer, the run
// is given up: by the time another may claim the entry, nobody runs it.
const (
	touches = 6
	givenUp = 4 // of touches
)

// hold keeps an entry this worker's until ctx ends, and calls lost if it is not any more, or may soon not be.
func (p *Pool) hold(ctx context.Context, n stream.Namespace, e stream.Entry, lost func()) {
	t := time.NewTicker(p.cfg.TakeOver / touches)
	defer t.Stop()
	for kept := time.Now(); ; {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		asked := time.Now()
		mine, err := p.stream.Touch(ctx, n, p.consumer, e)
		switch {
		case err == nil && mine:
			kept = asked
		case err == nil, time.Since(kept) > givenUp*p.cfg.TakeOver/touches:
			lost()
			return
		}
	}
}
