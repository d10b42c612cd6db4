package nemesis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/link"
	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/stage"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
)

// killed ends a server at once, and starts it as its mending.
func killed(v *stage.Server) (mend, error) { return v.Start, v.Kill() }

// paused stops a server in its tracks.
func paused(v *stage.Server) (mend, error) {
	return func(context.Context) error { return v.Resume() }, v.Pause()
}

func (n *Nemesis) killKafka(context.Context, Fault) (mend, error)  { return killed(n.Stage.Kafka) }
func (n *Nemesis) pauseKafka(context.Context, Fault) (mend, error) { return paused(n.Stage.Kafka) }
func (n *Nemesis) killNATS(context.Context, Fault) (mend, error)   { return killed(n.Stage.NATS) }

// primary of the tenant that the fault is about.
func (n *Nemesis) primary(ctx context.Context, f Fault) (*stage.Server, error) {
	return n.Stage.Primary(ctx, f.Tenant)
}

// killRedis ends the primary. Whether the replica takes over depends on how long it is away.
func (n *Nemesis) killRedis(ctx context.Context, f Fault) (mend, error) {
	v, err := n.primary(ctx, f)
	if err != nil {
		return nil, err
	}
	return killed(v)
}

// pauseRedis stops the primary; if it is away for long the replica takes over, and it wakes up as a second primary.
func (n *Nemesis) pauseRedis(ctx context.Context, f Fault) (mend, error) {
	v, err := n.primary(ctx, f)
	if err != nil {
		return nil, err
	}
	return paused(v)
}

// flush empties every primary.
func (n *Nemesis) flush(ctx context.Context, _ Fault) (mend, error) {
	var failed []error
	for _, v := range n.Stage.Primaries(ctx) {
		failed = append(failed, n.Stage.Client(v).FlushAll(ctx).Err())
	}
	return nothing, errors.Join(failed...)
}

func nothing(context.Context) error { return nil }

// failOver lets a healthy replica take over from a healthy primary.
func (n *Nemesis) failOver(ctx context.Context, f Fault) (mend, error) {
	v, err := n.primary(ctx, f)
	if err != nil {
		return nil, err
	}
	return nothing, n.Stage.FailOver(ctx, v)
}

// failOverToLaggard keeps the replica from hearing anything for some seconds, then the primary dies.
func (n *Nemesis) failOverToLaggard(ctx context.Context, f Fault) (mend, error) {
	v, err := n.primary(ctx, f)
	if err != nil {
		return nil, err
	}
	replica, err := n.Stage.ReplicaOf(ctx, v)
	if err != nil {
		return nil, err
	}
	n.links([]string{replica.Name}, []string{v.Name}, link.Rule{Hole: true})
	_ = wait(ctx, f.For/4)
	err = v.Kill()
	return func(ctx context.Context) error {
		n.links([]string{replica.Name}, []string{v.Name}, link.Rule{})
		return v.Start(ctx)
	}, err
}

// tearAOF stops the primary, cuts the end off what it has written, and starts it again before anybody else takes over.
func (n *Nemesis) tearAOF(ctx context.Context, f Fault) (mend, error) {
	v, err := n.primary(ctx, f)
	if err != nil {
		return nil, err
	}
	if err := v.Kill(); err != nil {
		return nil, err
	}
	return nothing, errors.Join(tear(v.Dir, f.Share), v.Start(ctx))
}

// tear cuts a share off the end of the newest increment of the AOF.
func tear(dir string, share float64) error {
	files, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no AOF in %s: %w", dir, err)
	}
	slices.SortFunc(files, func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
	newest := files[len(files)-1]
	info, err := os.Stat(newest)
	if err != nil {
		return err
	}
	return os.Truncate(newest, int64(float64(info.Size())*(1-share)))
}

// split is the classic: the primary and half of the pods on one side, everybody else on the other. The majority promotes
// the replica, and clients write on both sides until the network is whole again. Kafka and NATS are reached by all.
func (n *Nemesis) split(ctx context.Context, f Fault) (mend, error) {
	v, err := n.primary(ctx, f)
	if err != nil {
		return nil, err
	}
	var minority, majority, others []string
	for _, p := range n.Stage.Fleet.All() {
		if strings.HasSuffix(p.Name, "-1") {
			minority = append(minority, p.Name)
		} else {
			majority = append(majority, p.Name)
		}
	}
	for _, o := range append(slices.Clone(n.Stage.Redis), n.Stage.Sentinels...) {
		if o != v {
			others = append(others, o.Name)
		}
	}
	set := func(rule link.Rule) {
		n.links(append(minority, v.Name), others, rule)
		n.links(append(majority, others...), []string{v.Name}, rule)
	}
	set(link.Rule{Hole: true})
	return func(context.Context) error { set(link.Rule{}); return nil }, nil
}

// fillRedis leaves no room for anything more.
func (n *Nemesis) fillRedis(ctx context.Context, f Fault) (mend, error) {
	v, err := n.primary(ctx, f)
	if err != nil {
		return nil, err
	}
	c := n.Stage.Client(v)
	// Not below what it needs to live: clients' buffers count, too.
	err = c.ConfigSet(ctx, "maxmemory", "1mb").Err()
	return func(ctx context.Context) error {
		return until(ctx, func() error { return c.ConfigSet(ctx, "maxmemory", "0").Err() })
	}, err
}

// readOnly makes the primary a replica of nobody, and a primary again.
func (n *Nemesis) readOnly(ctx context.Context, f Fault) (mend, error) {
	v, err := n.primary(ctx, f)
	if err != nil {
		return nil, err
	}
	c := n.Stage.Client(v)
	err = c.ReplicaOf(ctx, "127.0.0.1", "1").Err()
	return func(ctx context.Context) error { return c.ReplicaOf(ctx, "no", "one").Err() }, err
}

// Repair makes everything whole: links, processes, servers; and waits until every pod is ready.
func (n *Nemesis) Repair(ctx context.Context) error {
	n.Stage.Net.Heal()
	for _, v := range n.Stage.Servers() {
		_ = v.Resume()
		if v.PID() == 0 {
			if err := v.Start(ctx); err != nil {
				return err
			}
		}
	}
	for _, v := range n.Stage.Redis {
		if err := n.Stage.Client(v).ConfigSet(ctx, "maxmemory", "0").Err(); err != nil {
			return err
		}
	}
	if err := n.Stage.AwaitRedis(ctx); err != nil {
		return err
	}
	return n.repairPods(ctx)
}

func (n *Nemesis) repairPods(ctx context.Context) error {
	for _, p := range n.Stage.Fleet.All() {
		_ = p.Resume()
		if p.PID() == 0 {
			if err := p.Start(); err != nil {
				return err
			}
		}
	}
	var failed []error
	for _, p := range n.Stage.Fleet.All() {
		failed = append(failed, ready(ctx, p))
	}
	return errors.Join(failed...)
}

func ready(ctx context.Context, p *fleet.Process) error {
	if err := p.Ready(ctx); err != nil {
		return fmt.Errorf("not ready though all is repaired: %w", err)
	}
	return nil
}

func until(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil || wait(ctx, 100*time.Millisecond) != nil {
			return err
		}
	}
}
