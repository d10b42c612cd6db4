package presence_test

import (
	"context"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/agent-presence/internal/state"
)

// presenceOf reads the record as another service would.
func (s *stage) presenceOf(agent string) (*presencev1.Presence, commit.Revision) {
	s.Helper()
	var r *commit.Record
	_, err := s.routing.store.Read(s.Context(), tenant, func(ctx context.Context, tx *commit.Tx) error {
		r = tx.Foreign("agent-presence", "presence:"+agent)
		return tx.Fetch(ctx)
	})
	if err != nil {
		s.Fatal(err)
	}
	p, err := state.Presence(r)
	if err != nil {
		s.Fatal(err)
	}
	return p, r.Revision
}

func (s *stage) awaitPresence(agent string, holds func(*presencev1.Presence) bool) {
	s.Helper()
	var p *presencev1.Presence
	defer func() {
		if s.Failed() {
			s.Logf("presence of %s: %v", agent, p)
		}
	}()
	s.await("the record says so", func() bool { p, _ = s.presenceOf(agent); return p != nil && holds(p) })
}

func (s *stage) index(name string) []string {
	s.Helper()
	var m *commit.Members
	_, err := s.routing.store.Read(s.Context(), tenant, func(ctx context.Context, tx *commit.Tx) error {
		m = tx.ForeignFirst("agent-presence", name, 10_000)
		return tx.Fetch(ctx)
	})
	if err != nil {
		s.Fatal(err)
	}
	var names []string
	for _, one := range m.List {
		names = append(names, one.Name)
	}
	return names
}

func (s *stage) isAvailable(agent string) bool {
	s.Helper()
	return slices.Contains(s.index("available"), agent)
}

func (s *stage) rawRedis(t *testing.T) *redis.Client {
	rdb := redis.NewClient(&redis.Options{Addr: s.redis.Addr})
	t.Cleanup(func() { rdb.Close() })
	return rdb
}
