package bulk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/busyhour/internal/bench"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
	"github.com/busyhour/busyhour/services/busyhour/internal/plan"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// Run measures. What the checks found is in the result; the error is about what could not be measured.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	t := &trial{cfg: &cfg, kafka: eventlog.Config{Brokers: cfg.Servers.Kafka, ClientID: "bench"}, result: &Result{
		At: time.Now().UTC(), Machine: bench.ThisMachine(), Copies: cfg.Copies, Agents: cfg.Agents, Phases: cfg.phases(),
		Places: cfg.Copies * places(cfg.Concurrency), Concurrency: cfg.Concurrency, TimeoutS: cfg.Timeout.Seconds(), Rate: cfg.Rate,
	}}
	for i := range cfg.Agents {
		t.crew = append(t.crew, member(fmt.Sprintf("crew-%05d", i+1), i))
	}
	err := t.ours(ctx)
	if err == nil && cfg.Blocking {
		t.result.Blocking, err = block(ctx, &cfg, t.kafka, t.crew)
	}
	if err != nil {
		return nil, fmt.Errorf("%w\nthe logs are in %s", err, cfg.Dir)
	}
	return t.result, bench.Save(cfg.Out, t.result)
}

// trial is one measurement under way.
type trial struct {
	cfg     *Config
	kafka   eventlog.Config
	fleet   *fleet.Fleet
	stub    *stub
	clients *simulate.Clients
	cards   *cards
	crew    []*provisioningv1.Agent
	urgent  *urgent
	// jobs that were asked for here.
	jobs   []*provisioningv1.Job
	calls  Calls
	result *Result
}

// ours measures provisioning.
func (t *trial) ours(ctx context.Context) (err error) {
	if err := plan.Apply(ctx, io.Discard, t.kafka, topics.Plan(), 1); err != nil {
		return err
	}
	if t.stub, err = startStub(ctx, t.cfg.Bin, t.cfg.Dir, "stub"); err != nil {
		return err
	}
	defer func() { _ = t.stub.Kill() }()
	t.cfg.Say("starting %d processes of each service", t.cfg.Copies)
	t.fleet, err = fleet.New(fleet.Config{
		Bin: t.cfg.Bin, Dir: t.cfg.Dir, Servers: t.cfg.Servers, Tenants: []string{t.cfg.Tenant}, Copies: t.cfg.Copies,
		Set: map[string]map[string]any{fleet.Provisioning: t.cfg.provisioning(t.stub.url)},
	})
	if err != nil {
		return err
	}
	defer t.fleet.Kill()
	if err := t.fleet.Start(ctx); err != nil {
		return err
	}
	t.clients, t.cards = t.fleet.Targets().Dial(), newCards()
	defer t.clients.Close()
	for _, step := range []func(context.Context) error{t.before, t.during, t.again, t.check} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return t.fleet.Stop()
}

// before the job: the queue of its agents, and calls alone.
func (t *trial) before(ctx context.Context) (err error) {
	if err := t.stub.behave(ctx, t.result.Phases[0].Behaviour); err != nil {
		return err
	}
	if _, err := t.clients.Ensure(ctx, simulate.People{Tenant: t.cfg.Tenant, Queues: []*provisioningv1.Queue{crewQueue()}}); err != nil {
		return err
	}
	if t.cfg.BHCC == 0 {
		return nil
	}
	t.cfg.Say("%g calls an hour for %s, without a job", t.cfg.BHCC, t.cfg.Baseline)
	t.calls.Before, err = simulate.Run(ctx, t.cfg.load(t.fleet.Targets(), t.cfg.Baseline))
	return err
}

