package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
	"github.com/busyhour/busyhour/services/busyhour/internal/plan"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// StartConfig of a measurement of starts and rebuilds. Redis is flushed: nobody else may use it.
type StartConfig struct {
	Servers  fleet.Servers
	Bin, Dir string
	Tenant   string
	// Past is what the log has behind it; Starts is how often the services are started.
	Past   Past
	Starts int
	// BHCC that come in while Redis is flushed; zero: it is flushed while nothing happens.
	BHCC float64
	Say  func(format string, args ...any)
}

// StartResult is how long it took.
type StartResult struct {
	Machine Machine `json:"machine"`
	Past    Past    `json:"past"`
	BHCC    float64 `json:"bhcc"`
	// Ready is from the start of a process to its readiness, in ms, by service: Redis is verified.
	Ready map[string][]float64 `json:"ready_ms"`
	// Open is from a flush of Redis to the open gate, in ms, by service.
	Open map[string]float64 `json:"open_ms"`
	// Phases are the steps of those recoveries, in order.
	Phases map[string][]Step `json:"phases"`
}

// Step is a phase of a recovery: when it began, and what was read and built by then.
type Step struct {
	Phase  string  `json:"phase"`
	After  float64 `json:"after"` // seconds
	Events int64   `json:"events"`
	Built  int64   `json:"built"`
}

// Start measures starts and rebuilds behind a long log.
func Start(ctx context.Context, cfg StartConfig) (*StartResult, error) {
	kafka := eventlog.Config{Brokers: cfg.Servers.Kafka, ClientID: "bench"}
	if err := plan.Apply(ctx, io.Discard, kafka, topics.Plan(), 1); err != nil {
		return nil, err
	}
	f, err := fleet.New(fleet.Config{Bin: cfg.Bin, Dir: cfg.Dir, Servers: cfg.Servers, Tenants: []string{cfg.Tenant}, Copies: 1})
	if err != nil {
		return nil, err
	}
	defer f.Kill()
	if err := f.Start(ctx); err != nil {
		return nil, err
	}
	rdb := redis.NewClient(&redis.Options{Addr: cfg.Servers.Redis[0], DB: cfg.Servers.RedisDB})
	defer rdb.Close()
	s := &starter{cfg: cfg, fleet: f, redis: rdb, result: &StartResult{
		Machine: ThisMachine(), Past: cfg.Past, BHCC: cfg.BHCC, Ready: map[string][]float64{}, Open: map[string]float64{}, Phases: map[string][]Step{},
	}}
	for _, step := range []func(context.Context) error{s.past(kafka), s.compacted, s.stored, s.flushedUnderLoad, s.started} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("%w\nthe logs are in %s", err, cfg.Dir)
		}
	}
	return s.result, f.Stop()
}

type starter struct {
	cfg    StartConfig
	fleet  *fleet.Fleet
	redis  *redis.Client
	result *StartResult
	before float64 // records that the compactors held before
}

func (s *starter) past(kafka eventlog.Config) func(context.Context) error {
	return func(ctx context.Context) error {
		began := time.Now()
		var err error
		if s.before, err = s.sum(ctx, "busyhour_compactor_records"); err != nil {
			return err
		}
		s.cfg.Say("writing %d events of contacts that are over, %d live contacts, %d stubs, %d agents", s.cfg.Past.Events, s.cfg.Past.Contacts, s.cfg.Past.Stubs, s.cfg.Past.Agents)
		epochs := map[string]uint32{}
		for _, service := range []string{fleet.Routing, fleet.Presence} {
			text, err := s.redis.HGet(ctx, commit.MarkKey(s.cfg.Tenant, service), "epoch").Result()
			if err != nil {
				return fmt.Errorf("the mark of %s: %w", service, err)
			}
			epoch, err := strconv.ParseUint(text, 10, 32)
			if err != nil {
				return fmt.Errorf("the mark of %s: %w", service, err)
			}
			epochs[service] = uint32(epoch)
		}
		if err := s.cfg.Past.write(ctx, kafka, s.cfg.Tenant, epochs[fleet.Routing], epochs[fleet.Presence]); err != nil {
			return err
		}
		s.cfg.Say("written in %s", time.Since(began).Round(time.Second))
		return nil
	}
}

