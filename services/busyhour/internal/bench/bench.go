// Package bench measures Busyhour on real servers: real processes, real Kafka, Redis and NATS, the load of a busy hour,
// and in the same run the floor under it, so that every figure is also a ratio that another machine can be compared by.
package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
	"github.com/busyhour/busyhour/services/busyhour/internal/plan"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// Config of a benchmark.
type Config struct {
	Servers fleet.Servers
	// Bin has the binaries of the services; Dir gets their logs; Stack is where scripts/stack keeps its pid files.
	Bin, Dir, Stack string
	Copies          int
	Load            simulate.LoadConfig
	// Floor is how long the floor is measured, before and after.
	Floor time.Duration
	// Out is the file for the result.
	Out string
	Say func(format string, args ...any)
}

// Result of a benchmark.
type Result struct {
	At      time.Time        `json:"at"`
	Machine Machine          `json:"machine"`
	Copies  int              `json:"processes_of_each_service"`
	Floor   Floors           `json:"floor"`
	Report  *simulate.Report `json:"report"`
	Ratios  Ratios           `json:"ratio_to_floor"`
	// Conflicts are tries of a commit that met somebody else's change, by service and kind of record.
	Conflicts map[string]map[string]float64 `json:"conflicts"`
	// CPU seconds while calls came in.
	CPU map[string]float64 `json:"cpu_seconds"`
}

// Machine is what it ran on.
type Machine struct {
	CPUs int    `json:"cpus"`
	OS   string `json:"os"`
	Arch string `json:"arch"`
	Go   string `json:"go"`
}

// ThisMachine is the one that we run on.
func ThisMachine() Machine {
	return Machine{runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()}
}

// Floors are measured with nothing else going on, before and after, and beside the load.
type Floors struct {
	Before simulate.Latency `json:"before"`
	During simulate.Latency `json:"during"`
	After  simulate.Latency `json:"after"`
}

// Ratios to the floor, by p50 and p99: of the mean of before and after, and of during.
type Ratios struct {
	Card Ratio `json:"signal_to_card"`
	Ack  Ratio `json:"signal_to_durable_ack"`
}

// Ratio of a latency to the floor.
type Ratio struct {
	P50       float64 `json:"p50"`
	P99       float64 `json:"p99"`
	P50During float64 `json:"p50_during"`
	P99During float64 `json:"p99_during"`
}

// Run measures. What the audit found is in the result; the error is about what could not be measured.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	kafka := eventlog.Config{Brokers: cfg.Servers.Kafka, ClientID: "bench"}
	if err := plan.Apply(ctx, io.Discard, kafka, topics.Plan(), 1); err != nil {
		return nil, err
	}
	ground, err := openFloor(ctx, cfg.Servers)
	if err != nil {
		return nil, err
	}
	defer ground.close(context.WithoutCancel(ctx))

	cfg.Say("measuring the floor for %s", cfg.Floor)
	r := &Result{At: time.Now().UTC(), Copies: cfg.Copies, Machine: ThisMachine()}
	r.Floor.Before = ground.run(ctx, cfg.Load.BHCC, cfg.Floor, 1)

	cfg.Say("starting %d processes of each service", cfg.Copies)
	f, err := fleet.New(fleet.Config{Bin: cfg.Bin, Dir: cfg.Dir, Servers: cfg.Servers, Tenants: []string{cfg.Load.Tenant}, Copies: cfg.Copies})
	if err != nil {
		return nil, err
	}
	defer f.Kill()
	if err := f.Start(ctx); err != nil {
		return nil, err
	}
	if err := r.load(ctx, cfg, f, ground); err != nil {
		return nil, fmt.Errorf("%w\nthe logs are in %s", err, cfg.Dir)
	}
	if err := f.Stop(); err != nil {
		return nil, err
	}
	if ctx.Err() == nil {
		cfg.Say("measuring the floor again")
		r.Floor.After = ground.run(ctx, cfg.Load.BHCC, cfg.Floor, 3)
	}
	r.Ratios = r.ratios()
	return r, Save(cfg.Out, r)
}

// load plays the busy hour, with the floor measured beside it, and counts what it cost.
func (r *Result) load(ctx context.Context, cfg Config, f *fleet.Fleet, ground *floor) error {
	load := cfg.Load
	load.Targets = f.Targets()
	meter := newMeter(f, cfg.Stack)
	beside, stop := context.WithCancel(ctx)
	defer stop()
	floored := make(chan simulate.Latency, 1)
	load.Began = func() {
		cfg.Say("%d agents are at their screens; %g calls an hour for %s", load.Agents, load.BHCC, load.Span)
		meter.start(ctx)
		go func() { floored <- ground.run(beside, load.BHCC, load.Span, 2) }()
	}
	load.Ended = func() {
		stop()
		meter.stop(context.WithoutCancel(ctx))
		r.Floor.During = <-floored
		cfg.Say("the last calls end, then the audit")
	}
	cfg.Say("making %d agents known", max(load.Known, load.Agents))
	report, err := simulate.Run(ctx, load)
	if err != nil {
		return err
	}
	r.Report, r.Conflicts, r.CPU = report, meter.conflicts, meter.cpu
	return meter.err()
}

func (r *Result) ratios() Ratios {
	still := func(pick func(simulate.Latency) float64) float64 {
		if r.Floor.After.Count == 0 {
			return pick(r.Floor.Before)
		}
		return (pick(r.Floor.Before) + pick(r.Floor.After)) / 2
	}
	p50 := func(l simulate.Latency) float64 { return l.P50 }
	p99 := func(l simulate.Latency) float64 { return l.P99 }
	of := func(l simulate.Latency) Ratio {
		return Ratio{
			P50: over(l.P50, still(p50)), P99: over(l.P99, still(p99)),
			P50During: over(l.P50, r.Floor.During.P50), P99During: over(l.P99, r.Floor.During.P99),
		}
	}
	return Ratios{Card: of(r.Report.Latency.Card), Ack: of(r.Report.Latency.Ack)}
}

func over(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return float64(int(a/b*100)) / 100
}

// Save writes a result as JSON, for programs to read; nowhere if path is empty.
func Save(path string, result any) error {
	if path == "" {
		return nil
	}
	b, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, append(b, '\n'), 0o644))
}
