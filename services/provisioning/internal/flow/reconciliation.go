package flow

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// Reconciliation reads the report on a tenant's last round, or on the one under way; nil if there was none in this epoch.
// now is Redis' clock, which the report's times are by.
func (f *Flow) Reconciliation(ctx context.Context, tenant string) (r *provisioningv1.Reconciliation, now time.Time, verified bool, err error) {
	verified, err = f.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) (err error) {
		record := tx.Record(state.Reconciliation)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		now = tx.Now()
		r, err = state.ReconciliationIn(record)
		return err
	})
	return r, now, verified, err
}

// KeepReconciliation replaces the report. change gets a copy of the one before, nil if there is none, and Redis' clock; it
// may be called several times. The record has no event: a new epoch begins without it.
func (f *Flow) KeepReconciliation(ctx context.Context, tenant string, change func(have *provisioningv1.Reconciliation, now time.Time) *provisioningv1.Reconciliation) error {
	_, err := f.store.Do(ctx, tenant, "reconciliation:"+rand.Text(), func(ctx context.Context, tx *commit.Tx) error {
		record := tx.Record(state.Reconciliation)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		have, err := state.ReconciliationIn(record)
		if err != nil {
			return err
		}
		return state.PutReconciliation(tx, record, change(have, tx.Now()))
	})
	return err
}

// Changing are the agents of items that have not ended, by their ids.
func (f *Flow) Changing(ctx context.Context, tenant string) (map[string]bool, error) {
	pending, err := f.Members(ctx, tenant, state.Pending)
	if err != nil {
		return nil, err
	}
	items := pending[0]
	agents := map[string]bool{}
	err = f.readVerified(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		for some := range slices.Chunk(items, portion) {
			records := make([]*commit.Record, len(some))
			for i, name := range some {
				records[i] = tx.Record(name)
			}
			if err := tx.Fetch(ctx); err != nil {
				return err
			}
			for _, r := range records {
				o, err := state.ItemIn(r)
				if err != nil {
					return err
				}
				if o != nil && !job.Final(o) {
					agents[o.GetAgentId()] = true
				}
			}
		}
		return nil
	})
	return agents, err
}
