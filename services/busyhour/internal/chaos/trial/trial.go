// Package trial is one fault run from the first process to the verdict: a stage, a load on it, a nemesis, then quiet, and
// the question whether the state has lied.
package trial

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/check"
	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/nemesis"
	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/stage"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// Config of a run.
type Config struct {
	Seed uint64
	// Span is how long calls come in; faults end somewhat earlier.
	Span time.Duration
	// Layout of Redis; empty: the seed chooses.
	Layout stage.Layout
	// Only these kinds of faults, if any are named.
	Only []string
	// Dir gets logs, data and the history.
	Dir string
	// Bin has the services' binaries, Skewed those with a clock that can be set; empty: no skewed clocks.
	Bin, Skewed         string
	KafkaLibs, KafkaLog string
	// BHCC and Agents of each tenant.
	BHCC   float64
	Agents int
	Say    func(format string, args ...any)
}

// Tenants of every run. Their hash tags fall on different primaries of a Cluster.
var tenants = []string{"acme", "globex"}

const (
	copies  = 2
	healing = 10 * time.Second // of the span without faults, at its end
	patient = 90 * time.Second // with the last calls, cards and acknowledgements
)

// layout is the seed's choice, if nobody else has chosen.
func (c *Config) layout() stage.Layout {
	if c.Layout != "" {
		return c.Layout
	}
	return []stage.Layout{stage.Cluster, stage.Sentinel}[c.Seed%2]
}

// trial is one under way.
type trial struct {
	cfg     Config
	stage   *stage.Stage
	nemesis *nemesis.Nemesis
	began   time.Time
	history *history.Recorder
	journal *journal
	meter   *meter
	people  map[string]*people // by tenant

	mu     sync.Mutex // guards the report
	report *Report
}

