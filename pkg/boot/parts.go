package boot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// Part is one loop of a process. Run works until its context ends, then finishes what is in hand and returns.
type Part struct {
	Name string
	Run  func(ctx context.Context) error
}

// RunParts starts the parts in order and waits. When ctx ends, or a part fails, or ends unasked, it stops them in
// reverse: the context of a part ends only after all parts behind it have returned, so that a part may rely on those
// before it to its last moment. It returns what went wrong first, and what went wrong while stopping.
func RunParts(ctx context.Context, log *zap.Logger, parts ...Part) error {
	running := make([]*runningPart, len(parts))
	ended := make(chan *runningPart, len(parts))
	for i, p := range parts {
		running[i] = start(ctx, p, ended)
	}
	var problems []error
	if len(parts) > 0 {
		select {
		case <-ctx.Done():
		case p := <-ended:
			problems = append(problems, p.unasked())
			log.Error("part ended, stopping", zap.Error(problems[0]))
		}
	}
	for i := len(running) - 1; i >= 0; i-- {
		problems = append(problems, running[i].end(log))
	}
	return errors.Join(problems...)
}

type runningPart struct {
	Part
	stop context.CancelFunc
	done chan struct{}
	err  error // may be read once done is closed
	told bool  // err went into problems already
}

// start runs the part with a context of its own: it has the values of ctx, but ends only when the part is stopped.
func start(ctx context.Context, p Part, ended chan<- *runningPart) *runningPart {
	own, stop := context.WithCancel(context.WithoutCancel(ctx))
	r := &runningPart{Part: p, stop: stop, done: make(chan struct{})}
	go func() {
		r.err = p.Run(own)
		close(r.done)
		ended <- r
	}()
	return r
}

func (r *runningPart) unasked() error {
	r.told = true
	if r.err == nil {
		return fmt.Errorf("%s: ended by itself", r.Name)
	}
	return fmt.Errorf("%s: %w", r.Name, r.err)
}

// slow is when a part that does not end is named in the log.
const slow = 5 * time.Second

func (r *runningPart) end(log *zap.Logger) error {
	r.stop()
	begun := time.Now()
	tick := time.NewTicker(slow)
	defer tick.Stop()
	for waiting := true; waiting; {
		select {
		case <-r.done:
			waiting = false
		case <-tick.C:
			log.Warn("still stopping", zap.String("part", r.Name), zap.Duration("for", time.Since(begun)))
		}
	}
	if r.told || r.err == nil || errors.Is(r.err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("%s: while stopping: %w", r.Name, r.err)
}
