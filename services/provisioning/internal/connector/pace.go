package connector

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// pace is how fast calls may be made, and whether any may be made at all.
type pace struct {
	gate
	limit *rate.Limiter // nil: none

	pauses sync.Mutex
	until  time.Time // no call before: the breaker is open, or the downstream asked for patience
}

var errPaused = errors.New("a pause has begun: the downstream asked for patience, or went wrong too often")

func newPace(cfg Config) *pace {
	p := &pace{}
	p.may = p.take
	if cfg.Rate > 0 {
		p.limit = rate.NewLimiter(rate.Limit(cfg.Rate), cfg.burst())
	}
	return p
}

func (p *pace) take(bool) (bool, time.Duration) {
	now := time.Now()
	turn := p.limit.ReserveN(now, 1)
	if after := turn.DelayFrom(now); after > 0 {
		turn.CancelAt(now) // whoever is first when it comes shall have it
		return false, after
	}
	return true, 0
}

// turn returns when a call may be made. An attempt that has begun does not go on in a pause: what it has read would be
// old by the end of it.
func (p *pace) turn(ctx context.Context) error {
	if p.limit != nil && p.left() <= 0 {
		if err := p.enter(ctx, isUrgent(ctx)); err != nil {
			return err
		}
	}
	if p.left() > 0 {
		return errPaused
	}
	return nil
}

// left of the pause.
func (p *pace) left() time.Duration {
	p.pauses.Lock()
	defer p.pauses.Unlock()
	return time.Until(p.until)
}

func (p *pace) pause(d time.Duration) {
	p.pauses.Lock()
	defer p.pauses.Unlock()
	if until := time.Now().Add(d); until.After(p.until) {
		p.until = until
	}
}

// wait returns when the pause is over.
func (p *pace) wait(ctx context.Context) error {
	for {
		left := p.left()
		if left <= 0 {
			return ctx.Err()
		}
		if err := sleep(ctx, left); err != nil {
			return err
		}
	}
}

type urgentKey struct{}

// withUrgency marks the calls that are made under the context.
func withUrgency(ctx context.Context, urgent bool) context.Context {
	return context.WithValue(ctx, urgentKey{}, urgent)
}

func isUrgent(ctx context.Context) bool {
	urgent, _ := ctx.Value(urgentKey{}).(bool)
	return urgent
}
