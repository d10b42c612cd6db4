package desktop

import (
	"context"
	"errors"
	"time"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"go.uber.org/zap"
)

// gate is what this pod's screens were last told of a tenant's state.
type gate struct {
	epoch uint32
	open  bool
}

// repairers is how many desks are repaired at once. After a rebuild all of them are, and each takes a commit and a read.
const repairers = 32

// progressEvery is how often the screens of a closed tenant hear how far its recovery is.
const progressEvery = 500 * time.Millisecond

func (s *Server) lookAtGates() {
	select {
	case s.gates <- struct{}{}:
	default:
	}
}

// open reports whether the tenant's state is verified, as far as this pod knows.
func (s *Server) open(tenant string) bool {
	_, open := s.store.Verified(tenant)
	return open
}

// watchGates tells the screens of a closed tenant at once. When it opens again, every screen is asserted anew: until
// then its agent cannot be given a contact.
func (s *Server) watchGates(ctx context.Context) error {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		for _, tenant := range s.store.Tenants() {
			epoch, open := s.store.Verified(tenant)
			if s.opened[tenant] == (gate{epoch, open}) {
				continue
			}
			s.opened[tenant] = gate{epoch, open}
			for _, d := range s.desksOf(tenant) {
				if open {
					s.mend(d)
				} else {
					d.tellAll(s.verification(tenant))
				}
			}
		}
		select {
		case <-s.gates:
		case <-tick.C:
			s.tellProgress()
		case <-ctx.Done():
			return nil
		}
	}
}

// tellProgress tells the screens of closed tenants how far the recovery is. Only watchGates' goroutine calls it.
func (s *Server) tellProgress() {
	for tenant, g := range s.opened {
		if g.open {
			continue
		}
		f := s.verification(tenant)
		for _, d := range s.desksOf(tenant) {
			d.tellAll(f)
		}
	}
}

func (s *Server) desksOf(tenant string) []*desk {
	s.mu.Lock()
	defer s.mu.Unlock()
	var desks []*desk
	for key, d := range s.desks {
		if key.tenant == tenant {
			desks = append(desks, d)
		}
	}
	return desks
}

// mend has a desk repaired. If too many wait, the next heartbeat tries again.
func (s *Server) mend(d *desk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.broken || s.desks[d.key] != d {
		return
	}
	select {
	case s.broken <- d:
		d.broken = true
		d.refs++
	default:
	}
}

func (s *Server) repairs(ctx context.Context) error {
	for {
		select {
		case d := <-s.broken:
			s.repair(ctx, d)
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *Server) repair(ctx context.Context, d *desk) {
	s.mu.Lock()
	d.broken = false
	s.mu.Unlock()
	defer s.exit(d)
	ctx, cancel := context.WithTimeout(ctx, maxCommit)
	defer cancel()
	if err := d.repair(ctx); err != nil && !errors.Is(err, context.Canceled) {
		s.log.Info("screens not asserted, the next heartbeat tries again", append(d.fields(), zap.Error(err))...)
	}
}

// verified tells that commands may be given again.
func verified() *frame {
	return &frame{body: &presencev1.ServerFrame{Frame: &presencev1.ServerFrame_Verification{
		Verification: &presencev1.Verification{Verified: true},
	}}}
}

// verification tells that the state is not verified, and how far its recovery is.
func (s *Server) verification(tenant string) *frame {
	v := &presencev1.Verification{}
	if s.far != nil {
		far := s.far(tenant)
		v.Phase, v.Read, v.Total = string(far.Phase), uint64(far.Read), uint64(far.Total)
	}
	return &frame{body: &presencev1.ServerFrame{Frame: &presencev1.ServerFrame_Verification{Verification: v}}}
}
