package flow

import (
	"context"
	"crypto/rand"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/rebuild"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// Heal makes a record what the log says, or tells the log what Redis has, if it still stands where the audit found it.
func (f *Flow) Heal(ctx context.Context, h rebuild.Healing) error {
	result, err := f.store.Do(ctx, h.Tenant, "heal/"+rand.Text(), func(ctx context.Context, tx *commit.Tx) error {
		r := tx.Record(h.Record)
		if err := tx.Fetch(ctx); err != nil || r.Revision != h.Redis {
			return err
		}
		tx.Beyond(r, h.Log)
		values := [][]byte{h.Value, r.Value}
		if h.RedisKnows() {
			values = [][]byte{r.Value, h.Value}
		}
		for _, value := range values {
			if done, err := state.Heal(tx, r, value); done || err != nil {
				return err
			}
		}
		tx.Delete(r) // nobody can read it, and the log has never heard of it
		return nil
	})
	if err == nil && result.Changed && state.IsEntry(h.Record) {
		f.pushHealed(ctx, h.Tenant, h.Record)
	}
	return err
}

func (f *Flow) pushHealed(ctx context.Context, tenant, record string) {
	if s, _, err := f.Get(ctx, tenant, record); err == nil && s.Entry != nil {
		f.push.Entry(ctx, record, s.Entry)
	}
}
