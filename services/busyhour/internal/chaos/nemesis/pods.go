package nemesis

import (
	"context"
	"errors"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/link"
	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/stage"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
)

type mend = func(context.Context) error

// killPod is a machine that dies; the orchestrator starts the pod again.
func (n *Nemesis) killPod(_ context.Context, f Fault) (mend, error) {
	p, err := n.pod(f)
	if err != nil {
		return nil, err
	}
	n.hold(p.Name, 1)
	return func(ctx context.Context) error { defer n.hold(p.Name, -1); return p.Start() }, p.Kill()
}

// pausePod makes a zombie: it wakes up, knows nothing, and goes on with what it was about to write.
func (n *Nemesis) pausePod(_ context.Context, f Fault) (mend, error) {
	p, err := n.pod(f)
	if err != nil {
		return nil, err
	}
	return func(context.Context) error { return p.Resume() }, p.Pause()
}

// restartPods is a roll-out in a hurry, twice: consumer groups rebalance all the time.
func (n *Nemesis) restartPods(ctx context.Context, f Fault) (mend, error) {
	for range 2 {
		for _, p := range n.Stage.Fleet.Of(f.Service) {
			if err := n.restart(ctx, p, p.Start); err != nil {
				return nil, err
			}
		}
	}
	return func(context.Context) error { return nil }, nil
}

// restart ends a pod as an orchestrator does, and starts it.
func (n *Nemesis) restart(ctx context.Context, p *fleet.Process, start func() error) error {
	n.hold(p.Name, 1)
	defer n.hold(p.Name, -1)
	_ = p.Resume() // or it would not hear
	hung := p.Stop()
	if !errors.Is(hung, fleet.ErrHung) {
		hung = nil // it may say that it could not take leave of a server that is away
	}
	if err := errors.Join(hung, start()); err != nil {
		return err
	}
	ready, cancel := context.WithTimeout(ctx, 5*time.Second) // it may be that Redis is away
	defer cancel()
	_ = p.Ready(ready)
	return nil
}

// SkewVariable tells the build with the clock that can be set by how much it is wrong.
const SkewVariable = "CHAOS_CLOCK_SKEW"

// skewPod runs a pod with a wrong clock.
func (n *Nemesis) skewPod(ctx context.Context, f Fault) (mend, error) {
	p, err := n.pod(f)
	if err != nil {
		return nil, err
	}
	binary, ok := n.Stage.Skewed(p)
	if !ok {
		return nil, errors.New("there is no build with a clock that can be set")
	}
	wrong := func() error { return p.StartAs(binary, SkewVariable+"="+f.By.String()) }
	return func(ctx context.Context) error { return n.restart(ctx, p, p.Start) }, n.restart(ctx, p, wrong)
}

// servers at the other end of a pod's link.
func (n *Nemesis) servers(name string) (names []string) {
	var all []*stage.Server
	switch name {
	case "kafka":
		all = []*stage.Server{n.Stage.Kafka}
	case "nats":
		all = []*stage.Server{n.Stage.NATS}
	case "redis":
		all = append(append(all, n.Stage.Redis...), n.Stage.Sentinels...)
	default:
		all = n.Stage.Servers()
	}
	for _, v := range all {
		names = append(names, v.Name)
	}
	return names
}

// links sets a rule between each of one side and each of the other.
func (n *Nemesis) links(from, to []string, rule link.Rule) {
	for _, a := range from {
		for _, b := range to {
			n.Stage.Net.Set(link.Pair{From: a, To: b}, rule)
		}
	}
}

func (n *Nemesis) link(f Fault, rule link.Rule) (mend, error) {
	to := n.servers(f.Server)
	n.links([]string{f.Pod}, to, rule)
	return func(context.Context) error { n.links([]string{f.Pod}, to, link.Rule{}); return nil }, nil
}

func (n *Nemesis) cutLink(_ context.Context, f Fault) (mend, error) {
	return n.link(f, link.Rule{Cut: true})
}
func (n *Nemesis) holeLink(_ context.Context, f Fault) (mend, error) {
	return n.link(f, link.Rule{Hole: true})
}
func (n *Nemesis) slowLink(_ context.Context, f Fault) (mend, error) {
	return n.link(f, link.Rule{Slow: f.By})
}

// isolatePod lets a pod reach nothing.
func (n *Nemesis) isolatePod(_ context.Context, f Fault) (mend, error) {
	return n.link(f, link.Rule{Hole: true})
}
