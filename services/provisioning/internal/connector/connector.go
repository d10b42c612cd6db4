// Package connector takes agents to one downstream system over HTTP. It is the only place that waits for somebody
// else's system, and only workers call it.
//
//	Send ─▶ pause (Retry-After) ─▶ concurrency ─▶ breaker ─▶ one attempt ─▶ taken | refused | again after a back-off
//	                                                             │
//	                                                 way: plain, scim ─▶ wire: single requests
package connector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"
	"go.uber.org/zap"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// Change is what the downstream is to be told of.
type Change struct {
	Tenant string
	Agent  *provisioningv1.Agent
	// Deleted: the agent is to be gone; only its id counts.
	Deleted bool
	// Key is the same for every call of the same change, so that the downstream can tell a repetition.
	Key string
}

// Answer is the downstream's last word.
type Answer struct {
	// Attempts counts how often it was tried to tell the downstream.
	Attempts uint32
	// Refused is empty if the downstream has taken the change, else what it said.
	Refused string
}

// Connector is the way to one downstream. A nil Connector is no downstream: everything is taken at once.
type Connector struct {
	cfg     Config
	way     way
	slots   chan struct{}
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
	metrics *metrics
	log     *zap.Logger

	mu    sync.Mutex
	until time.Time // no call before: the breaker is open, or the downstream asked for patience
}

// New makes a Connector; nil if there is no downstream.
func New(cfg Config, log *zap.Logger, reg prometheus.Registerer) *Connector {
	if cfg.URL == "" {
		return nil
	}
	m := newMetrics(reg)
	c := &Connector{cfg: cfg, way: wayTo(cfg, newWire(cfg, m)), slots: make(chan struct{}, cfg.Concurrency), metrics: m, log: log}
	c.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:          "downstream",
		Timeout:       cfg.BreakFor,
		ReadyToTrip:   func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= uint32(cfg.BreakAfter) },
		IsExcluded:    func(err error) bool { return err != nil && !errors.Is(err, errWentWrong) },
		OnStateChange: c.changed,
	})
	return c
}

// changed runs under the breaker's lock.
func (c *Connector) changed(_ string, from, to gobreaker.State) {
	c.metrics.breaker.Set(float64(to)) // 0 closed, 1 half open, 2 open
	c.log.Warn("downstream breaker", zap.Stringer("from", from), zap.Stringer("to", to))
	if to == gobreaker.StateOpen {
		c.pause(c.cfg.BreakFor)
	}
}

// Send tells the downstream of a change, again and again until it has taken or refused it, or has gone wrong as often
// as it may. An error means that ctx ended before that: nothing is decided.
func (c *Connector) Send(ctx context.Context, change Change) (Answer, error) {
	if c == nil {
		return Answer{}, nil
	}
	pauses := &backoff.ExponentialBackOff{
		InitialInterval: c.cfg.BackoffMin, MaxInterval: c.cfg.BackoffMax,
		RandomizationFactor: backoff.DefaultRandomizationFactor, Multiplier: 2,
	}
	var a Answer
	for wrong := 0; ; {
		said, err := c.once(ctx, change)
		if err != nil {
			return a, err
		}
		a.Attempts++
		switch said.kind {
		case taken:
			return a, nil
		case refused:
			a.Refused = said.words
			return a, nil
		case wentWrong:
			wrong++
		}
		if wrong == c.cfg.Attempts {
			a.Refused = fmt.Sprintf("it went wrong %d times, at last: %s", wrong, said.words)
			return a, nil
		}
		if err := sleep(ctx, pauses.NextBackOff()); err != nil {
			return a, err
		}
	}
}

// once makes one attempt, when one may be made.
func (c *Connector) once(ctx context.Context, change Change) (said, error) {
	report, err := c.admit(ctx)
	if err != nil {
		return said{}, err
	}
	s := c.way.tell(ctx, change)
	if s.patience > 0 {
		c.pause(s.patience) // before the report makes room for the next
	}
	switch {
	case s.kind != wentWrong:
		report(nil)
	case ctx.Err() != nil: // cut off by us, which says nothing of the downstream
		report(ctx.Err())
		return said{}, ctx.Err()
	default:
		report(errWentWrong)
	}
	return s, nil
}

// admit waits until a call may be made. The report on it makes room for the next.
func (c *Connector) admit(ctx context.Context) (report func(error), err error) {
	for {
		if err := c.Wait(ctx); err != nil {
			return nil, err
		}
		select {
		case c.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if c.left() > 0 { // a pause has begun while we waited for room
			<-c.slots
			continue
		}
		count, err := c.breaker.Allow()
		if err == nil {
			return func(err error) { count(err); <-c.slots }, nil
		}
		<-c.slots
		// Half open, and another call is the one that is tried.
		if err := sleep(ctx, c.cfg.BackoffMin); err != nil {
			return nil, err
		}
	}
}

// Wait returns when calls may be made. Workers take no items before: what waits in the stream is nobody's failure.
func (c *Connector) Wait(ctx context.Context) error {
	if c == nil {
		return ctx.Err()
	}
	for {
		left := c.left()
		if left <= 0 {
			return ctx.Err()
		}
		if err := sleep(ctx, left); err != nil {
			return err
		}
	}
}

// left of the pause.
func (c *Connector) left() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Until(c.until)
}

func (c *Connector) pause(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if until := time.Now().Add(d); until.After(c.until) {
		c.until = until
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
