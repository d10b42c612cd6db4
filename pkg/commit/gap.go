package commit

import (
	"context"
	"sync"
	"time"
)

// Gap is a time of which decisions are missing in the log for good: Kafka was away, and then Redis was lost.
type Gap struct {
	Tenant string
	// Epoch that began after it.
	Epoch uint32
	// From and To by this pod's clock.
	From, To time.Time
}

// owed is what this pod knew when a gate closed while the log was away.
type owed struct {
	epoch    uint32
	seq      uint64
	from, to time.Time
}

type gaps struct {
	mu      sync.Mutex
	tenants map[string]owed
}

// owe is called when a gate closes. What the log has not acknowledged for a second is in Redis alone.
func (g *gaps) owe(tenant string, epoch uint32, seq uint64, away time.Duration) {
	if away < logSlow {
		return
	}
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.tenants == nil {
		g.tenants = map[string]owed{}
	}
	if before, ok := g.tenants[tenant]; ok { // not settled yet
		g.tenants[tenant] = owed{before.epoch, before.seq, before.from, now}
		return
	}
	g.tenants[tenant] = owed{epoch, seq, now.Add(-away), now}
}

func (g *gaps) take(tenant string) (owed, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	o, ok := g.tenants[tenant]
	delete(g.tenants, tenant)
	return o, ok
}

// Forgotten reports, once after a tenant is open again, whether decisions of this pod's time were lost with Redis before
// the log had them. What recovery found in the old namespace it has published: then nothing is lost.
func (s *Store) Forgotten(ctx context.Context, tenant string) (Gap, bool, error) {
	o, ok := s.gaps.take(tenant)
	if !ok {
		return Gap{}, false, nil
	}
	mark, err := s.Mark(ctx, tenant)
	if err != nil {
		s.gaps.giveBack(tenant, o)
		return Gap{}, false, err
	}
	if mark.Epoch == o.epoch || mark.prior == o.epoch && mark.priorSeq >= o.seq {
		return Gap{}, false, nil
	}
	return Gap{Tenant: tenant, Epoch: mark.Epoch, From: o.from, To: o.to}, true, nil
}

func (g *gaps) giveBack(tenant string, o owed) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tenants[tenant] = o
}
