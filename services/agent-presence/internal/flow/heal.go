package flow

import (
	"context"
	"crypto/rand"

	"google.golang.org/protobuf/proto"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/rebuild"
	"github.com/busyhour/busyhour/services/agent-presence/internal/agent"
	"github.com/busyhour/busyhour/services/agent-presence/internal/state"
)

// Heal makes a presence what the log says, or tells the log what Redis has, if it still stands where the audit found it.
func (f *Flow) Heal(ctx context.Context, h rebuild.Healing) error {
	id, ok := state.AgentOf(h.Record)
	if !ok {
		return nil // nothing else of this service's has events
	}
	var healed *presencev1.Presence
	result, err := f.store.Do(ctx, h.Tenant, "heal/"+rand.Text(), func(ctx context.Context, tx *commit.Tx) (err error) {
		healed, err = f.heal(ctx, tx, h, id)
		return err
	})
	if err == nil && result.Changed && healed != nil {
		f.push.Presence(ctx, healed, result.Revision, result.Previous)
	}
	return err
}

func (f *Flow) heal(ctx context.Context, tx *commit.Tx, h rebuild.Healing, id string) (*presencev1.Presence, error) {
	loaded := state.Ask(tx, id)
	if err := tx.Fetch(ctx); err != nil || loaded.Revision() != h.Redis {
		return nil, err
	}
	stored, logged := presenceIn(loaded.Value(), id), presenceIn(h.Value, id)
	truth := logged
	switch {
	case stored != nil && (h.RedisKnows() || logged == nil):
		truth = stored
	case logged != nil && h.Log.Epoch < tx.Epoch():
		truth, _ = agent.Reborn(logged, tx.Now(), 0, 0, f.rules) // its screens are those of an epoch that has ended
	}
	if truth == nil { // nobody can read it, and the log has never heard of it
		loaded.Forget(tx)
		return nil, nil
	}
	change := &agent.Change{Kind: presencev1.PresenceEvent_KIND_HEALED, Before: stored, After: truth}
	return truth, loaded.Heal(tx, change, h.Log)
}

// presenceIn decodes a presence; nil if it is none, or somebody else's.
func presenceIn(value []byte, id string) *presencev1.Presence {
	p := &presencev1.Presence{}
	if len(value) == 0 || proto.Unmarshal(value, p) != nil || p.AgentId != id {
		return nil
	}
	return p
}