// compacted waits until the compactors have dealt with the past, and forgotten what of it is over.
func (s *starter) compacted(ctx context.Context) error {
	began, told := time.Now(), time.Now()
	left := s.before + float64(s.cfg.Past.Contacts+s.cfg.Past.Stubs+s.cfg.Past.Agents)
	for {
		behind, err := s.sum(ctx, "busyhour_compactor_lag_events")
		if err != nil {
			return err
		}
		records, err := s.sum(ctx, "busyhour_compactor_records")
		if err != nil {
			return err
		}
		if behind == 0 && records <= left {
			s.cfg.Say("compacted after another %s", time.Since(began).Round(time.Second))
			return nil
		}
		if time.Since(told) > 30*time.Second {
			told = time.Now()
			s.cfg.Say("the compactors are %.0f events behind and hold %.0f records", behind, records)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sum adds up a metric of the services whose past is written.
func (s *starter) sum(ctx context.Context, metric string) (sum float64, err error) {
	for _, service := range []string{fleet.Routing, fleet.Presence} {
		by, err := s.fleet.Of(service)[0].Metric(ctx, metric, "")
		if err != nil {
			return 0, err
		}
		sum += by[""]
	}
	return sum, nil
}

// stored brings the past into Redis: a first rebuild, which nobody measures.
func (s *starter) stored(ctx context.Context) error {
	defer func() { s.result.Open, s.result.Phases = map[string]float64{}, map[string][]Step{} }()
	return s.flushed(ctx)
}

// flushedUnderLoad empties Redis in the middle of some calls.
func (s *starter) flushedUnderLoad(ctx context.Context) error {
	if s.cfg.BHCC == 0 {
		return s.flushed(ctx)
	}
	load := simulate.DefaultLoad()
	load.Targets, load.Tenant, load.BHCC, load.Agents, load.Span = s.fleet.Targets(), s.cfg.Tenant, s.cfg.BHCC, 100, 10*time.Second
	began := make(chan struct{})
	load.Began = sync.OnceFunc(func() { close(began) })
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error {
		report, err := simulate.Run(ctx, load)
		if err == nil && report.Audit.Found > 0 {
			err = fmt.Errorf("%d findings of the load beside the flush, the first: %s", report.Audit.Found, report.Audit.First[0])
		}
		return err
	})
	both.Go(func() error {
		select {
		case <-began:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case <-time.After(load.Span / 2):
			return s.flushed(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return both.Wait()
}

// flushed empties Redis and waits until both services are open again.
func (s *starter) flushed(ctx context.Context) error {
	s.cfg.Say("flushing Redis")
	before := map[string]int{}
	for _, service := range []string{fleet.Routing, fleet.Presence} {
		steps, err := s.steps(service)
		if err != nil {
			return err
		}
		before[service] = len(steps)
	}
	began := time.Now()
	if err := s.redis.FlushDB(ctx).Err(); err != nil {
		return err
	}
	for len(s.result.Open) < 2 {
		for service := range before {
			open, err := s.redis.HGet(ctx, commit.MarkKey(s.cfg.Tenant, service), "open").Result()
			if err != nil && !errors.Is(err, redis.Nil) {
				return err
			}
			if _, known := s.result.Open[service]; open == "1" && !known {
				s.result.Open[service] = ms(time.Since(began))
			}
		}
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for service, n := range before {
		steps, err := s.opened(ctx, service, n)
		if err != nil {
			return err
		}
		s.result.Phases[service] = steps
	}
	return nil
}

// opened waits for the last line of a recovery: it is written when the old namespace is gone.
func (s *starter) opened(ctx context.Context, service string, before int) ([]Step, error) {
	for {
		steps, err := s.steps(service)
		if err != nil {
			return nil, err
		}
		if n := len(steps); n > before && steps[n-1].Phase == "open" {
			return steps[before:], nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// steps are the recovery's lines in a service's log.
func (s *starter) steps(service string) ([]Step, error) {
	log, err := os.Open(s.fleet.Of(service)[0].Log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	var steps []Step
	for lines := bufio.NewScanner(log); lines.Scan(); {
		var line struct {
			Step
			Msg string `json:"msg"`
		}
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "recovery" {
			steps = append(steps, line.Step)
		}
	}
	return steps, nil
}

// started stops and starts each service some times.
func (s *starter) started(ctx context.Context) error {
	for range s.cfg.Starts {
		for _, p := range s.fleet.All() {
			if err := p.Stop(); err != nil {
				return err
			}
			began := time.Now()
			if err := p.Start(); err != nil {
				return err
			}
			if err := p.Ready(ctx); err != nil {
				return err
			}
			s.result.Ready[p.Service] = append(s.result.Ready[p.Service], ms(time.Since(began)))
		}
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Write prints the result for people.
func (r *StartResult) Write(w io.Writer) {
	fmt.Fprintf(w, "On %d CPUs, with %d events, %d live contacts, %d stubs and %d agents in the log, and %g calls an hour during the flush:\n\n",
		r.Machine.CPUs, r.Past.Events, r.Past.Contacts, r.Past.Stubs, r.Past.Agents, r.BHCC)
	t := tabwriter.NewWriter(w, 2, 0, 2, ' ', 0)
	for _, service := range []string{fleet.Provisioning, fleet.Routing, fleet.Presence} {
		fmt.Fprintf(t, "%s\tstart to ready, ms\t%.0f\n", service, r.Ready[service])
	}
	for _, service := range []string{fleet.Routing, fleet.Presence} {
		fmt.Fprintf(t, "%s\tflush to open, ms\t%.0f\n", service, r.Open[service])
		for _, step := range r.Phases[service] {
			fmt.Fprintf(t, "\t  %s after ms\t%.0f\t%d read, %d built\n", step.Phase, step.After*1000, step.Events, step.Built)
		}
	}
	_ = t.Flush()
}
