// Package sweep moves what nobody else would move: a grace whose deadline has passed, the screens of a pod that has
// died, and who is available though the directory has deactivated them. Every pod sweeps; whoever is first does the work.
package sweep

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/agent-presence/internal/agent"
	"github.com/busyhour/busyhour/services/agent-presence/internal/flow"
	"github.com/busyhour/busyhour/services/agent-presence/internal/state"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

const (
	// A deadline is seen at most this long after it has passed.
	lookEvery = 200 * time.Millisecond
	// A pod says this often that it is alive.
	renewEvery = time.Second
	// A deactivation that no push told of is seen this much later at most. Routing heeds the directory itself.
	compareEvery = 30 * time.Second

	batch   = 100 // what is taken at once
	workers = 16  // commits under way at once
	perRead = 200 // agents read in one round trip
)

// Sweep is the sweeper of one pod.
type Sweep struct {
	store *commit.Store
	flow  *flow.Flow
	pod   string
	log   *zap.Logger
	swept *prometheus.CounterVec
}

// New makes a Sweep. pod must be another one after each start, or screens of the life before would be kept alive.
func New(store *commit.Store, flow *flow.Flow, pod string, log *zap.Logger, reg prometheus.Registerer) *Sweep {
	s := &Sweep{store: store, flow: flow, pod: pod, log: log, swept: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "busyhour_presence_swept_total",
		Help: "Agents moved because nobody else would: by a deadline, because the pod that held their screens died, or because the directory deactivated them and no push said so.",
	}, []string{"cause"})}
	reg.MustRegister(s.swept)
	return s
}

// Deadlines ends graces until ctx ends.
func (s *Sweep) Deadlines(ctx context.Context) error {
	return s.every(ctx, lookEvery, "deadlines", s.expire)
}

// Pods keeps this pod's lease and clears up behind dead ones until ctx ends; then it gives the lease back, if no screen
// is left on this pod.
func (s *Sweep) Pods(ctx context.Context) error {
	err := s.every(ctx, renewEvery, "pods", s.renewAndBury)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	for _, tenant := range s.open() {
		if err := s.bury(ctx, tenant, s.pod); err != nil {
			s.log.Warn("lease not given back; other pods will see it run out", zap.String("tenant", tenant), zap.Error(err))
		}
	}
	return err
}

func (s *Sweep) every(ctx context.Context, interval time.Duration, what string, sweep func(context.Context, string) error) error {
	t := time.NewTicker(interval)
	defer t.Stop()
	for {
		for _, tenant := range s.open() {
			if err := sweep(ctx, tenant); err != nil && ctx.Err() == nil {
				s.log.Warn("sweep failed, the next one tries again", zap.String("of", what), zap.String("tenant", tenant), zap.Error(err))
			}
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// open are the tenants that can be swept; the others are being rebuilt.
func (s *Sweep) open() []string {
	var open []string
	for _, tenant := range s.store.Tenants() {
		if _, ok := s.store.Verified(tenant); ok {
			open = append(open, tenant)
		}
	}
	return open
}

func (s *Sweep) expire(ctx context.Context, tenant string) error {
	for {
		due, err := s.store.Claim(ctx, tenant, batch)
		if err != nil {
			return fmt.Errorf("claim deadlines: %w", err)
		}
		err = s.each(ctx, len(due), func(ctx context.Context, i int) error {
			id, ok := state.AgentOf(due[i].Name)
			if !ok {
				return nil
			}
			op := fmt.Sprintf("deadline:%s@%d", due[i].Name, due[i].At.UnixMilli())
			return s.move(ctx, tenant, id, op, agent.Expire{}, "deadline")
		})
		if err != nil || len(due) < batch {
			return err
		}
	}
}

// renewAndBury renews first: a pod that was stopped for long must not be buried by itself.
func (s *Sweep) renewAndBury(ctx context.Context, tenant string) error {
	var dead []string
	_, err := s.store.Do(ctx, tenant, "", func(ctx context.Context, tx *commit.Tx) error {
		pods := tx.First(state.Pods, batch)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		state.Renew(tx, s.pod)
		dead = dead[:0]
		for _, pod := range pods.List {
			if pod.Name != s.pod && pod.Score < float64(tx.Now().UnixMilli()) {
				dead = append(dead, pod.Name)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("renew the lease of %s: %w", s.pod, err)
	}
	for _, pod := range dead {
		s.log.Warn("pod is dead, its screens are lost", zap.String("dead", pod), zap.String("tenant", tenant))
		if err := s.loseScreens(ctx, tenant, pod); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sweep) loseScreens(ctx context.Context, tenant, pod string) error {
	for {
		agents, err := s.agentsOn(ctx, tenant, pod)
		if err != nil {
			return err
		}
		if len(agents) == 0 {
			return s.bury(ctx, tenant, pod)
		}
		err = s.each(ctx, len(agents), func(ctx context.Context, i int) error {
			return s.move(ctx, tenant, agents[i].Name, "", agent.LosePod{Pod: pod}, "pod")
		})
		if err == nil {
			err = s.forget(ctx, tenant, pod, agents)
		}
		if err != nil {
			return err
		}
	}
}

func (s *Sweep) agentsOn(ctx context.Context, tenant, pod string) ([]commit.Member, error) {
	var agents *commit.Members
	_, err := s.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		agents = tx.First(state.Pod(pod), batch)
		return tx.Fetch(ctx)
	})
	if err != nil {
		return nil, fmt.Errorf("read who has a screen on %s: %w", pod, err)
	}
	return agents.List, nil
}

// bury takes a pod off the list, unless somebody has a screen on it.
func (s *Sweep) bury(ctx context.Context, tenant, pod string) error {
	_, err := s.store.Do(ctx, tenant, "", func(ctx context.Context, tx *commit.Tx) error {
		left := tx.Count(state.Pod(pod))
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		if *left == 0 {
			tx.Remove(state.Pods, pod)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("take %s off the list of pods: %w", pod, err)
	}
	return nil
}

// forget takes out of a dead pod's index who, by the record, has no screen there. The guards keep it from taking out an
// agent who has just come back to a pod that was only asleep.
func (s *Sweep) forget(ctx context.Context, tenant, pod string, agents []commit.Member) error {
	_, err := s.store.Do(ctx, tenant, "", func(ctx context.Context, tx *commit.Tx) error {
		records := make([]*commit.Record, len(agents))
		for i, a := range agents {
			records[i] = state.AskPresence(tx, a.Name)
		}
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		for i, r := range records {
			p, err := state.Presence(r)
			if err != nil {
				return err
			}
			if !slices.Contains(agent.Pods(p), pod) {
				tx.Guard(r)
				tx.Remove(state.Pod(pod), agents[i].Name)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("clear the index of %s: %w", pod, err)
	}
	return nil
}

func (s *Sweep) move(ctx context.Context, tenant, id, op string, wish agent.Wish, cause string) error {
	out, err := s.flow.Do(ctx, tenant, id, op, wish)
	if err != nil {
		return fmt.Errorf("sweep agent %s/%s: %w", tenant, id, err)
	}
	if out.Changed {
		s.swept.WithLabelValues(cause).Inc()
	}
	return nil
}

func (s *Sweep) each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for i := range n {
		g.Go(func() error { return do(ctx, i) })
	}
	return g.Wait()
}
