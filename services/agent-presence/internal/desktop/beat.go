package desktop

import (
	"context"
	"slices"
	"sync"
	"time"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/services/agent-presence/internal/state"
	"go.uber.org/zap"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	// slots spread the desks over the heartbeat's interval, so that ten thousand are not read and written at once.
	slots = 50
	// perRead is how many desks are read in one round trip; each has two records.
	perRead = 100
	// readWithin bounds a read: a heartbeat that cannot say what is new is sent all the same.
	readWithin = time.Second
	// Without NATS, heartbeats are what brings news: then they come this often.
	withoutNATS = time.Second
)

// beat sends each screen a heartbeat, one slot of desks after the other.
func (s *Server) beat(ctx context.Context) error {
	var running [slots]sync.Mutex
	var all sync.WaitGroup
	defer all.Wait()
	t := time.NewTimer(s.interval() / slots)
	defer t.Stop()
	for slot := 0; ; slot = (slot + 1) % slots {
		select {
		case <-t.C:
			t.Reset(s.interval() / slots)
		case <-ctx.Done():
			return nil
		}
		if !running[slot].TryLock() {
			continue // Redis is slow, and the beat before is not over
		}
		all.Go(func() {
			defer running[slot].Unlock()
			s.beatSlot(ctx, slot)
		})
	}
}

// interval is shorter while NATS is away, and for one round after it has come back, for what was pushed meanwhile.
func (s *Server) interval() time.Duration {
	if back := time.Duration(s.back.Load()); !s.nats.Connected() || (back > 0 && s.elapsed()-back < withoutNATS) {
		return min(withoutNATS, s.cfg.Heartbeat)
	}
	return s.cfg.Heartbeat
}

func (s *Server) reconnected() { s.back.Store(int64(s.elapsed())) }

func (s *Server) beatSlot(ctx context.Context, slot int) {
	for tenant, desks := range s.deskBySlot(slot) {
		for part := range slices.Chunk(desks, perRead) {
			began := time.Now()
			s.beatDesks(ctx, tenant, part)
			s.metrics.heartbeat.Observe(time.Since(began).Seconds())
		}
	}
}

func (s *Server) deskBySlot(slot int) map[string][]*desk {
	s.mu.Lock()
	defer s.mu.Unlock()
	desks := map[string][]*desk{}
	for d := range s.slots[slot] {
		desks[d.key.tenant] = append(desks[d.key.tenant], d)
	}
	return desks
}

// beatDesks reads the desks of one tenant in one round trip. What is newer than what the screens show goes to them
// first; so the revisions in the heartbeat are those that a screen without a gap has.
func (s *Server) beatDesks(ctx context.Context, tenant string, desks []*desk) {
	views, err := s.readAll(ctx, tenant, desks)
	if err != nil && ctx.Err() == nil {
		s.log.Warn("heartbeats without news", zap.String("tenant", tenant), zap.Error(err))
	}
	epoch, open := s.store.Verified(tenant)
	for i, d := range desks {
		var v *view
		if err == nil {
			v = views[i]
		}
		if d.beat(v, epoch) && open {
			s.mend(d)
		}
	}
}

// beat reports whether the desk is amiss.
func (d *desk) beat(v *view, epoch uint32) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if v == nil {
		d.verified = false
	} else {
		d.seeView(v)
	}
	for _, s := range d.screens {
		// The beats come in steps of an interval; half of one tells fifteen seconds from twenty.
		if silent := d.server.elapsed() - time.Duration(s.heard.Load()); silent > d.server.cfg.Silence-d.server.cfg.Heartbeat/2 {
			s.close(edge.CloseSilent, "nothing heard for too long")
		}
	}
	d.tell(d.heartbeat())
	return d.amiss(epoch)
}

// heartbeat needs d.mu.
func (d *desk) heartbeat() *frame {
	return &frame{body: &presencev1.ServerFrame{Frame: &presencev1.ServerFrame_Heartbeat{Heartbeat: &presencev1.ServerHeartbeat{
		Now:              timestamppb.New(d.server.clock.now()),
		WorkloadRevision: state.Revision(d.workload.revision),
		PresenceRevision: state.Revision(d.presence.revision),
		Verified:         d.verified && d.server.open(d.key.tenant),
	}}}}
}

func (s *Server) readAll(ctx context.Context, tenant string, desks []*desk) ([]*view, error) {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	views := make([]*view, len(desks))
	verified, err := s.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		asked := make([]*state.View, len(desks))
		for i, d := range desks {
			asked[i] = state.AskBeat(tx, d.key.agent)
		}
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		s.clock.set(tx.Now())
		for i := range desks {
			views[i] = &view{}
			if err := views[i].take(asked[i]); err != nil {
				return err
			}
		}
		return nil
	})
	for _, v := range views {
		if v != nil {
			v.verified = verified
		}
	}
	return views, err
}
