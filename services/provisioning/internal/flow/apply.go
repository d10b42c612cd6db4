package flow

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// Why an item is not begun.
var (
	// ErrEnded says that the item has ended, or was forgotten.
	ErrEnded = errors.New("the item has ended")
	// ErrPaused says that its job is paused.
	ErrPaused = errors.New("the item's job is paused")
	// ErrCancelled says that its job was cancelled.
	ErrCancelled = errors.New("the item's job was cancelled")
	// ErrEarly says that other items of its job have to end first.
	ErrEarly = errors.New("other items of the job come first")
)

// Applied is what an item made of the directory.
type Applied struct {
	Standing
	durable chan error
}

// Apply makes an item's change in the directory, and notes with it that the item has begun: a job that is paused or
// cancelled is one before it or after it. It does not wait for the log; Durable does. A refusal it waits for, for it ends the
// item, and must not rest on what could be lost. keep: the item is to remember how its agent stood before.
func (f *Flow) Apply(ctx context.Context, r *provisioningv1.Request, keep bool) (*Applied, error) {
	w := wishOf(r)
	standing, result, err := f.commit(ctx, w, state.ItemOf(r), &beginning{request: r, keep: keep})
	if err == nil && result.Duplicate { // what the answer that was lost said is not known, and things may have moved on
		standing, err = f.Current(ctx, r.GetTenant(), result.Record)
		result.Revision = standing.Revision
	}
	no, refused := refusal.As(err)
	if err != nil && (!refused || no.Code == refusal.Unavailable) {
		return nil, err
	}
	a := f.applied(r, standing, result)
	if refused {
		return nil, cmp.Or(a.Durable(ctx), err)
	}
	return a, nil
}

// Resume is Apply for an item of which a downstream has been told: the directory had its change before that, and what
// stands there now is what the others are told.
func (f *Flow) Resume(ctx context.Context, r *provisioningv1.Request) (*Applied, error) {
	standing, result, err := f.current(ctx, r.GetTenant(), state.Named(job.Entity(r.GetItem())))
	if err != nil {
		return nil, err
	}
	return f.applied(r, standing, result), nil
}

func (f *Flow) applied(r *provisioningv1.Request, s Standing, result commit.Result) *Applied {
	a := &Applied{Standing: s, durable: make(chan error, 1)}
	f.store.WhenDurable(r.GetTenant(), result, func(err error) { a.durable <- err })
	return a
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

// beginning notes, along with its change, that an item has begun.
type beginning struct {
	request   *provisioningv1.Request
	keep      bool // how the agent stood before
	item, job *commit.Record
	ended     *counts // nil if it waits for none
}

func (b *beginning) ask(tx *commit.Tx) {
	b.item, b.job = tx.Record(state.ItemOf(b.request)), tx.Record(state.Job(b.request.GetJobId()))
	b.ended = nil
	if b.request.GetAfter() > 0 {
		b.ended = askCounts(tx, b.request.GetJobId())
	}
}

func (b *beginning) may() error {
	o, err := state.ItemIn(b.item)
	if err != nil {
		return err
	}
	j, err := state.JobIn(b.job)
	switch {
	case err != nil:
		return err
	case o == nil || job.Final(o):
		return ErrEnded
	case o.GetBegunAt() != nil:
		return nil
	case j.GetCancelledAt() != nil:
		return ErrCancelled
	case j.GetPausedAt() != nil:
		return ErrPaused
	case b.ended != nil && job.Early(b.request, b.ended.read().Ended()):
		return ErrEarly
	}
	return nil
}

func (b *beginning) put(tx *commit.Tx, p directory.Present) error {
	o, err := state.ItemIn(b.item)
	if err != nil {
		return err
	}
	var before *provisioningv1.DirectoryEntry
	if b.keep {
		before = job.Before(p, b.request)
	}
	begun := job.Begin(o, before, tx.Now())
	if begun == nil {
		return nil
	}
	tx.Guard(b.job)
	return state.PutItem(tx, b.item, begun)
}

// wishOf is what an item wishes of the directory.
func wishOf(r *provisioningv1.Request) wish {
	it, tenant, actor := r.GetItem(), r.GetTenant(), r.GetActor()
	var w wish
	switch it.GetKind() {
	case provisioningv1.Item_KIND_CREATE_AGENT, provisioningv1.Item_KIND_UPDATE_AGENT, provisioningv1.Item_KIND_UPSERT_AGENT:
		w.entry = directory.AgentEntry(tenant, actor, it.GetAgent())
	case provisioningv1.Item_KIND_CREATE_QUEUE, provisioningv1.Item_KIND_UPDATE_QUEUE, provisioningv1.Item_KIND_UPSERT_QUEUE:
		w.entry = directory.QueueEntry(tenant, actor, it.GetQueue())
	case provisioningv1.Item_KIND_DELETE_QUEUE:
		w.entry = directory.NoQueue(tenant, actor, it.GetQueue().GetId())
	default:
		w.entry = directory.NoAgent(tenant, actor, it.GetAgent().GetId())
		w.entry.Deleted = it.GetKind() == provisioningv1.Item_KIND_DELETE_AGENT
		w.partial = true
	}
	w.entry.RequestedAt, w.entry.Item = r.GetRequestedAt(), fmt.Sprintf("%s/%d", r.GetJobId(), r.GetNumber())
	w.joins = job.Joins(it)
	w.move = unmoved(it.GetIfRevision(), moveOf(it))
	return w
}

func moveOf(it *provisioningv1.Item) move {
	switch it.GetKind() {
	case provisioningv1.Item_KIND_CREATE_AGENT, provisioningv1.Item_KIND_CREATE_QUEUE:
		return directory.Create
	case provisioningv1.Item_KIND_UPDATE_AGENT, provisioningv1.Item_KIND_UPDATE_QUEUE:
		return directory.Replace
	case provisioningv1.Item_KIND_DELETE_AGENT, provisioningv1.Item_KIND_DELETE_QUEUE:
		return directory.Remove
	case provisioningv1.Item_KIND_UPSERT_AGENT, provisioningv1.Item_KIND_UPSERT_QUEUE:
		return directory.Upsert
	}
	return directory.Edit(editOf(it))
}

// editOf is what an item changes of an agent that is there.
func editOf(it *provisioningv1.Item) func(*provisioningv1.Agent) {
	return func(a *provisioningv1.Agent) {
		switch it.GetKind() {
		case provisioningv1.Item_KIND_ACTIVATE_AGENT:
			a.Deactivated = false
		case provisioningv1.Item_KIND_DEACTIVATE_AGENT:
			a.Deactivated = true
		case provisioningv1.Item_KIND_SET_SKILLS:
			directory.SetSkills(a, it.GetAgent().GetSkills())
		case provisioningv1.Item_KIND_REMOVE_SKILLS:
			directory.RemoveSkills(a, it.GetAgent().GetSkills())
		case provisioningv1.Item_KIND_JOIN_QUEUES:
			directory.JoinQueues(a, it.GetAgent().GetQueueIds())
		case provisioningv1.Item_KIND_LEAVE_QUEUES:
			directory.LeaveQueues(a, it.GetAgent().GetQueueIds())
		}
	}
}
