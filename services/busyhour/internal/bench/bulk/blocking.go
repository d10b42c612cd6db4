package bulk

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// Blocking is how the job would go with a consumer that makes the calls itself and waits: each partition has one call
// under way, and nothing of it moves until the downstream has answered. It is measured in each phase for a while.
type Blocking struct {
	Partitions int            `json:"partitions"`
	Phases     []BlockedPhase `json:"phases"`
	// WholeS is how long the job would take at these rates, in seconds; zero: in some phase nothing moved.
	WholeS float64 `json:"whole_job_s"`
}

// BlockedPhase is one phase of it.
type BlockedPhase struct {
	Phase   string  `json:"phase"`
	Seconds float64 `json:"seconds"`
	Done    int     `json:"done"`
	// Rate of items a second.
	Rate float64 `json:"rate"`
	// Lag is how many records were not done at the end of it, UrgentS how long an urgent one behind them would wait at
	// this rate, in seconds; there is no other way past them.
	Lag     int     `json:"lag"`
	UrgentS float64 `json:"urgent_waits_s"`
}

// blocking is the measurement under way.
type blocking struct {
	cfg   *Config
	stub  *stub
	topic string
	ctx   context.Context // of the handlers: they are cut when the measurement ends
	scim  *oldWay
	done  atomic.Int64
}

// block measures with a stub, a topic and a group of its own.
func block(ctx context.Context, cfg *Config, kafka eventlog.Config, agents []*provisioningv1.Agent) (*Blocking, error) {
	s, err := startStub(ctx, cfg.Bin, cfg.Dir, "stub-blocking")
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Kill() }()
	ctx, cut := context.WithCancel(ctx)
	defer cut()
	name := fmt.Sprintf("bench.blocking-%06x", rand.IntN(1<<24))
	b := &blocking{cfg: cfg, stub: s, topic: name, ctx: ctx, scim: newOldWay(s.url, cfg.Timeout)}
	if err := b.fill(ctx, kafka, agents); err != nil {
		return nil, err
	}
	if err := s.behave(ctx, cfg.phases()[0].Behaviour); err != nil {
		return nil, err
	}
	group, err := eventlog.NewGroup(kafka, name, []string{name}, b.handle)
	if err != nil {
		return nil, err
	}
	var both errgroup.Group
	both.Go(func() error { return group.Run(ctx) })
	r := &Blocking{Partitions: partitions}
	both.Go(func() (err error) {
		defer cut()
		r.Phases, err = b.phases(ctx, len(agents))
		return err
	})
	if err := both.Wait(); err != nil {
		return nil, err
	}
	r.WholeS = whole(r.Phases, shares(cfg.phases()), len(agents))
	return r, nil
}

// fill the topic with the job.
func (b *blocking) fill(ctx context.Context, kafka eventlog.Config, agents []*provisioningv1.Agent) error {
	spec := eventlog.TopicSpec{Name: b.topic, Partitions: partitions, Cleanup: "delete", Retention: time.Hour}
	if _, err := eventlog.Ensure(ctx, kafka, []eventlog.TopicSpec{spec}, 1); err != nil {
		return err
	}
	p, err := eventlog.NewProducer(kafka)
	if err != nil {
		return err
	}
	defer p.Close()
	var all []eventlog.Message
	for _, a := range agents {
		value, err := proto.Marshal(a)
		if err != nil {
			return err
		}
		all = append(all, eventlog.Message{Topic: b.topic, Key: []byte(a.Id), Value: value})
	}
	for some := range slices.Chunk(all, 1000) { // a producer has only so many under way
		if err := p.Send(ctx, some...); err != nil {
			return err
		}
	}
	return nil
}

// handle waits until the downstream has the agent.
func (b *blocking) handle(_ context.Context, m eventlog.Message, done func(error)) {
	a := &provisioningv1.Agent{}
	if err := proto.Unmarshal(m.Value, a); err != nil {
		done(nil)
		return
	}
	if err := b.scim.insist(b.ctx, userOf(b.cfg.Tenant, a)); err != nil {
		done(err)
		return
	}
	b.done.Add(1)
	done(nil)
}

// phases one after the other: each until its share of the job is done, or its time is over.
func (b *blocking) phases(ctx context.Context, total int) (all []BlockedPhase, err error) {
	if err := b.moving(ctx); err != nil {
		return nil, err
	}
	for i, share := range shares(b.cfg.phases()) {
		p := b.cfg.phases()[i]
		b.cfg.Say("a blocking consumer, while the downstream is %s", p.Name)
		if err := b.stub.behave(ctx, p.Behaviour); err != nil {
			return nil, err
		}
		from, began := int(b.done.Load()), time.Now()
		if err := b.await(ctx, from+int(share*float64(total))); err != nil {
			return nil, err
		}
		all = append(all, blockedPhase(p.Name, time.Since(began), int(b.done.Load())-from, total-int(b.done.Load())))
	}
	return all, nil
}

func blockedPhase(name string, took time.Duration, done, lag int) BlockedPhase {
	p := BlockedPhase{Phase: name, Seconds: took.Seconds(), Done: done, Lag: lag}
	p.Rate = over(float64(done), p.Seconds)
	p.UrgentS = over(float64(lag), p.Rate)
	return p
}

// moving waits until the group has its partitions.
func (b *blocking) moving(ctx context.Context) error {
	for b.done.Load() == 0 {
		if err := simulate.Wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// await so many, for as long as a phase may last.
func (b *blocking) await(ctx context.Context, done int) error {
	for until := time.Now().Add(b.cfg.BlockingFor); time.Now().Before(until) && int(b.done.Load()) < done; {
		if err := simulate.Wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// whole job, by the rates of its phases, in seconds; zero if it would never end.
func whole(phases []BlockedPhase, shares []float64, total int) (s float64) {
	for i, p := range phases {
		if p.Rate == 0 {
			return 0
		}
		s += shares[i] * float64(total) / p.Rate
	}
	return s
}
