// Package connector takes agents to one downstream system over HTTP. It is the only place that waits for somebody
// else's system, and only workers call it.
//
//	Send, Read ─▶ pause (Retry-After) ─▶ room ─▶ breaker ─▶ one attempt ─▶ taken | refused | again after a back-off
//	                                                            │
//	                                                way: plain, scim ─▶ pace ─▶ wire: single requests
//
// Urgent changes go first, at the room and at the pace.
package connector

import (
	"context"
	"errors"
	"fmt"
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
	// Urgent: somebody waits for it. It goes before what is not, and has room of its own.
	Urgent bool
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
	room    *room
	pace    *pace
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
	log     *zap.Logger
	metrics *metrics
}

// New makes a Connector; nil if there is no downstream.
func New(cfg Config, log *zap.Logger, reg prometheus.Registerer) *Connector {
	if cfg.URL == "" {
		return nil
	}
	c := &Connector{cfg: cfg, room: newRoom(cfg.Concurrency), pace: newPace(cfg), metrics: newMetrics(reg, cfg.Name), log: log.With(zap.String("downstream", cfg.Name))}
	c.way = wayTo(cfg, newWire(cfg, c.pace, c.metrics))
	c.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:          cfg.Name,
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
		c.pace.pause(c.cfg.BreakFor)
	}
}

// Send tells the downstream of a change, again and again until it has taken or refused it, or has gone wrong as often
// as it may. An error means that ctx ended before that: nothing is decided.
func (c *Connector) Send(ctx context.Context, change Change) (Answer, error) {
	if c == nil {
		return Answer{}, nil
	}
	said, attempts, err := c.insist(withUrgency(ctx, change.Urgent), func(ctx context.Context) said { return c.way.tell(ctx, change) })
	a := Answer{Attempts: attempts}
	if err == nil && said.kind != taken {
		a.Refused = said.words
	}
	return a, err
}

// insist makes attempts until one comes to an end, or as many as may go wrong have. Its word is taken, refused, or what
// went wrong at last.
func (c *Connector) insist(ctx context.Context, attempt func(context.Context) said) (last said, attempts uint32, err error) {
	pauses := &backoff.ExponentialBackOff{
		InitialInterval: c.cfg.BackoffMin, MaxInterval: c.cfg.BackoffMax,
		RandomizationFactor: backoff.DefaultRandomizationFactor, Multiplier: 2,
	}
	for wrong := 0; ; {
		if last, err = c.once(ctx, attempt); err != nil {
			return last, attempts, err
		}
		if last.kind == putOff {
			continue
		}
		attempts++
		switch last.kind {
		case taken, refused:
			return last, attempts, nil
		case wentWrong:
			wrong++
		}
		if wrong == c.cfg.Attempts {
			last.words = fmt.Sprintf("it went wrong %d times, at last: %s", wrong, last.words)
			return last, attempts, nil
		}
		if err := sleep(ctx, pauses.NextBackOff()); err != nil {
			return last, attempts, err
		}
	}
}

// once makes one attempt, when one may be made.
func (c *Connector) once(ctx context.Context, attempt func(context.Context) said) (said, error) {
	report, err := c.admit(ctx)
	if err != nil {
		return said{}, err
	}
	s := attempt(ctx)
	if s.patience > 0 {
		c.pace.pause(s.patience) // before the report makes room for the next
	}
	switch {
	case s.kind == putOff && ctx.Err() == nil: // not our turn, which says nothing of the downstream
		report(errPaused)
	case s.kind != wentWrong && s.kind != putOff:
		report(nil)
	case ctx.Err() != nil: // cut off by us, which says nothing of it either
		report(ctx.Err())
		return said{}, ctx.Err()
	default:
		report(errWentWrong)
	}
	return s, nil
}

// admit waits until an attempt may be made. The report on it makes room for the next.
func (c *Connector) admit(ctx context.Context) (report func(error), err error) {
	for {
		if err := c.pace.wait(ctx); err != nil {
			return nil, err
		}
		leave, err := c.room.enter(ctx, isUrgent(ctx))
		if err != nil {
			return nil, err
		}
		if c.pace.left() > 0 { // a pause has begun while we waited for room
			leave()
			continue
		}
		count, err := c.breaker.Allow()
		if err == nil {
			return func(err error) { count(err); leave() }, nil
		}
		leave()
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
	return c.pace.wait(ctx)
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
