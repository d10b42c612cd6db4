package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
	"github.com/busyhour/busyhour/services/busyhour/internal/plan"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// RolloutConfig of a measurement of what rollouts and scaling cost call-routing.signals, partition by partition.
type RolloutConfig struct {
	Servers  fleet.Servers
	Bin, Dir string
	Tenant   string
	// Rate of signals that each partition gets, a second: a pause is measured to within the time between two.
	Rate float64
	// Settle is how long signals come in after each step before the next.
	Settle time.Duration
	// Grow is how many partitions the events topic grows to in the last step; 0: it does not.
	Grow int32
	Out  string
	Say  func(format string, args ...any)
}

// RolloutResult is what each step cost.
type RolloutResult struct {
	Machine Machine       `json:"machine"`
	Rate    float64       `json:"signals_per_s_and_partition"`
	Steps   []RolloutStep `json:"steps"`
	Signals int           `json:"signals"`
	// Lost signals have no event, Twice were handled under two revisions.
	Lost  int `json:"lost"`
	Twice int `json:"handled_twice"`
	// Repeated events were published more than once under the same revision; the contract allows it.
	Repeated int `json:"repeated_events"`
}

// RolloutStep is one change of the pods.
type RolloutStep struct {
	Name  string      `json:"name"`
	Took  float64     `json:"took_ms"`
	Moved []Partition `json:"moved"`
	Kept  []Partition `json:"kept"`
	// P50 and P99 are those of all signals of the step.
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`

	began, ended time.Time
	before       map[int32]string
	touched      string // the pod that was stopped
}

// Partition is how long its oldest signal waited in a step.
type Partition struct {
	Number int32   `json:"partition"`
	Pause  float64 `json:"pause_ms"`
}

// Clean says that nothing was lost and nothing handled twice.
func (r *RolloutResult) Clean() bool { return r.Lost == 0 && r.Twice == 0 }

const (
	rolloutQueue = "rollout"
	rolloutLast  = time.Minute // for the last signals to be handled
)

type rollout struct {
	cfg     RolloutConfig
	kafka   eventlog.Config
	fleet   *fleet.Fleet
	signals *signals
	result  *RolloutResult
}

// Rollout rolls and scales the pods of call-routing while signals come in by Kafka, and measures for each partition how long
// they waited.
func Rollout(ctx context.Context, cfg RolloutConfig) (*RolloutResult, error) {
	r := &rollout{
		cfg: cfg, kafka: eventlog.Config{Brokers: cfg.Servers.Kafka, ClientID: "bench"},
		result: &RolloutResult{Machine: ThisMachine(), Rate: cfg.Rate},
	}
	if err := plan.Apply(ctx, io.Discard, r.kafka, topics.Plan(), 1); err != nil {
		return nil, err
	}
	var err error
	r.fleet, err = fleet.New(fleet.Config{Bin: cfg.Bin, Dir: cfg.Dir, Servers: cfg.Servers, Tenants: []string{cfg.Tenant}, Copies: 3})
	if err != nil {
		return nil, err
	}
	defer r.fleet.Kill()
	if err := r.run(ctx); err != nil {
		return nil, fmt.Errorf("%w\nthe logs are in %s", err, cfg.Dir)
	}
	return r.result, Save(cfg.Out, r.result)
}

func (r *rollout) run(ctx context.Context) error {
	pods := r.fleet.Of(fleet.Routing)
	for _, p := range []*fleet.Process{r.fleet.Of(fleet.Provisioning)[0], r.fleet.Of(fleet.Presence)[0], pods[0], pods[1]} {
		if err := errors.Join(p.Start(), p.Ready(ctx)); err != nil {
			return err
		}
	}
	if err := r.people(ctx); err != nil {
		return err
	}
	var err error
	if r.signals, err = openSignals(r.kafka, r.cfg); err != nil {
		return err
	}
	if err := r.settled(ctx, 2); err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	var feeding sync.WaitGroup
	feeding.Go(func() { r.signals.feed(running) })
	err = r.steps(ctx, pods)
	stop()
	feeding.Wait()
	if err = errors.Join(err, r.signals.close()); err != nil {
		return err
	}
	r.cfg.Say("looking what became of %d signals", len(r.signals.sent))
	return r.judge(ctx)
}

func (r *rollout) steps(ctx context.Context, pods []*fleet.Process) error {
	restart := func(p *fleet.Process) func() error {
		return func() error { return errors.Join(p.Stop(), p.Start(), p.Ready(ctx)) }
	}
	steps := []struct {
		name    string
		touched *fleet.Process
		pods    int
		do      func() error
	}{
		{"nothing", nil, 2, func() error { return nil }},
		{"restart of the first of 2", pods[0], 2, restart(pods[0])},
		{"restart of the second of 2", pods[1], 2, restart(pods[1])},
		{"from 2 to 3", nil, 3, func() error { return errors.Join(pods[2].Start(), pods[2].Ready(ctx)) }},
		{"from 3 to 2", pods[2], 2, pods[2].Stop},
		{fmt.Sprintf("contact-events from 12 to %d", r.cfg.Grow), nil, 2, func() error {
			return plan.Grow(ctx, io.Discard, r.kafka, plan.Growth{Topic: topics.ContactEvents, To: r.cfg.Grow})
		}},
	}
	if r.cfg.Grow == 0 {
		steps = steps[:len(steps)-1]
	}
	for _, s := range steps {
		r.cfg.Say("%s", s.name)
		step := RolloutStep{Name: s.name, began: time.Now(), before: r.owners(ctx)}
		if s.touched != nil {
			step.touched = s.touched.Name
		}
		if err := s.do(); err != nil {
			return err
		}
		step.Took = ms(time.Since(step.began))
		if err := r.settled(ctx, s.pods); err != nil {
			return err
		}
		select {
		case <-time.After(r.cfg.Settle):
		case <-ctx.Done():
			return ctx.Err()
		}
		step.ended = time.Now()
		for partition, owner := range r.owners(ctx) {
			if before := step.before[partition]; before != owner || before == step.touched {
				step.Moved = append(step.Moved, Partition{Number: partition})
			} else {
				step.Kept = append(step.Kept, Partition{Number: partition})
			}
		}
		r.result.Steps = append(r.result.Steps, step)
	}
	return nil
}

// owners are the pods that have the partitions of the signals now.
func (r *rollout) owners(ctx context.Context) map[int32]string {
	owners := map[int32]string{}
	for _, p := range r.fleet.Of(fleet.Routing) {
		soon, cancel := context.WithTimeout(ctx, 2*time.Second)
		samples, _ := p.Samples(soon, map[string]bool{"busyhour_consumer_lag_records": true}) // one that does not run has none
		cancel()
		for _, s := range samples {
			var partition int32
			if n, _ := fmt.Sscan(s.Labels["partition"], &partition); n == 1 && s.Labels["topic"] == topics.Signals {
				owners[partition] = p.Name
			}
		}
	}
	return owners
}

// settled waits until every partition has an owner, and so many pods have some.
func (r *rollout) settled(ctx context.Context, pods int) error {
	ctx, cancel := context.WithTimeout(ctx, rolloutLast)
	defer cancel()
	for {
		owners := r.owners(ctx)
		have := map[string]bool{}
		for _, pod := range owners {
			have[pod] = true
		}
		if len(owners) == r.signals.partitions() && len(have) == pods {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%d partitions have an owner and %d pods have some, %d pods should: %w", len(owners), len(have), pods, ctx.Err())
		}
	}
}

// people is a queue without agents: a call waits until its customer leaves.
func (r *rollout) people(ctx context.Context) error {
	t := r.fleet.Targets()
	clients := simulate.Targets{Routing: t.Routing[:1], Presence: t.Presence[:1], Provisioning: t.Provisioning[:1]}.Dial()
	defer clients.Close()
	_, err := clients.Ensure(ctx, simulate.People{Tenant: r.cfg.Tenant, Queues: []*provisioningv1.Queue{{
		Id: rolloutQueue, Name: "Rollout", Channel: commonv1.Channel_CHANNEL_VOICE,
		RequiredSkills: []*commonv1.Skill{{Name: rolloutQueue, Level: 10}},
		OfferTimeout:   durationpb.New(10 * time.Second), WrapUpLimit: durationpb.New(10 * time.Second),
		MaxWait: durationpb.New(time.Hour), ServiceLevelTarget: durationpb.New(20 * time.Second), RetryAfter: durationpb.New(time.Second),
	}}})
	return err
}

// judge reads the events and says of every signal when it was handled, and whether twice.
func (r *rollout) judge(ctx context.Context) error {
	handled, err := r.handled(ctx)
	if err != nil {
		return err
	}
	r.result.Signals = len(r.signals.sent)
	for i := range r.result.Steps {
		r.result.Steps[i].measure(r.signals.sent, handled)
	}
	for key := range r.signals.sent {
		h := handled[key]
		switch {
		case h == nil:
			r.result.Lost++
		case len(h.revisions) > 1:
			r.result.Twice++
		}
		if h != nil {
			r.result.Repeated += h.events - len(h.revisions)
		}
	}
	return nil
}

func (s *RolloutStep) measure(sent map[signalKey]sent, handled map[signalKey]*handled) {
	worst := map[int32]float64{}
	var all []float64
	for key, signal := range sent {
		h := handled[key]
		if h == nil || signal.due.Before(s.began) || signal.due.After(s.ended) {
			continue
		}
		waited := ms(h.at.Sub(signal.due))
		all = append(all, waited)
		worst[signal.partition] = max(worst[signal.partition], waited)
	}
	slices.Sort(all)
	if n := len(all); n > 0 {
		s.P50, s.P99 = all[n/2], all[n*99/100]
	}
	for _, list := range [][]Partition{s.Moved, s.Kept} {
		for i := range list {
			list[i].Pause = worst[list[i].Number]
		}
		slices.SortFunc(list, func(a, b Partition) int { return int(a.Number - b.Number) })
	}
}

// Write prints the result for people.
func (r *RolloutResult) Write(w io.Writer) {
	fmt.Fprintf(w, "On %d CPUs, %g signals a second to each of the partitions of %s, by Kafka. Pause: how long the oldest signal of a partition\nwaited for its event, in ms.\n\n", r.Machine.CPUs, r.Rate, topics.Signals)
	t := tabwriter.NewWriter(w, 2, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STEP\tTOOK\tMOVED\tPAUSE OF THE MOVED: LEAST, MEDIAN, MOST\tKEPT\tPAUSE OF THE KEPT: LEAST, MEDIAN, MOST\tSIGNALS P50, P99")
	for _, s := range r.Steps {
		fmt.Fprintf(t, "%s\t%.0f\t%d\t%s\t%d\t%s\t%.1f, %.1f\n", s.Name, s.Took, len(s.Moved), pauses(s.Moved), len(s.Kept), pauses(s.Kept), s.P50, s.P99)
	}
	_ = t.Flush()
	fmt.Fprintf(w, "\n%d signals, %d lost, %d handled twice; %d events repeated.\n", r.Signals, r.Lost, r.Twice, r.Repeated)
}

func pauses(of []Partition) string {
	if len(of) == 0 {
		return "–"
	}
	all := map[int32]float64{}
	for _, p := range of {
		all[p.Number] = p.Pause
	}
	sorted := slices.Sorted(maps.Values(all))
	return fmt.Sprintf("%.0f, %.0f, %.0f", sorted[0], sorted[len(sorted)/2], sorted[len(sorted)-1])
}
