package nemesis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/stage"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
)

// Struck is a fault as it went.
type Struck struct {
	Fault
	// ID of this fault in this run.
	ID string `json:"id"`
	// Broken and Mended are when, since the first call.
	Broken time.Duration `json:"broken"`
	Mended time.Duration `json:"mended"`
	// On is what it met: the server that was the primary then.
	On string `json:"on,omitempty"`
	// Failed: it could not be done, and why.
	Failed string `json:"failed,omitempty"`
}

// Nemesis does the faults of a schedule.
type Nemesis struct {
	Stage *stage.Stage
	// Say is told what is done; Tell, if it is set, when a fault begins (not mended yet) and when it has ended.
	Say  func(format string, args ...any)
	Tell func(s Struck, ended bool)

	began time.Time

	redis sync.Mutex // held while Redis is broken: its faults come one after the other

	mu     sync.Mutex
	struck []Struck
	held   map[string]int // pods that are down on purpose
}

// New makes a nemesis for a stage.
func New(s *stage.Stage, say func(string, ...any)) *Nemesis {
	return &Nemesis{Stage: s, Say: say, held: map[string]int{}}
}

// Run does the faults at their times, counted from now, and returns what was done when all is mended again. When ctx
// ends it begins nothing more.
func (n *Nemesis) Run(ctx context.Context, faults []Fault) []Struck {
	n.began = time.Now()
	var parts sync.WaitGroup
	for i, f := range faults {
		if wait(ctx, f.At-time.Since(n.began)) != nil {
			break
		}
		parts.Go(func() { n.do(context.WithoutCancel(ctx), fmt.Sprintf("f%d", i+1), f) })
	}
	parts.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.struck
}

// do breaks, waits and mends. A fault of Redis begins when its servers are whole again after the one before.
func (n *Nemesis) do(ctx context.Context, id string, f Fault) {
	k := named(f.Kind)
	if k.realm == ofRedis {
		n.redis.Lock()
		defer n.redis.Unlock()
	}
	s := Struck{ID: id, Fault: f, Broken: time.Since(n.began)}
	if f.Tenant != "" {
		if v, err := n.Stage.Primary(ctx, f.Tenant); err == nil {
			s.On = v.Name
		}
	}
	n.Say("%s", s)
	n.tell(s, false)
	mend, err := k.strike(n, ctx, f)
	if err == nil {
		_ = wait(ctx, f.For-(time.Since(n.began)-s.Broken))
		err = mend(ctx)
	}
	if k.realm == ofRedis { // it has ended when its servers are whole again
		err = errors.Join(err, n.Stage.AwaitRedis(ctx))
	}
	s.Mended = time.Since(n.began)
	if err != nil {
		s.Failed = err.Error()
		n.Say("%s: %v", f.Kind, err)
	}
	n.tell(s, true)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.struck = append(n.struck, s)
}

func (n *Nemesis) tell(s Struck, ended bool) {
	if n.Tell != nil {
		n.Tell(s, ended)
	}
}

// Target of a fault, in words.
func (s Struck) Target() string {
	var on []string
	for _, what := range []string{s.Pod, s.Service, s.Server, s.On} {
		if what != "" {
			on = append(on, what)
		}
	}
	return strings.Join(on, ", ")
}

func (s Struck) String() string {
	text := fmt.Sprintf("%5.1f s  %s  %s", s.Broken.Seconds(), s.Kind, s.Target())
	if s.By != 0 {
		text += ", by " + s.By.String()
	}
	return text + ", for " + s.For.String()
}

// hold notes that a pod is down on purpose.
func (n *Nemesis) hold(pod string, by int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.held[pod] += by
}

// Holds says whether a pod is down on purpose.
func (n *Nemesis) Holds(pod string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.held[pod] > 0
}

// pod that a fault is about.
func (n *Nemesis) pod(f Fault) (*fleet.Process, error) { return n.Stage.Named(f.Pod) }

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
