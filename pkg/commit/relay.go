package commit

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

const (
	relayEvery = 200 * time.Millisecond
	relayAge   = 500 * time.Millisecond
	relayLease = 2 * time.Second
	relayLimit = 256

	claimLease = time.Second
)

// Run keeps the relay going until ctx ends, and then gives what is on its way to the log two seconds to arrive.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(relayEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			s.settle(2 * time.Second)
			return nil
		case <-tick.C:
		}
		s.round(ctx)
	}
}

// round looks at every tenant's outboxes once.
func (s *Store) round(ctx context.Context) {
	quiet := true
	for _, tenant := range s.tenants {
		epoch, open := s.Verified(tenant)
		if !open {
			quiet = false
			continue
		}
		empty, err := s.relay(ctx, tenant, epoch)
		if err = errors.Join(err, s.gaugeOverdue(ctx, tenant)); err != nil && ctx.Err() == nil {
			s.log.Warn("relay", zap.String("tenant", tenant), zap.Error(err))
		}
		quiet = quiet && empty
	}
	if quiet {
		s.health.quiet()
	}
	s.watchLog()
	s.gaugeOldest()
	s.outbox.forgetIdle()
}

// relay drains the outboxes that their commits have left: a pod died, or the log refused.
func (s *Store) relay(ctx context.Context, tenant string, epoch uint32) (quiet bool, err error) {
	key := Key(tenant, s.service, epoch, outbox)
	if quiet, err = s.gaugeOutbox(ctx, tenant, key); err != nil || quiet {
		return quiet, err
	}
	old, err := s.claimFrom(ctx, []string{key}, relayAge, relayLimit, relayLease)
	if err != nil {
		return false, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, record := range old {
		group.Go(func() error {
			entries, err := s.outbox.read(ctx, tenant, epoch, record.Name)
			if err != nil {
				return err
			}
			s.metrics.relayed.Inc()
			s.outbox.extend(tenant, epoch, record.Name, entries, len(entries) == outboxWindow)
			return nil
		})
	}
	return false, group.Wait()
}

// gaugeOutbox shows how much waits for the log, and reports whether nothing does.
func (s *Store) gaugeOutbox(ctx context.Context, tenant, key string) (quiet bool, err error) {
	pipe := s.redis.Pipeline()
	records, bytes := pipe.ZCard(ctx, key), pipe.HGet(ctx, MarkKey(tenant, s.service), "outbox")
	if _, err := pipe.Exec(ctx); err != nil {
		if errors.Is(err, redis.Nil) { // no mark: the next script says so
			err = nil
		}
		return false, err
	}
	s.metrics.outboxOpen.WithLabelValues(tenant).Set(float64(records.Val()))
	s.metrics.outboxBytes.WithLabelValues(tenant).Set(float64(number(bytes.Val())))
	return records.Val() == 0, nil
}

func (s *Store) gaugeOldest() {
	oldest := s.outbox.oldest()
	for _, tenant := range s.tenants {
		age := 0.0
		if at, waits := oldest[tenant]; waits {
			age = max(0, time.Since(at).Seconds())
		}
		s.metrics.outboxOldest.WithLabelValues(tenant).Set(age)
	}
}

// settle waits until nothing is on its way to the log, at most this long.
func (s *Store) settle(limit time.Duration) {
	late := time.After(limit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !s.outbox.idle() {
		select {
		case <-late:
			return
		case <-tick.C:
		}
	}
}

// Due is a deadline that has passed.
type Due struct {
	// Name of the record.
	Name string
	At   time.Time
	// Late is how long ago that was, by Redis' clock.
	Late time.Duration
}

// Claim takes up to limit deadlines that have passed, the oldest first. Other pods leave them alone for a second. Who
// acts on one commits as always: the claim saves work, the commit decides.
func (s *Store) Claim(ctx context.Context, tenant string, limit int) ([]Due, error) {
	g, err := s.gateOf(tenant)
	if err != nil {
		return nil, err
	}
	epoch, open := g.state()
	if !open {
		return nil, s.closed(tenant)
	}
	keys := []string{Key(tenant, s.service, epoch, deadlines), Key(tenant, s.service, epoch, claimed)}
	return s.claimFrom(ctx, keys, 0, limit, claimLease)
}

func (s *Store) claimFrom(ctx context.Context, keys []string, age time.Duration, limit int, lease time.Duration) ([]Due, error) {
	answer, err := s.claim.run(ctx, s.redis, keys, []any{age.Milliseconds(), limit, lease.Milliseconds()})
	if err != nil {
		return nil, err
	}
	now := milliseconds(answer[0])
	due := make([]Due, 0, len(answer)/2)
	for i := 1; i+1 < len(answer); i += 2 {
		name, _ := answer[i].(string)
		at := milliseconds(answer[i+1])
		due = append(due, Due{name, at, now.Sub(at)})
	}
	return due, nil
}

func milliseconds(answer any) time.Time {
	text, _ := answer.(string)
	ms, _ := strconv.ParseFloat(text, 64)
	return time.UnixMilli(int64(ms)).UTC()
}