// during the job: calls, urgent changes, phases and deaths.
func (t *trial) during(ctx context.Context) error {
	if t.cfg.BHCC == 0 {
		return t.job(ctx)
	}
	placing, enough := context.WithCancel(ctx)
	defer enough()
	load := t.cfg.load(t.fleet.Targets(), t.cfg.Limit)
	t.cards.watch(&load)
	began := make(chan struct{})
	load.Began = func() { close(began) }
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		t.calls.During, err = simulate.Run(placing, load)
		return err
	})
	both.Go(func() error {
		defer enough()
		select {
		case <-began:
			return t.job(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	err := both.Wait()
	if err == nil {
		t.result.Calls = &t.calls
		before, during := t.calls.Before.Latency.Card, t.calls.During.Latency.Card
		t.calls.P50, t.calls.P99 = over(during.P50, before.P50), over(during.P99, before.P99)
	}
	return err
}

// job of the crew, to its end.
func (t *trial) job(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Limit)
	defer cancel()
	rdb := redis.NewClient(&redis.Options{Addr: t.cfg.Servers.Redis[0], DB: t.cfg.Servers.RedisDB})
	defer rdb.Close()
	t.urgent = &urgent{cfg: t.cfg, clients: t.clients, phase: t.cards.now}
	c := &course{
		cfg: t.cfg, fleet: t.fleet, stub: t.stub, clients: t.clients, phases: t.result.Phases, cards: t.cards, urgent: t.urgent,
		cpu: newCPU(t.fleet, t.stub, t.cfg.Stack), stranded: &stranded{redis: rdb, tenant: t.cfg.Tenant, dead: map[string]bool{}},
	}
	if err := c.enter(ctx, t.cfg.Agents); err != nil {
		return err
	}
	asking, enough := context.WithCancel(ctx)
	defer enough()
	var both errgroup.Group
	both.Go(func() error { t.urgent.run(asking); return nil })
	both.Go(func() error {
		defer enough()
		return t.lead(ctx, c)
	})
	return both.Wait()
}

// lead the job through its course.
func (t *trial) lead(ctx context.Context, c *course) error {
	c.began = time.Now()
	job, err := t.clients.CreateJob(ctx, &provisioningv1.CreateJobRequest{
		Tenant: t.cfg.Tenant, RequestId: "crew", Items: items(t.crew), Actor: "bench", Priority: provisioningv1.Priority_PRIORITY_BULK,
	})
	if err != nil {
		return fmt.Errorf("create the job: %w", err)
	}
	t.result.AcceptedS = time.Since(c.began).Seconds()
	t.cfg.Say("job %s of %d items is accepted after %.2f s", job.Id, job.Total, t.result.AcceptedS)
	c.job, t.jobs = job.Id, append(t.jobs, job)
	if err := c.run(ctx); err != nil {
		return err
	}
	r := t.result
	r.AllInS, r.EndedS, r.Stretches, r.Lag = c.AllIn.Seconds(), time.Since(c.began).Seconds(), c.Stretches, c.lags.sum()
	t.cfg.Say("the job has ended after %.1f s", r.EndedS)
	return nil
}

// again asks for what failed while the downstream misbehaved, until nothing fails.
func (t *trial) again(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Limit)
	defer cancel()
	t.result.Urgent = t.urgent.rows(t.result.Phases)
	for _, p := range t.urgent.probes {
		if p.job != "" {
			t.jobs = append(t.jobs, &provisioningv1.Job{Id: p.job})
		}
	}
	for i := 0; i < len(t.jobs); i++ {
		job, err := t.ended(ctx, t.jobs[i].Id)
		if err != nil {
			return err
		}
		t.jobs[i] = job
		t.count(job)
		if job.Failed == 0 {
			continue
		}
		next, err := t.clients.RetryJob(ctx, &provisioningv1.RetryJobRequest{Tenant: t.cfg.Tenant, Id: job.Id, RequestId: "again-" + job.Id, Actor: "bench"})
		if err != nil {
			return fmt.Errorf("retry job %s: %w", job.Id, err)
		}
		t.jobs = append(t.jobs, next)
	}
	return nil
}

func (t *trial) count(job *provisioningv1.Job) {
	if job.RetryOf == "" {
		t.result.Failed += int(job.Failed)
		return
	}
	t.result.Retries = append(t.result.Retries, Retry{Of: job.RetryOf, Items: int(job.Total), Failed: int(job.Failed)})
}

// ended waits for a job's end.
func (t *trial) ended(ctx context.Context, id string) (*provisioningv1.Job, error) {
	for {
		job, verified, err := t.clients.Job(ctx, t.cfg.Tenant, id)
		if err != nil || verified && job.Pending == 0 {
			return job, err
		}
		if err := simulate.Wait(ctx, sampleEvery); err != nil {
			return nil, errors.Join(fmt.Errorf("job %s: %d of %d items have not ended", id, job.Pending, job.Total), err)
		}
	}
}
