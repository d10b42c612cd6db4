package sweep

import (
	"context"
	"fmt"
	"math"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/agent-presence/internal/agent"
	"github.com/busyhour/busyhour/services/agent-presence/internal/state"
)

// Directory ends the availability of the deactivated whom no push told of, until ctx ends.
func (s *Sweep) Directory(ctx context.Context) error {
	return s.every(ctx, compareEvery, "the available against the directory", s.StandDown)
}

// StandDown looks through all who are available once.
func (s *Sweep) StandDown(ctx context.Context, tenant string) error {
	var deactivated []string
	for skip := 0; ; skip += perRead {
		found, n, err := s.deactivated(ctx, tenant, skip)
		if err != nil {
			return err
		}
		deactivated = append(deactivated, found...)
		if n < perRead {
			break
		}
	}
	return s.each(ctx, len(deactivated), func(ctx context.Context, i int) error {
		return s.move(ctx, tenant, deactivated[i], "", agent.StandDown{}, "deactivated")
	})
}

// deactivated reads a page of the available, and how many stand in it.
func (s *Sweep) deactivated(ctx context.Context, tenant string, skip int) (found []string, n int, err error) {
	_, err = s.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		page := tx.After(state.Available, math.Inf(-1), skip, perRead)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		entries := make([]*commit.Record, len(page.List))
		for i, m := range page.List {
			entries[i] = state.AskEntry(tx, m.Name)
		}
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		found, n = nil, len(page.List)
		for i, e := range entries {
			listed, err := state.Listed(e)
			if err != nil {
				return err
			}
			if listed.GetDeactivated() {
				found = append(found, page.List[i].Name)
			}
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("compare the available with the directory: %w", err)
	}
	return found, n, nil
}
