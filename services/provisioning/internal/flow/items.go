package flow

import (
	"context"
	"fmt"
	"strings"
	"time"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// Taken says which requests are items now, and have not ended: they are to be in the stream.
type Taken struct {
	Epoch uint32
	Items []Waiting
}

// Waiting is an item that waits for a worker.
type Waiting struct {
	Name     string // of its record
	Priority provisioningv1.Priority
}

// ByPriority are the names of the items of each priority.
func (t Taken) ByPriority() map[provisioningv1.Priority][]string {
	names := map[provisioningv1.Priority][]string{}
	for _, w := range t.Items {
		names[w.Priority] = append(names[w.Priority], w.Name)
	}
	return names
}

// Take makes requests of a tenant items, those that are none yet. Many travel in one commit: a pending item is no event,
// and the requests that it comes from are in the log.
func (f *Flow) Take(ctx context.Context, tenant string, requests []*provisioningv1.Request) (Taken, error) {
	var open []Waiting
	result, err := f.store.Do(ctx, tenant, "", func(ctx context.Context, tx *commit.Tx) error {
		open = open[:0]
		records := make(map[string]*commit.Record, len(requests)) // a request may be there twice
		for _, r := range requests {
			if name := state.ItemOf(r); records[name] == nil {
				records[name] = tx.Record(name)
			}
		}
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		for _, r := range requests {
			name := state.ItemOf(r)
			record, first := records[name]
			if !first {
				continue
			}
			delete(records, name)
			pending, err := take(tx, record, r)
			if err != nil {
				return err
			}
			if pending {
				open = append(open, Waiting{name, job.PriorityOfRequest(r)})
			}
		}
		return nil
	})
	return Taken{Epoch: result.Epoch, Items: open}, err
}

// Confirm calls done once it is certain that what was taken in an epoch was taken by the epoch that counts: no later one had
// begun by then. done gets an error if one had.
func (f *Flow) Confirm(tenant string, epoch uint32, done func(error)) {
	f.store.WhenDurable(tenant, commit.Result{Epoch: epoch}, done)
}

func take(tx *commit.Tx, record *commit.Record, r *provisioningv1.Request) (pending bool, err error) {
	have, err := state.ItemIn(record)
	if err != nil || job.Final(have) {
		return false, err
	}
	if o := job.Take(have, r, tx.Now()); o != nil {
		err = state.PutItem(tx, record, o)
	}
	return true, err
}

// Finish ends an item, if it has not ended before.
func (f *Flow) Finish(ctx context.Context, tenant, name string, v job.Verdict) (*provisioningv1.Outcome, error) {
	return f.changeItem(ctx, tenant, name, "finish", func(have *provisioningv1.Outcome, now time.Time) *provisioningv1.Outcome {
		if have == nil {
			return nil
		}
		return job.Finish(have, v, now)
	})
}

// Step keeps what came of telling a downstream of an item, and returns the item as it stands after. The error is ErrEnded if
// it has ended meanwhile.
func (f *Flow) Step(ctx context.Context, tenant, name string, s *provisioningv1.Step) (*provisioningv1.Outcome, error) {
	op := fmt.Sprintf("step/%s/%s", s.GetDownstream(), s.GetState())
	o, err := f.changeItem(ctx, tenant, name, op, func(have *provisioningv1.Outcome, now time.Time) *provisioningv1.Outcome {
		return job.PutStep(have, s, now)
	})
	if err == nil && (o == nil || job.Final(o)) {
		err = ErrEnded
	}
	return o, err
}

// changeItem decides about one item and returns it as it stands after.
func (f *Flow) changeItem(ctx context.Context, tenant, name, op string, decide func(*provisioningv1.Outcome, time.Time) *provisioningv1.Outcome) (o *provisioningv1.Outcome, err error) {
	result, err := f.store.Do(ctx, tenant, op+":"+name, func(ctx context.Context, tx *commit.Tx) error {
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
	return o, err
}

func (f *Flow) count(all ...*provisioningv1.Outcome) {
	for _, o := range all {
		if job.Final(o) {
			f.ended.WithLabelValues(strings.ToLower(strings.TrimPrefix(o.GetOutcome().String(), "ITEM_OUTCOME_"))).Inc()
		}
	}
}

// Item reads an item; nil if there is none. Workers act on it, so it must be verified.
func (f *Flow) Item(ctx context.Context, tenant, name string) (o *provisioningv1.Outcome, err error) {
	err = f.readVerified(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		r := tx.Record(name)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		o, err = state.ItemIn(r)
		return err
	})
	return o, err
}

// Paused reports whether a job is paused.
func (f *Flow) Paused(ctx context.Context, tenant, id string) (paused bool, err error) {
	err = f.readVerified(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		r := tx.Record(state.Job(id))
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		j, err := state.JobIn(r)
		paused = j.GetPausedAt() != nil
		return err
	})
	return paused, err
}

func (f *Flow) readVerified(ctx context.Context, tenant string, read func(ctx context.Context, tx *commit.Tx) error) error {
	verified, err := f.store.Read(ctx, tenant, read)
	if err == nil && !verified {
		err = unverified(tenant)
	}
	return err
}

func unverified(tenant string) error {
	return refusal.New(refusal.Unavailable, "UNVERIFIED", "the state of tenant %s is not verified", tenant).To("try again in a moment")
}

// Current reads an entry as it stands now, by the name of its record. Downstreams are told of it, so it must be verified.
func (f *Flow) Current(ctx context.Context, tenant, record string) (Standing, error) {
	s, _, err := f.current(ctx, tenant, record)
	return s, err
}

// current also gives what WhenDurable waits by.
func (f *Flow) current(ctx context.Context, tenant, record string) (s Standing, result commit.Result, err error) {
	err = f.readVerified(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		r := tx.Record(record)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		p, err := state.Present(r)
		s = Standing{p.Entry, r.Revision}
		result = commit.Result{Record: record, Revision: r.Revision, Previous: r.Revision, Epoch: tx.Epoch()}
		return err
	})
	return s, result, err
}
