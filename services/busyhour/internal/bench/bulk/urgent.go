package bulk

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

const (
	// urgentLimit within which an urgent change is to be in the directory.
	urgentLimit = 2 * time.Second
	// detection is how long it may take until somebody has the partitions of a pod that died: the group's session, 6 s,
	// and a rebalance. What came there meanwhile has waited so long.
	detection  = 8 * time.Second
	askEvery   = 20 * time.Millisecond
	probeLimit = 3 * time.Minute
	podDied    = "a pod has just died"
)

// probe is one urgent change, and how long it took.
type probe struct {
	job, agent, phase string
	began             time.Time
	directory, ended  time.Duration
	failed            bool
	err               error
}

// urgent asks for a single change now and then.
type urgent struct {
	cfg     *Config
	clients *simulate.Clients
	phase   func() string

	mu     sync.Mutex
	probes []*probe
	deaths []time.Time
	under  sync.WaitGroup
}

// run until ctx ends, and then until all have ended.
func (u *urgent) run(ctx context.Context) {
	tick := time.NewTicker(u.cfg.UrgentEvery)
	defer tick.Stop()
	defer u.under.Wait()
	for n := 1; ; n++ {
		p := &probe{agent: fmt.Sprintf("urgent-%05d", n), phase: u.phase()}
		u.mu.Lock()
		u.probes = append(u.probes, p)
		u.mu.Unlock()
		u.under.Go(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeLimit)
			defer cancel()
			p.err = p.run(ctx, u.clients, u.cfg.Tenant, n)
		})
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (u *urgent) died(at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.deaths = append(u.deaths, at)
}

func (p *probe) run(ctx context.Context, clients *simulate.Clients, tenant string, n int) error {
	p.began = time.Now()
	r := &provisioningv1.CreateJobRequest{
		Tenant: tenant, RequestId: p.agent, Items: items([]*provisioningv1.Agent{member(p.agent, n)}), Actor: "bench",
		Priority: provisioningv1.Priority_PRIORITY_URGENT,
	}
	job, err := clients.CreateJob(ctx, r)
	for err != nil && simulate.Wait(ctx, askEvery) == nil { // the pod that was asked has died
		job, err = clients.CreateJob(ctx, r)
	}
	if err != nil {
		return err
	}
	p.job = job.Id
	return p.follow(ctx, clients, tenant)
}

// follow it until it has ended.
func (p *probe) follow(ctx context.Context, clients *simulate.Clients, tenant string) error {
	for {
		var o *provisioningv1.Outcome
		_ = clients.Outcomes(ctx, tenant, p.job, provisioningv1.ItemOutcome_ITEM_OUTCOME_UNSPECIFIED, func(is *provisioningv1.Outcome) bool {
			o = is
			return false
		})
		p.see(o)
		if p.ended > 0 {
			return nil
		}
		if err := simulate.Wait(ctx, askEvery); err != nil {
			return fmt.Errorf("it has not ended after %s", time.Since(p.began).Round(time.Millisecond))
		}
	}
}

func (p *probe) see(o *provisioningv1.Outcome) {
	now := time.Since(p.began)
	ended := o.GetOutcome() > provisioningv1.ItemOutcome_ITEM_OUTCOME_PENDING
	if p.directory == 0 && (ended || o.GetBegunAt() != nil) {
		p.directory = now
	}
	if ended {
		p.ended, p.failed = now, o.GetOutcome() != provisioningv1.ItemOutcome_ITEM_OUTCOME_APPLIED
	}
}

// struck says whether a pod died shortly before it began, or before it had taken so long.
func (p *probe) struck(deaths []time.Time, took time.Duration) bool {
	return slices.ContainsFunc(deaths, func(at time.Time) bool {
		return p.began.Before(at.Add(detection)) && p.began.Add(took).After(at)
	})
}

// row under which a probe is counted: its phase, unless a pod died.
func (p *probe) row(deaths []time.Time) string {
	if p.struck(deaths, max(p.ended, urgentLimit)) {
		return podDied
	}
	return p.phase
}

// limit within which it is to be in the directory.
func (p *probe) limit(deaths []time.Time) time.Duration {
	if p.struck(deaths, max(p.directory, urgentLimit)) {
		return detection + urgentLimit
	}
	return urgentLimit
}

// Urgent is how long urgent changes took.
type Urgent struct {
	Phase string `json:"phase"`
	// Directory: until the directory had it. Applied: until the downstream had it, too.
	Directory simulate.Latency `json:"directory"`
	Applied   simulate.Latency `json:"applied"`
	// FloorMS is how long the downstream alone takes for one.
	FloorMS float64 `json:"floor_ms"`
	Failed  int     `json:"failed"`
}

// rows by phase, in their order.
func (u *urgent) rows(phases []Phase) (all []Urgent) {
	last := phases[len(phases)-1].Behaviour
	for _, phase := range append(phases[:len(phases):len(phases)], Phase{Name: takenOver, Behaviour: last}, Phase{Name: podDied}) {
		row := Urgent{Phase: phase.Name}
		if phase.Name != podDied {
			row.FloorMS = millis(perItem(phase.Behaviour, u.cfg.Timeout))
		}
		directory, applied := simulate.NewHistogram(), simulate.NewHistogram()
		for _, p := range u.probes {
			switch {
			case p.row(u.deaths) != phase.Name || p.err != nil:
				continue
			case p.failed:
				row.Failed++
			default:
				applied.Record(p.ended)
			}
			directory.Record(p.directory)
		}
		row.Directory, row.Applied = directory.Latency(), applied.Latency()
		all = append(all, row)
	}
	return all
}

// check that each was in the directory in time.
func (u *urgent) check() *Check {
	c := &Check{Name: fmt.Sprintf("urgent changes in the directory within %s, %s where a pod has just died", urgentLimit, detection+urgentLimit)}
	for _, p := range u.probes {
		c.Looked++
		switch limit := p.limit(u.deaths); {
		case p.err != nil:
			c.find("%s, %s: %v", p.agent, p.row(u.deaths), p.err)
		case p.directory > limit:
			c.find("%s, %s: %s", p.agent, p.row(u.deaths), p.directory.Round(time.Millisecond))
		}
	}
	return c
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
