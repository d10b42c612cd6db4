package flow

import (
	"context"
	"crypto/rand"
	"time"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
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
	_, err = f.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		var records []*commit.Record
		asked := map[string]bool{}
		for _, it := range items {
			for _, q := range job.Joins(it) {
				if !asked[q] {
					asked[q] = true
					records = append(records, tx.Record(state.Queue(q)))
				}
			}
		}
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		exists, err = live(records)
		return err
	})
	return exists, err
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
		r, ended := tx.Record(state.Job(id)), askCounts(tx, id)
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
			tx.Grow()
		}
		j = next
		return state.PutJob(tx, r, job.Uncounted(next), what)
	})
	return j, result, err
}

// at names the record and the revision that refused.
func at(err error, r *commit.Record) error {
	if no, ok := refusal.As(err); ok {
		return no.At(r.Name, r.Revision.Epoch, r.Revision.N)
	}
	return err
}

// portion is how many requests wait for Kafka at once: the producer is shared with all other commits.
const portion = 500

func (f *Flow) send(ctx context.Context, all []*provisioningv1.Request) error {
	messages := make([]eventlog.Message, 0, portion)
	trace := traceOf(ctx)
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

// Import is what became of a file.
type Import struct {
	*job.Import
	// Job is nil if the file has errors, and in a dry run.
	Job     *provisioningv1.Job
	Summary string
}

// ImportAgents takes the agents of a file, all or none.
func (f *Flow) ImportAgents(ctx context.Context, o job.Order, file []byte, dryRun bool) (*Import, error) {
	im := &Import{Import: job.ReadCSV(file)}
	o.Items = im.Items()
	exists, err := f.queues(ctx, o.Tenant, o.Items)
	if err != nil {
		return nil, err
	}
	for i, a := range im.Agents {
		for _, p := range directory.UnknownQueues(a.GetQueueIds(), exists) {
			im.Refuse(i, p)
		}
	}
	im.Summary = im.Says(dryRun)
	if len(im.Errors) > 0 || dryRun {
		return im, nil
	}
	im.Job, err = f.CreateJob(ctx, o)
	return im, err
}
