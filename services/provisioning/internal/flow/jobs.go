package flow

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// CreateJob takes an order: the job's record, then every item into provisioning.requests, then the word that all are
// there. Broken off anywhere, the same call again goes on: what is written twice is one item.
func (f *Flow) CreateJob(ctx context.Context, o job.Order) (*provisioningv1.Job, error) {
	if err := f.check(ctx, o); err != nil {
		return nil, err
	}
	j, err := f.openJob(ctx, o)
	if err != nil {
		return nil, err
	}
	if j.GetAcceptedAt() == nil {
		requests := job.Requests(j, o.Items)
		if err := f.send(ctx, requests); err != nil {
			return nil, refusal.New(refusal.Unavailable, "BROKEN_OFF", "job %s: not every item is known to be in the log: %v", j.GetId(), err).
				To("send the same job again under the same request id; nothing will be done twice")
		}
		if err := f.acceptJob(ctx, j); err != nil {
			return nil, err
		}
		f.hurry(ctx, requests)
	}
	j, _, err = f.GetJob(ctx, o.Tenant, j.GetId())
	return j, err
}

// check refuses an order of which an item is known to fail. Items that have failed before may each fail again.
func (f *Flow) check(ctx context.Context, o job.Order) error {
	if err := job.Check(o.Items); err != nil || o.RetryOf != "" {
		return err
	}
	exists, err := f.queues(ctx, o.Tenant, o.Items)
	if err != nil {
		return err
	}
	return job.CheckQueues(o.Items, exists)
}

// queues tells which of the queues exist that items name.
func (f *Flow) queues(ctx context.Context, tenant string, items []*provisioningv1.Item) (exists func(id string) bool, err error) {
	found := map[string]bool{}
	for some := range slices.Chunk(joined(items), portion) {
		_, err := f.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error { return find(ctx, tx, some, found) })
		if err != nil {
			return nil, err
		}
	}
	return func(id string) bool { return found[id] }, nil
}

// joined are the queues that items have agents serve, each once.
func joined(items []*provisioningv1.Item) (ids []string) {
	seen := map[string]bool{}
	for _, it := range items {
		for _, q := range job.Joins(it) {
			if !seen[q] {
				seen[q] = true
				ids = append(ids, q)
			}
		}
	}
	return ids
}

// find notes which of the queues exist.
func find(ctx context.Context, tx *commit.Tx, ids []string, found map[string]bool) error {
	records := make([]*commit.Record, len(ids))
	for i, id := range ids {
		records[i] = tx.Record(state.Queue(id))
	}
	if err := tx.Fetch(ctx); err != nil {
		return err
	}
	exists, err := live(records)
	if err != nil {
		return err
	}
	for _, id := range ids {
		found[id] = exists(id)
	}
	return nil
}

// openJob writes the job's record, or finds it.
func (f *Flow) openJob(ctx context.Context, o job.Order) (*provisioningv1.Job, error) {
	j, result, err := f.changeJob(ctx, o.Tenant, job.ID(o.Tenant, o.RequestID), "created",
		func(have *provisioningv1.Job, now time.Time) (*provisioningv1.Job, error) {
			return job.Create(have, o, now)
		})
	return j, f.answer(ctx, o.Tenant, result, err)
}

func (f *Flow) acceptJob(ctx context.Context, j *provisioningv1.Job) error {
	_, result, err := f.changeJob(ctx, j.GetTenant(), j.GetId(), "accepted",
		func(have *provisioningv1.Job, now time.Time) (*provisioningv1.Job, error) {
			return job.Accept(have, now), nil
		})
	return f.answer(ctx, j.GetTenant(), result, err)
}

// changeJob decides about a job, which is counted.
func (f *Flow) changeJob(ctx context.Context, tenant, id, what string, decide func(*provisioningv1.Job, time.Time) (*provisioningv1.Job, error)) (j *provisioningv1.Job, result commit.Result, err error) {
	result, err = f.store.Do(ctx, tenant, what+":"+rand.Text(), func(ctx context.Context, tx *commit.Tx) error {
		r, ended, pending := tx.Record(state.Job(id)), askCounts(tx, id), tx.Count(state.Pending)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		have, err := state.JobIn(r)
		if err != nil {
			return err
		}
		if have != nil {
			have = job.Count(have, ended.read())
		}
		j = have
		next, err := decide(have, tx.Now())
		if err != nil || next == nil {
			return at(err, r)
		}
		if have == nil {
			if err := f.room(next, *pending); err != nil {
				return err
			}
			tx.Grow()
		}
		j = next
		return state.PutJob(tx, r, job.Uncounted(next), what)
	})
	return j, result, err
}

// room refuses a job for which there is no room beside what waits. Redis' memory is bounded, and the downstreams set the pace.
func (f *Flow) room(j *provisioningv1.Job, pending int64) error {
	if pending+int64(j.GetTotal()) <= int64(f.backlog) {
		return nil
	}
	return refusal.New(refusal.Full, "BACKLOG_FULL", "%d items of tenant %s have no outcome yet, and with %d more it would be beyond the %d that may wait",
		pending, j.GetTenant(), j.GetTotal(), f.backlog).To("send the job again when fewer wait, or cancel one that does")
}

// at names the record and the revision that refused.
func at(err error, r *commit.Record) error {
	if no, ok := refusal.As(err); ok {
		return no.At(r.Name, r.Revision.Epoch, r.Revision.N)
	}
	return err
}

// portion is how many requests wait for Kafka at once, or are asked for at once: producer and Redis are shared with all others.
const portion = 500

func (f *Flow) send(ctx context.Context, all []*provisioningv1.Request) error {
	messages := make([]eventlog.Message, 0, portion)
	trace := eventlog.TraceHeaders(ctx)
	for i, r := range all {
		m, err := requestMessage(r, trace)
		if err != nil {
			return err
		}
		messages = append(messages, m)
		if len(messages) == portion || i == len(all)-1 {
			if err := f.log.Send(ctx, messages...); err != nil {
				return err
			}
			messages = messages[:0]
		}
	}
	return nil
}