// Run breaks things for the span and reports. The error is about a run that could not be; what was found is in the
// report.
func Run(ctx context.Context, cfg Config) (report *Report, err error) {
	if err := os.RemoveAll(cfg.Dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, err
	}
	file, err := os.Create(filepath.Join(cfg.Dir, "history.jsonl"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	t := &trial{cfg: cfg, report: newReport(cfg), began: time.Now(), people: map[string]*people{}}
	t.history = history.NewRecorder(file, history.Run{Began: t.began, Seed: cfg.Seed})
	if err := t.run(ctx); err != nil {
		return nil, err
	}
	if err := errors.Join(t.history.Close(), file.Close()); err != nil {
		return nil, err
	}
	if err := t.judge(file.Name()); err != nil {
		return nil, err
	}
	if t.report.Clean() { // else they may tell something
		err = os.RemoveAll(filepath.Join(cfg.Dir, "data"))
	}
	return t.report, errors.Join(err, t.report.save(filepath.Join(cfg.Dir, "report.json")))
}

// run is everything that needs processes.
func (t *trial) run(ctx context.Context) (err error) {
	t.cfg.Say("starting servers and services: Redis as %s", t.cfg.layout())
	t.stage, err = stage.New(ctx, stage.Config{
		Dir: t.cfg.Dir, Bin: t.cfg.Bin, Skewed: t.cfg.Skewed, KafkaLibs: t.cfg.KafkaLibs, KafkaLog: t.cfg.KafkaLog,
		Redis: t.cfg.layout(), Tenants: tenants, Copies: copies,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.stage.Close()) }()
	if err := t.stage.Start(ctx); err != nil {
		return err
	}
	t.nemesis = nemesis.New(t.stage, t.cfg.Say)
	t.nemesis.Tell = t.fault
	t.journal, t.meter = newJournal(t.stage, t.history, t.began), newMeter(t.history)

	beside, stop := context.WithCancel(ctx)
	var parts sync.WaitGroup
	parts.Go(func() { t.supervise(beside) })
	parts.Go(func() { t.meter.run(beside, t.stage.Fleet.All()) })
	parts.Go(func() { _ = t.journal.run(beside) })
	played := t.play(ctx)
	stop()
	parts.Wait()
	if played != nil {
		return played
	}
	return t.finish(ctx)
}

// play lets the load and the nemesis loose, and waits until all is mended and over.
func (t *trial) play(ctx context.Context) error {
	var began sync.WaitGroup
	began.Add(len(tenants))
	g, together := errgroup.WithContext(ctx)
	for i, tenant := range tenants {
		load := t.load(tenant, uint64(i))
		load.Began = began.Done
		g.Go(func() error { return t.simulate(together, load) })
	}
	g.Go(func() error {
		if err := waitFor(together, &began); err != nil {
			return err
		}
		return t.breakThings(together)
	})
	if err := g.Wait(); err != nil {
		return err
	}
	return t.becomeQuiet(ctx)
}

// becomeQuiet waits until every gate is open and nothing waits for Kafka any more.
func (t *trial) becomeQuiet(ctx context.Context) error {
	t.cfg.Say("the load is over")
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		if err := simulate.Wait(ctx, time.Second); err != nil {
			return err
		}
		if len(t.meter.unsettled()) == 0 {
			t.history.Record(history.Record{Quiet: &history.Quiet{}})
			return nil
		}
	}
	t.find("a minute after the end it is not quiet: " + strings.Join(t.meter.unsettled(), ", "))
	return nil
}

// finish writes down what Kafka and Redis hold at the end.
func (t *trial) finish(ctx context.Context) error {
	if err := t.journal.finish(ctx); err != nil {
		return err
	}
	for _, tenant := range tenants {
		primary, err := t.stage.Primary(ctx, tenant)
		if err != nil {
			return err
		}
		for _, service := range []string{fleet.Routing, fleet.Presence, fleet.Provisioning} {
			records, err := history.Dump(ctx, t.stage.Client(primary), tenant, service)
			if err != nil {
				return err
			}
			for _, r := range records {
				t.history.Record(r)
			}
		}
	}
	for _, p := range t.stage.Fleet.All() {
		if err := p.Stop(); err != nil {
			t.find(err.Error())
		}
	}
	t.report.Closures = closures(t.stage.Fleet.All(), t.began)
	return nil
}

// judge runs the checks over the history.
func (t *trial) judge(path string) error {
	t.cfg.Say("checking")
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h, err := history.Load(f)
	if err != nil {
		return err
	}
	t.audited(check.LostTogether(h))
	t.report.judged(check.All(h))
	t.cfg.Say("checked")
	return nil
}

// audited takes over what the simulator's audits found, but for two things. How many cards an agent may have the check of
// capacity judges, which knows whether they were given or told by a switch. And what was decided while Kafka was away is
// not promised to outlive Redis: a call whose answer is refused then, for nobody knows of its offer, ends otherwise.
func (t *trial) audited(together check.Together) {
	for _, tenant := range tenants {
		for _, f := range t.report.Load[tenant].Audit.First {
			switch {
			case strings.Contains(f, " voice cards at once"):
			case t.people[tenant].forgot(f, together):
				t.report.Unpromised++
			default:
				t.find("simulator: " + tenant + " " + f)
			}
		}
	}
}

// fault writes down the beginning or the end of one.
func (t *trial) fault(s nemesis.Struck, ended bool) {
	f := history.Fault{Did: history.Begun, ID: s.ID, Kind: s.Kind, Target: s.Target(), Note: s.Failed}
	if ended {
		f.Did = history.Ended
	}
	t.history.Record(history.Record{Fault: &f})
}

func (t *trial) find(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report.find(what)
}

// waitFor waits for the group, or for the end of ctx.
func waitFor(ctx context.Context, g *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() { g.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *trial) load(tenant string, n uint64) simulate.LoadConfig {
	load := simulate.DefaultLoad()
	load.Targets, load.Tenant, load.Span = t.stage.Fleet.Targets(), tenant, t.cfg.Span
	load.BHCC, load.Agents, load.Switches, load.Queues = t.cfg.BHCC, t.cfg.Agents, 2, 2
	load.Seed, load.Patient = t.cfg.Seed+n, patient
	t.people[tenant] = newPeople(tenant, t.history)
	load.Watch = t.people[tenant].watch()
	for i := range load.Agents {
		t.history.Record(history.Record{Agent: &history.Agent{Tenant: tenant, ID: load.AgentID(i), Capacity: map[string]int{"voice": 1}}})
	}
	return load
}

func (t *trial) simulate(ctx context.Context, load simulate.LoadConfig) error {
	report, err := simulate.Run(ctx, load)
	if err != nil {
		return fmt.Errorf("tenant %s: %w", load.Tenant, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report.Load[load.Tenant] = report
	return nil
}

// breakThings does the seed's faults and mends everything.
func (t *trial) breakThings(ctx context.Context) error {
	setting := nemesis.Setting{
		Layout: t.cfg.layout(), Services: []string{fleet.Routing, fleet.Presence, fleet.Provisioning},
		Pods: t.stage.Pods(), Tenants: tenants, Only: t.cfg.Only, Clocks: t.cfg.Skewed != "",
	}
	faults := nemesis.Plan(t.cfg.Seed, t.cfg.Span-healing, setting)
	t.cfg.Say("%d agents of %d tenants are at their screens; %d faults in %s", t.cfg.Agents*len(tenants), len(tenants), len(faults), t.cfg.Span)
	struck := t.nemesis.Run(ctx, faults)
	err := t.nemesis.Repair(context.WithoutCancel(ctx))
	t.cfg.Say("all is repaired")
	if err != nil {
		t.find("after the last fault: " + err.Error())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report.faults(struck)
	return nil
}

// supervise starts pods again that ended though nobody told them to, as an orchestrator does, and notes that they did.
func (t *trial) supervise(ctx context.Context) {
	for simulate.Wait(ctx, 200*time.Millisecond) == nil {
		for _, p := range t.stage.Fleet.All() {
			if t.nemesis.Holds(p.Name) || p.PID() != 0 || ctx.Err() != nil || t.nemesis.Holds(p.Name) {
				continue
			}
			// One that cannot start while Kafka or Redis is away ends, and is started until it can.
			if why := p.Tail(5); !strings.Contains(why, ": start: ") && !strings.Contains(why, "does not answer") {
				t.find(fmt.Sprintf("process: %s ended by itself:\n%s", p.Name, why))
			}
			t.cfg.Say("%s has ended, and is started again", p.Name)
			_ = p.Start()
		}
	}
}
