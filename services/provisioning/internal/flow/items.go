package flow

import (
	"context"
	"time"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// Taken is a request that has become an item.
type Taken struct {
	// Name of the item's record.
	Name string
	// Epoch in which it is an item.
	Epoch uint32
	// Final: it has ended, and is not to be run.
	Final bool
}

// Take makes a request an item, if it is none yet.
func (f *Flow) Take(ctx context.Context, r *provisioningv1.Request) (Taken, error) {
	name := state.Item(r.GetJobId(), r.GetNumber())
	o, result, err := f.changeItem(ctx, r.GetTenant(), name, "take", func(have *provisioningv1.Outcome, now time.Time) *provisioningv1.Outcome {
		return job.Take(have, r, now)
	})
	return Taken{Name: name, Epoch: result.Epoch, Final: job.Final(o)}, err
}

// Finish ends an item, if it has not ended before.
func (f *Flow) Finish(ctx context.Context, tenant, name string, v job.Verdict) (*provisioningv1.Outcome, error) {
	o, _, err := f.changeItem(ctx, tenant, name, "finish", func(have *provisioningv1.Outcome, now time.Time) *provisioningv1.Outcome {
		if have == nil {
			return nil
		}
		return job.Finish(have, v, now)
	})
	return o, err
}

// changeItem decides about one item and returns it as it stands after.
func (f *Flow) changeItem(ctx context.Context, tenant, name, op string, decide func(*provisioningv1.Outcome, time.Time) *provisioningv1.Outcome) (o *provisioningv1.Outcome, result commit.Result, err error) {
	result, err = f.store.Do(ctx, tenant, op+":"+name, func(ctx context.Context, tx *commit.Tx) error {
		r := tx.Record(name)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		have, err := state.ItemIn(r)
		if err != nil {
			return err
		}
		o = have
		next := decide(have, tx.Now())
		if next == nil {
			return nil
		}
		o = next
		return state.PutItem(tx, r, next)
	})
	if err == nil && result.Changed {
		f.count(o)
	}
	return o, result, err
}

func (f *Flow) count(o *provisioningv1.Outcome) {
	switch o.GetOutcome() {
	case provisioningv1.ItemOutcome_ITEM_OUTCOME_APPLIED:
		f.ended.WithLabelValues("applied").Inc()
	case provisioningv1.ItemOutcome_ITEM_OUTCOME_FAILED:
		f.ended.WithLabelValues("failed").Inc()
	}
}

// Item reads an item; nil if there is none.
func (f *Flow) Item(ctx context.Context, tenant, name string) (o *provisioningv1.Outcome, err error) {
	_, err = f.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		r := tx.Record(name)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		o, err = state.ItemIn(r)
		return err
	})
	return o, err
}

// Open leaves of some requests of a tenant those whose items have not ended.
func (f *Flow) Open(ctx context.Context, tenant string, all []*provisioningv1.Request) (open []*provisioningv1.Request, err error) {
	_, err = f.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		records := make([]*commit.Record, len(all))
		for i, r := range all {
			records[i] = tx.Record(state.Item(r.GetJobId(), r.GetNumber()))
		}
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		for i, r := range records {
			o, err := state.ItemIn(r)
			if err != nil {
				return err
			}
			if !job.Final(o) {
				open = append(open, all[i])
			}
		}
		return nil
	})
	return open, err
}

// Applied is what an item made of the directory.
type Applied struct {
	Standing
	durable chan error
}

// Apply makes an item's change in the directory. It does not wait for the log; Durable does.
func (f *Flow) Apply(ctx context.Context, r *provisioningv1.Request) (*Applied, error) {
	wish, decide := wishOf(r)
	standing, result, err := f.commit(ctx, wish, state.Item(r.GetJobId(), r.GetNumber()), decide)
	if err != nil {
		return nil, err
	}
	a := &Applied{Standing: standing, durable: make(chan error, 1)}
	f.store.WhenDurable(r.GetTenant(), result, func(err error) { a.durable <- err })
	return a, nil
}

// Durable waits until the change cannot be lost. An item ends only then, or its outcome could outlive its change. It may
// be called once.
func (a *Applied) Durable(ctx context.Context) error {
	select {
	case err := <-a.durable:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func wishOf(r *provisioningv1.Request) (*directory.Entry, move) {
	agent := r.GetItem().GetAgent()
	if r.GetItem().GetKind() == provisioningv1.Item_KIND_DELETE_AGENT {
		wish := directory.NoAgent(r.GetTenant(), r.GetActor(), agent.GetId())
		wish.RequestedAt = r.GetRequestedAt()
		return wish, func(tx *commit.Tx, p directory.Present, wish *directory.Entry) (*directory.Entry, error) {
			return directory.Remove(p, wish, tx.Now())
		}
	}
	wish := directory.AgentEntry(r.GetTenant(), r.GetActor(), agent)
	wish.RequestedAt = r.GetRequestedAt()
	return wish, func(tx *commit.Tx, p directory.Present, wish *directory.Entry) (*directory.Entry, error) {
		return directory.Upsert(p, wish, tx.Now())
	}
}

// Current reads an agent's entry as it stands now.
func (f *Flow) Current(ctx context.Context, tenant, id string) (s Standing, err error) {
	_, err = f.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		r := tx.Record(state.Agent(id))
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		p, err := state.Present(r)
		s = Standing{p.Entry, r.Revision}
		return err
	})
	return s, err
}
