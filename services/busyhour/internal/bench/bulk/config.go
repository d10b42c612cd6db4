package bulk

import (
	"errors"
	"fmt"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// Config of a measurement.
type Config struct {
	Servers fleet.Servers
	// Bin has the binaries, of busyhour too; Dir gets their logs; Stack is where scripts/stack keeps its pid files.
	Bin, Dir, Stack string
	Tenant          string
	// Agents that the job brings into service.
	Agents int
	// Copies of each service.
	Copies int
	// Concurrency and Timeout are a pod's towards the downstream.
	Concurrency int
	Timeout     time.Duration
	// Rate of a pod's requests to the downstream, a second; zero: no limit.
	Rate float64
	// Latency of the downstream's answers, and SlowLatency while it is slow.
	Latency, SlowLatency time.Duration
	// Until so much of the job has ended, of 1, the downstream is fast, then slow, then failing; then it is healthy.
	FastUntil, SlowUntil, FailingUntil float64
	// Dead is how long a pod that was killed stays away.
	Dead time.Duration
	// UrgentEvery so often somebody asks for a single urgent change.
	UrgentEvery time.Duration
	// BHCC that come in all the while, for Screens agents; zero: none. Baseline is how long they come in before the job.
	BHCC     float64
	Screens  int
	Baseline time.Duration
	// Blocking also measures a consumer that makes the calls itself and waits, for BlockingFor in each phase at most.
	Blocking    bool
	BlockingFor time.Duration
	// Limit is when a job that does not end is given up.
	Limit time.Duration
	// Out is the file for the result.
	Out string
	Say func(format string, args ...any)
}

// Default is 10,000 agents and 20,000 BHCC.
func Default() Config {
	return Config{
		Agents: 10_000, Copies: 2, Concurrency: 64, Timeout: 3 * time.Second,
		Latency: 5 * time.Millisecond, SlowLatency: 2 * time.Second, FastUntil: 0.4, SlowUntil: 0.55, FailingUntil: 0.75,
		Dead: 5 * time.Second, UrgentEvery: 5 * time.Second,
		BHCC: 20_000, Screens: 250, Baseline: 40 * time.Second,
		Blocking: true, BlockingFor: 20 * time.Second, Limit: 20 * time.Minute,
	}
}

// Validate says everything that is wrong, at once.
func (c *Config) Validate() error {
	var problems []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	need(c.Agents >= 1 && c.Agents <= 10_000, "agents %d: a job has 1 to 10,000 items", c.Agents)
	need(c.Copies >= 2, "copies %d: one is killed, so there must be another", c.Copies)
	need(c.Concurrency >= 1, "concurrency %d: at least 1", c.Concurrency)
	need(c.Rate >= 0, "rate %g: 0, or requests a second", c.Rate)
	need(c.Timeout > c.SlowLatency, "timeout %s: a slow downstream answers after %s", c.Timeout, c.SlowLatency)
	need(0 < c.FastUntil && c.FastUntil < c.SlowUntil && c.SlowUntil < c.FailingUntil && c.FailingUntil < 1,
		"phases end at %g, %g and %g of the job: they must rise, between 0 and 1", c.FastUntil, c.SlowUntil, c.FailingUntil)
	need(c.UrgentEvery > 0, "an urgent change every %s is too many", c.UrgentEvery)
	need(c.BHCC == 0 || c.Screens > 0, "screens %d: somebody must take the calls", c.Screens)
	return errors.Join(problems...)
}

// inHand is how many items a pod works on: as many as have places in the downstream, and what is kept for urgent ones.
func (c *Config) inHand() int { return c.Concurrency + max(c.Concurrency/4, 2) }

// provisioning's keys, beside those that every fleet has.
func (c *Config) provisioning(stub string) map[string]any {
	return map[string]any{
		"downstream.kind": "scim", "downstream.url": stub + "/scim/v2", "downstream.private": true,
		"downstream.concurrency": c.Concurrency, "downstream.timeout": c.Timeout.String(), "work.concurrency": c.inHand(), "downstream.rate": c.Rate,
	}
}

// load of calls beside the job.
func (c *Config) load(at simulate.Targets, span time.Duration) simulate.LoadConfig {
	l := simulate.DefaultLoad()
	l.Targets, l.Tenant, l.BHCC, l.Agents, l.Span = at, c.Tenant, c.BHCC, c.Screens, span
	l.Known = max(c.Screens, manyAgents)
	return l
}

// manyAgents are made known by a job, so the downstream hears of them too.
const manyAgents = 51
