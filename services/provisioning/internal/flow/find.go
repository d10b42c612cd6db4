package flow

import (
	"context"
	"math"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// What is read here must be verified: who asks has no way to say "as far as we know", and would create again what has only
// not come back yet.

// Entries reads entries by the names of their records; nil where there is none, or where it was deleted.
func (f *Flow) Entries(ctx context.Context, tenant string, names ...string) (entries []*directory.Entry, err error) {
	err = f.readVerified(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		records := make([]*commit.Record, len(names))
		for i, name := range names {
			records[i] = tx.Record(name)
		}
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		entries = make([]*directory.Entry, len(names))
		for i, r := range records {
			p, err := state.Present(r)
			if err != nil {
				return err
			}
			if p.Live() {
				entries[i] = p.Entry
			}
		}
		return nil
	})
	return entries, err
}

// Page reads up to n entries of agents or queues in the order of their ids, leaving out the first skip, and counts all.
func (f *Flow) Page(ctx context.Context, tenant, index string, skip, n int) (entries []*directory.Entry, total int, err error) {
	name := state.Agent
	if index == state.Queues {
		name = state.Queue
	}
	err = f.readVerified(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		entries = nil
		count, ids := tx.Count(index), tx.After(index, math.Inf(-1), skip, n)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		total = int(*count)
		records := make([]*commit.Record, len(ids.List))
		for i, m := range ids.List {
			records[i] = tx.Record(name(m.Name))
		}
		if len(records) == 0 {
			return nil
		}
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		entries, err = liveEntries(records)
		return err
	})
	return entries, total, err
}

// Next reads up to n entries of agents or queues in the order of their ids, those after an id: whoever reads all of them
// misses none because another is deleted meanwhile. last is the id to go on from; it is empty when there are no more.
func (f *Flow) Next(ctx context.Context, tenant, index, after string, n int) (entries []*directory.Entry, last string, err error) {
	entries, last, verified, err := f.List(ctx, tenant, index, after, n)
	if err == nil && !verified {
		err = unverified(tenant)
	}
	return entries, last, err
}

// mostMembers of an index that are read: more than a tenant has agents.
const mostMembers = 1 << 20

// Members reads who is in each of some indexes.
func (f *Flow) Members(ctx context.Context, tenant string, indexes ...string) (members [][]string, err error) {
	err = f.readVerified(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		lists := make([]*commit.Members, len(indexes))
		for i, index := range indexes {
			lists[i] = tx.First(index, mostMembers)
		}
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		members = make([][]string, len(indexes))
		for i, l := range lists {
			for _, m := range l.List {
				members[i] = append(members[i], m.Name)
			}
		}
		return nil
	})
	return members, err
}
