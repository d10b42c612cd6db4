package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// mostTries is how often the same drift of an agent is repaired.
const mostTries = 3

// try is how often a drift was repaired.
type try struct {
	print string // of the drift
	times int
}

// printOf a drift is another one when the directory or the difference is.
func printOf(f finding) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d.%d %d %q", f.revision.GetEpoch(), f.revision.GetN(), f.kind, f.words))
	return hex.EncodeToString(sum[:8])
}

// Tries keeps, by agent, how often a drift was repaired. If it is lost, drifts are repaired a few times more.
type Tries interface {
	Load(ctx context.Context, tenant string) (map[string]try, error)
	// Keep notes tries; those of zero times it forgets.
	Keep(ctx context.Context, tenant string, tries map[string]try) error
}

type tries struct{ store *commit.Store }

// NewTries keeps them in Redis, in the namespace of the epoch: hash drifts, agent:<id> → times and print.
func NewTries(store *commit.Store) Tries { return tries{store} }

func (t tries) key(tenant string) string {
	epoch, _ := t.store.Verified(tenant)
	return commit.Key(tenant, state.Service, epoch, "drifts")
}

func (t tries) Load(ctx context.Context, tenant string) (map[string]try, error) {
	fields, err := t.store.Redis().HGetAll(ctx, t.key(tenant)).Result()
	if err != nil {
		return nil, fmt.Errorf("read which drifts of %s were repaired how often: %w", tenant, err)
	}
	all := map[string]try{}
	for name, value := range fields {
		times, print, _ := strings.Cut(value, " ")
		if n, err := strconv.Atoi(times); err == nil {
			all[strings.TrimPrefix(name, state.Agent(""))] = try{print, n}
		}
	}
	return all, nil
}

func (t tries) Keep(ctx context.Context, tenant string, all map[string]try) error {
	pipe := t.store.Redis().Pipeline()
	for id, one := range all {
		if one.times == 0 {
			pipe.HDel(ctx, t.key(tenant), state.Agent(id))
			continue
		}
		pipe.HSet(ctx, t.key(tenant), state.Agent(id), strconv.Itoa(one.times)+" "+one.print)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("note how often %d drifts of %s were repaired: %w", len(all), tenant, err)
	}
	return nil
}
