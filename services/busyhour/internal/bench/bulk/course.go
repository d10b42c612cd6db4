package bulk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// takenOver is what comes after the last phase, if only items are left that a killed pod had in hand.
const takenOver = "left by the dead"

// Stretch is what happened in a phase.
type Stretch struct {
	Phase string `json:"phase"`
	// Ended items, and the Seconds in which they did.
	Ended   int     `json:"items_ended"`
	Seconds float64 `json:"seconds"`
	// MinimumS is items × time of each in the downstream ÷ places, in seconds; zero where there is none.
	MinimumS float64 `json:"minimum_s"`
	// Ratio to it.
	Ratio float64 `json:"ratio"`
	// PausesS is what the downstream asked for by Retry-After, of each pod, in seconds; those that overlap count twice.
	PausesS float64 `json:"pauses_s"`
	// CPUs that were busy, of all that took part.
	CPUs float64          `json:"cpus_busy"`
	Card simulate.Latency `json:"signal_to_card"`
}

// course leads the downstream through its phases as a job proceeds, kills pods, and samples what they say.
type course struct {
	cfg      *Config
	fleet    *fleet.Fleet
	stub     *stub
	clients  *simulate.Clients
	job      string
	phases   []Phase
	cpu      *cpu
	cards    *cards
	urgent   *urgent
	stranded *stranded
	revived  errgroup.Group

	began           time.Time // of the job
	at              int
	since           time.Time // of the phase
	from            int       // items that had ended by then
	cpuBefore       float64
	throttledBefore int
	killed          int
	lags            lags
	sampled         time.Time

	Stretches []Stretch
	// AllIn is when all items were in the streams or had ended, since the job was asked for.
	AllIn  time.Duration
	failed []error
}

// run until the job has ended.
func (c *course) run(ctx context.Context) error {
	c.since, c.sampled, c.cpuBefore = c.began, time.Now(), c.cpu.seconds()
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		over, err := c.step(ctx)
		if err != nil || over {
			return errors.Join(append(c.failed, err, c.revived.Wait())...)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("job %s has not ended: %w", c.job, ctx.Err())
		}
	}
}

// step looks once; a pod that has just died may keep it from seeing.
func (c *course) step(ctx context.Context) (over bool, err error) {
	job, verified, err := c.clients.Job(ctx, c.cfg.Tenant, c.job)
	if err != nil || !verified {
		return false, ctx.Err()
	}
	ended, total := int(job.Total-job.Pending), int(job.Total)
	m := look(ctx, c.fleet.Of(fleet.Provisioning), c.cfg.Tenant)
	c.lags.take(m, time.Since(c.sampled))
	c.sampled = time.Now()
	if c.AllIn == 0 && m.inStream+ended >= total && m.records == 0 && m.partitions >= partitions {
		c.AllIn = time.Since(c.began)
	}
	if ended == total {
		c.close(ctx, ended)
		return true, nil
	}
	c.kill(ctx, ended, total)
	return false, c.next(ctx, ended, total)
}

// next phase, if its time has come.
func (c *course) next(ctx context.Context, ended, total int) error {
	if c.at < len(c.phases)-1 {
		if float64(ended) < c.phases[c.at].Until*float64(total) {
			return nil
		}
		c.close(ctx, ended)
		c.at++
		return c.enter(ctx, total)
	}
	left, err := c.stranded.items(ctx)
	if err == nil && c.at == len(c.phases)-1 && left > 0 && total-ended <= left {
		c.cfg.Say("%d items are left, those that killed pods had in hand", total-ended)
		c.close(ctx, ended)
		c.at++
		c.cards.enter(takenOver)
	}
	return err
}

// enter the phase.
func (c *course) enter(ctx context.Context, total int) error {
	p := c.phases[c.at]
	c.cfg.Say("the downstream is %s, until %.0f of %d items have ended", p.Name, p.Until*float64(total), total)
	c.cards.enter(p.Name)
	return c.stub.behave(ctx, p.Behaviour)
}

// close the stretch.
func (c *course) close(ctx context.Context, ended int) {
	throttled := c.throttled(ctx)
	s := Stretch{Phase: takenOver, Ended: ended - c.from, Seconds: time.Since(c.since).Seconds()}
	if c.at < len(c.phases) {
		p := c.phases[c.at]
		s.Phase = p.Name
		s.MinimumS = c.cfg.minimum(s.Ended, p.Behaviour).Seconds()
		s.Ratio = over(s.Seconds, s.MinimumS)
		s.PausesS = float64(throttled-c.throttledBefore) * time.Duration(p.Behaviour.RetryAfter).Seconds() / float64(c.cfg.Copies)
	}
	taken := c.cpu.seconds()
	s.CPUs = over(taken-c.cpuBefore, s.Seconds)
	s.Card = c.cards.latency(s.Phase)
	c.Stretches = append(c.Stretches, s)
	c.from, c.since, c.cpuBefore, c.throttledBefore = ended, time.Now(), taken, throttled
}

// throttled is how often the downstream has asked for patience.
func (c *course) throttled(ctx context.Context) (n int) {
	counts, err := c.stub.counts(ctx)
	c.fail(err)
	for what, times := range counts.Requests {
		if strings.HasSuffix(what, " 429") {
			n += times
		}
	}
	return n
}

func over(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// kill a pod a third into the slow phase, and another a third into the failing one.
func (c *course) kill(ctx context.Context, ended, total int) {
	if c.at != c.killed+1 || c.killed == 2 {
		return
	}
	from := c.phases[c.at-1].Until
	if float64(ended) < (from+(c.phases[c.at].Until-from)/3)*float64(total) {
		return
	}
	p := c.fleet.Of(fleet.Provisioning)[c.killed]
	c.killed++
	c.cfg.Say("killing %s", p.Name)
	c.urgent.died(time.Now())
	c.fail(p.Kill())
	c.fail(c.stranded.died(ctx, p.Name))
	c.revived.Go(func() error { return c.revive(ctx, p) })
}

func (c *course) fail(err error) {
	if err != nil {
		c.failed = append(c.failed, err)
	}
}

// revive a pod after a while.
func (c *course) revive(ctx context.Context, p *fleet.Process) error {
	if err := simulate.Wait(ctx, c.cfg.Dead); err != nil {
		return err
	}
	if err := p.Start(); err != nil {
		return err
	}
	if err := p.Ready(ctx); err != nil {
		return err
	}
	c.cfg.Say("%s is back", p.Name)
	return nil
}
