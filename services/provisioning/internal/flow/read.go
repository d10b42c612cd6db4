package flow

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// Get reads an entry by the name of its record. verified says whether the state it was read from is; it is answered
// either way.
func (f *Flow) Get(ctx context.Context, tenant, record string) (s Standing, verified bool, err error) {
	var present directory.Present
	verified, err = f.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		r := tx.Record(record)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		present, err = state.Present(r)
		s = Standing{present.Entry, r.Revision}
		return err
	})
	if err != nil {
		return s, false, err
	}
	return s, verified, unless(verified, tenant, directory.Existing(present))
}

// unless is the refusal of what was not found, unless it may only not have come back yet.
func unless(verified bool, tenant string, missing error) error {
	if missing == nil || verified {
		return missing
	}
	return refusal.New(refusal.Unavailable, "UNVERIFIED", "the state of tenant %s is being rebuilt, and it is not there yet", tenant).
		To("try again in a moment")
}

// List reads up to n entries of an index in the order of their ids, those after an id. last is the id to go on from; it
// is empty when there are no more.
func (f *Flow) List(ctx context.Context, tenant, index, after string, n int) (entries []*directory.Entry, last string, verified bool, err error) {
	name := state.Agent
	if index == state.Queues {
		name = state.Queue
	}
	verified, err = f.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		ids, err := f.ids(ctx, tx, index, after, n+1)
		if err != nil || len(ids) == 0 {
			return err
		}
		if len(ids) > n {
			ids = ids[:n]
			last = ids[n-1]
		}
		records := make([]*commit.Record, len(ids))
		for i, id := range ids {
			records[i] = tx.Record(name(id))
		}
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		entries, err = liveEntries(records)
		return err
	})
	return entries, last, verified, err
}

// ids pages by the id itself, so that what is created or deleted meanwhile shifts no page.
func (f *Flow) ids(ctx context.Context, tx *commit.Tx, index, after string, n int) ([]string, error) {
	from := "-"
	if after != "" {
		from = "(" + after
	}
	key := commit.Key(tx.Tenant(), state.Service, tx.Epoch(), index)
	ids, err := f.store.Redis().ZRangeByLex(ctx, key, &redis.ZRangeBy{Min: from, Max: "+", Count: int64(n)}).Result()
	if err != nil {
		return nil, fmt.Errorf("read index %s of %s: %w", index, tx.Tenant(), err)
	}
	return ids, nil
}

// liveEntries leaves out what was deleted after the index was read.
func liveEntries(records []*commit.Record) ([]*directory.Entry, error) {
	var entries []*directory.Entry
	for _, r := range records {
		p, err := state.Present(r)
		if err != nil {
			return nil, err
		}
		if p.Live() {
			entries = append(entries, p.Entry)
		}
	}
	return entries, nil
}
