package rebuild

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/refusal"
)

const (
	// A difference counts if it is there in this many looks one after the other, and stands still.
	verifyLooks = 3
	verifyPause = 250 * time.Millisecond
)

// Verification is what a comparison of all of a tenant's records with the log has found.
type Verification struct {
	Tenant string `json:"tenant"`
	Epoch  uint32 `json:"epoch"`
	// Records in Redis, and in the log.
	Records int `json:"records"`
	Logged  int `json:"logged"`
	// Unsettled are records that changed at every look, or whose events are not in the log yet.
	Unsettled   []string      `json:"unsettled"`
	Divergences []Divergence  `json:"divergences"`
	Took        time.Duration `json:"took_ns"`
}

// Verify reads the whole log of a tenant and compares every stored record with it. Nothing is changed, and commits go on.
// What differs is looked at again, for it may have changed in between.
func (r *Recovery) Verify(ctx context.Context, tenant string) (*Verification, error) {
	began := time.Now()
	epoch, open := r.store.Verified(tenant)
	if !open {
		return nil, refusal.New(refusal.Unavailable, "UNVERIFIED", "tenant %s is closed in %s: there is nothing to compare", tenant, r.store.Service()).
			To("wait until it is open; /statusz says how far its recovery is")
	}
	v := &Verification{Tenant: tenant, Epoch: epoch}
	stored := map[string]commit.Stored{}
	if err := r.store.Walk(ctx, tenant, func(part []commit.Stored) error {
		for _, s := range part {
			stored[s.Name] = s
		}
		return nil
	}); err != nil {
		return nil, err
	}
	v.Records = len(stored)
	err := r.settle(ctx, v, stored)
	v.Took = time.Since(began)
	return v, err
}

// settle compares until nothing differs, or the same has differed at every look.
func (r *Recovery) settle(ctx context.Context, v *Verification, stored map[string]commit.Stored) error {
	var before map[string]Divergence
	for look := 1; ; look++ {
		logged, err := r.logged(ctx, v.Tenant, v.Epoch)
		if err != nil {
			return err
		}
		if look == 1 {
			v.Logged = len(logged)
			for name := range logged {
				if _, there := stored[name]; !there {
					stored[name] = commit.Stored{Record: commit.Record{Name: name}}
				}
			}
		}
		found, busy := r.compare(stored, logged, v.Epoch)
		if len(found)+len(busy) == 0 || look == verifyLooks {
			v.sum(found, busy, before)
			return nil
		}
		before = found
		if stored, err = r.again(ctx, v.Tenant, found, busy); err != nil {
			return err
		}
	}
}

// known is what the log says of a record.
type known struct {
	commit.Record
	over bool
}

// logged reads the log, and has the service say which of its records may be forgotten by now.
func (r *Recovery) logged(ctx context.Context, tenant string, epoch uint32) (map[string]known, error) {
	ends := map[string][]int64{}
	for _, topic := range r.source.EventTopics() {
		last, err := eventlog.LastOffsets(ctx, r.kafka, topic)
		if err != nil {
			return nil, err
		}
		if grown, _ := r.epochs.Grown(topic); len(last) < int(grown.Keys) {
			return nil, fmt.Errorf("the brokers say %s has %d partitions, it has %d: try again", topic, len(last), grown.Keys)
		}
		ends[topic] = last
	}
	found, err := r.read(ctx, []string{tenant}, ends, &progress{})
	if err != nil {
		return nil, err
	}
	records, err := found.records(tenant, r.source.Value)
	if err != nil {
		return nil, err
	}
	now, err := r.store.Clock(ctx, tenant)
	if err != nil {
		return nil, err
	}
	b := newBuild(tenant, epoch, now, records)
	if err := r.source.Derive(b); err != nil {
		return nil, fmt.Errorf("derive the state of %s: %w", tenant, err)
	}
	all := make(map[string]known, len(records))
	for _, one := range records {
		all[one.Name] = known{one, b.drop[one.Name]}
	}
	return all, nil
}

// compare tells what differs, and what cannot be compared now.
func (r *Recovery) compare(stored map[string]commit.Stored, logged map[string]known, epoch uint32) (found map[string]Divergence, busy []string) {
	found = map[string]Divergence{}
	for name, s := range stored {
		if s.Unpublished {
			busy = append(busy, name)
			continue
		}
		k := logged[name]
		same := s.Revision == k.Revision && r.source.same(s.Record, k.Value, epoch)
		if d, differs := r.source.difference(s.Record, k.Revision, k.over, same, s.At); differs {
			found[name] = d
		}
	}
	return found, busy
}

// again reads what differed or was busy once more, a moment later.
func (r *Recovery) again(ctx context.Context, tenant string, found map[string]Divergence, busy []string) (map[string]commit.Stored, error) {
	select {
	case <-time.After(verifyPause):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	names := busy
	for name := range found {
		names = append(names, name)
	}
	stored := make(map[string]commit.Stored, len(names))
	for part := range slices.Chunk(names, 256) {
		list, err := r.store.Stored(ctx, tenant, part)
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			stored[s.Name] = s
		}
	}
	return stored, nil
}

// sum tells apart what stood still and differed from what moved.
func (v *Verification) sum(found map[string]Divergence, busy []string, before map[string]Divergence) {
	v.Unsettled = append([]string{}, busy...)
	v.Divergences = []Divergence{}
	for name, d := range found {
		if before[name] != d {
			v.Unsettled = append(v.Unsettled, name)
			continue
		}
		v.Divergences = append(v.Divergences, d)
	}
	slices.Sort(v.Unsettled)
	slices.SortFunc(v.Divergences, func(a, b Divergence) int { return cmp.Compare(a.Record, b.Record) })
}
