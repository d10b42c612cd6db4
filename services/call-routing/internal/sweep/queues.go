package sweep

import (
	"context"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

const (
	maxQueues  = 2000
	headsCount = 4
)

// queues brings together what stands side by side: the first who wait and the first who are ready. Where contacts wait
// and nobody is ready, it has the ready looked through.
func (s *Sweep) queues(ctx context.Context, tenant string) error {
	rows, err := s.readQueues(ctx, tenant)
	if err != nil {
		return err
	}
	if err := s.countAlarms(ctx, tenant); err != nil {
		return err
	}
	short := false
	for _, r := range rows {
		short = short || *r.count > 0 && len(r.ready.List) == 0
		if *r.count == 0 || len(r.ready.List) == 0 {
			continue
		}
		for _, m := range r.heads.List {
			s.flow.Seek(ctx, tenant, r.id, m.Name)
		}
		for _, m := range r.ready.List {
			s.flow.LookAt(ctx, tenant, m.Name)
		}
	}
	if short {
		s.Hurry(tenant)
	}
	return nil
}

func (s *Sweep) countAlarms(ctx context.Context, tenant string) error {
	_, err := s.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		n := tx.Count(state.Alarms)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		s.alarms.WithLabelValues(tenant).Set(float64(*n))
		return nil
	})
	return err
}

type row struct {
	id           string
	count        *int64
	heads, ready *commit.Members
}

func (s *Sweep) readQueues(ctx context.Context, tenant string) (rows []row, err error) {
	_, err = s.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		rows = nil
		queues := tx.ForeignFirst(state.Provisioning, state.Queues, maxQueues)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		for _, q := range queues.List {
			rows = append(rows, row{q.Name, tx.Count(state.Waiting(q.Name)), tx.First(state.Waiting(q.Name), headsCount), tx.First(state.Ready(q.Name), headsCount)})
		}
		if len(rows) == 0 {
			return nil
		}
		return tx.Fetch(ctx)
	})
	return rows, err
}
