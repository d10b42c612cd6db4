package sweep

import (
	"context"
	"errors"
	"math"
	"time"

	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/call-routing/internal/flow"
	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

// readyPage is how many agents are read in one go; more would hold Redis up for others.
const readyPage = 200

// readyLoop keeps the ready indexes true to presence, directory and workload. Pushes do that within milliseconds; this
// finds what they lost.
func (s *Sweep) readyLoop(ctx context.Context, tenant string) {
	timer := time.NewTimer(readyEvery)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-s.hurry[tenant]:
		}
		if _, open := s.store.Verified(tenant); open {
			if err := s.mend(ctx, tenant); err != nil && ctx.Err() == nil {
				s.log.Debug("sweep", zap.String("work", "ready"), zap.String("tenant", tenant), zap.Error(err))
			}
		}
		if !pause(ctx, hurriedEvery) {
			return
		}
		timer.Reset(readyEvery)
	}
}

// mend looks at every agent whose place in the ready indexes is not what it should be.
func (s *Sweep) mend(ctx context.Context, tenant string) error {
	standing, err := s.standing(ctx, tenant)
	if err != nil {
		return err
	}
	for skip := 0; ; skip += readyPage {
		page, err := s.compare(ctx, tenant, skip, standing)
		if err != nil {
			return err
		}
		if page < readyPage {
			break
		}
	}
	for agent := range standing.agents { // not among the available
		s.look(ctx, tenant, agent)
	}
	return nil
}

// standing is who stands in which of the queues' ready indexes.
type standing struct {
	queues map[string]bool
	agents map[string]map[string]bool
}

func (s *standing) add(queue string, members []commit.Member) {
	s.queues[queue] = true
	for _, m := range members {
		if s.agents[m.Name] == nil {
			s.agents[m.Name] = map[string]bool{}
		}
		s.agents[m.Name][queue] = true
	}
}

// right reports whether the agent stands where they should. A queue that is not in the directory counts for nothing.
func (s *standing) right(agent string, should []string) bool {
	n := 0
	for _, q := range should {
		if s.queues[q] && !s.agents[agent][q] {
			return false
		}
		if s.queues[q] {
			n++
		}
	}
	return n == len(s.agents[agent])
}

func (s *Sweep) look(ctx context.Context, tenant, agent string) {
	s.mended.Inc()
	s.flow.LookAt(ctx, tenant, agent)
}

var errUnverified = errors.New("the state is not verified")

// standing reads the ready indexes.
func (s *Sweep) standing(ctx context.Context, tenant string) (*standing, error) {
	found := &standing{map[string]bool{}, map[string]map[string]bool{}}
	rows, err := s.readQueues(ctx, tenant)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		for skip := 0; ; skip += readyPage {
			members, err := s.readyPage(ctx, tenant, r.id, skip)
			if err != nil {
				return nil, err
			}
			found.add(r.id, members)
			if len(members) < readyPage {
				break
			}
		}
	}
	return found, nil
}

func (s *Sweep) readyPage(ctx context.Context, tenant, queue string, skip int) ([]commit.Member, error) {
	var page *commit.Members
	_, err := s.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		page = tx.After(state.Ready(queue), math.Inf(-1), skip, readyPage)
		return tx.Fetch(ctx)
	})
	return page.List, err
}

// compare compares a page of the available with where they stand, and takes them out of standing. It returns the length
// of the page.
func (s *Sweep) compare(ctx context.Context, tenant string, skip int, found *standing) (int, error) {
	var wrong []string
	n := 0
	verified, err := s.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		page := tx.ForeignAfter(state.Presence, state.Available, math.Inf(-1), skip, readyPage)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		should, err := flow.ShouldBeReady(ctx, tx, page.List)
		if err != nil {
			return err
		}
		n = len(page.List)
		for _, m := range page.List {
			if !found.right(m.Name, should[m.Name]) {
				wrong = append(wrong, m.Name)
			}
			delete(found.agents, m.Name)
		}
		return nil
	})
	if err == nil && !verified {
		return 0, errUnverified
	}
	for _, agent := range wrong {
		s.look(ctx, tenant, agent)
	}
	return n, err
}
