package presence_test

import (
	"fmt"
	"time"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/agent-presence/internal/agent"
	"github.com/busyhour/busyhour/services/agent-presence/internal/state"
	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/proto"
)

// These write into Redis what a pod that is gone would have left there; no living pod can be made to leave it.

func (s *stage) key(name string) (string, *redis.Client) {
	s.Helper()
	rdb := s.rawRedis(s.T)
	epoch, err := rdb.HGet(s.Context(), commit.MarkKey(tenant, "agent-presence"), "epoch").Uint64()
	if err != nil {
		s.Fatal(err)
	}
	return commit.Key(tenant, "agent-presence", uint32(epoch), name), rdb
}

// haunt leaves a connected agent with a screen on a pod whose lease has run out.
func (s *stage) haunt(pod, id string) {
	s.Helper()
	known := agent.Known{Tenant: tenant, ID: id}
	known.Presence = known.Present()
	known.Presence.Status, known.Presence.Connection = available, connected
	known.Presence.Screens = []*presencev1.Screen{{Id: "s-ghost", Pod: pod}}
	s.overwrite(known.Presence)
	for index, member := range map[string]redis.Z{
		"pods":       {Member: pod, Score: float64(time.Now().Add(-time.Second).UnixMilli())},
		"pod:" + pod: {Member: id},
		"available":  {Member: id},
		"online":     {Member: id},
	} {
		key, rdb := s.key(index)
		if err := rdb.ZAdd(s.Context(), key, member).Err(); err != nil {
			s.Fatal(err)
		}
	}
}

// sweepAway takes an agent's screens out of the record, as another pod does that takes this one for dead, and tells it.
func (s *stage) sweepAway(pod, id string) {
	s.Helper()
	p, _ := s.presenceOf(id)
	change, err := agent.Decide(agent.Known{Tenant: tenant, ID: id, Presence: p}, agent.LosePod{Pod: pod}, time.Now(), agent.Rules{Grace: time.Minute})
	if err != nil || change == nil {
		s.Fatal("nothing to sweep", err)
	}
	s.overwrite(change.After)
	key, rdb := s.key("pod:" + pod)
	if err := rdb.ZRem(s.Context(), key, id).Err(); err != nil {
		s.Fatal(err)
	}
}

// overwrite stores a presence one revision on.
func (s *stage) overwrite(p *presencev1.Presence) {
	s.Helper()
	value, err := proto.Marshal(p)
	if err != nil {
		s.Fatal(err)
	}
	key, rdb := s.key(state.Name(p.AgentId))
	_, revision := s.presenceOf(p.AgentId)
	epoch, err := rdb.HGet(s.Context(), commit.MarkKey(tenant, "agent-presence"), "epoch").Uint64()
	if err != nil {
		s.Fatal(err)
	}
	next := commit.Revision{Epoch: uint32(epoch), N: revision.N + 1}
	if err := rdb.HSet(s.Context(), key, "r", fmt.Sprint(next.Number()), "o", "by hand", "v", value).Err(); err != nil {
		s.Fatal(err)
	}
}
