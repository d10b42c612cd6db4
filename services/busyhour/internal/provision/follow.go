// Package provision follows bulk jobs over the public API: how far one is, how fast, and what fails on the way.
package provision

import (
	"context"
	"errors"
	"time"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

const (
	lookEvery = 500 * time.Millisecond
	// namedFailures are told one by one; of more, only the number.
	namedFailures = 20
)

// ErrUnverified says that a list would lack some of what there is.
var ErrUnverified = errors.New("the tenant's state is being rebuilt, and some would be missing; try again in a moment")

// Jobs is what a Follower asks.
type Jobs interface {
	Job(ctx context.Context, tenant, id string) (job *provisioningv1.Job, verified bool, err error)
	// Outcomes ends with ErrUnverified if there may be more than it gave.
	Outcomes(ctx context.Context, tenant, id string, only provisioningv1.ItemOutcome, each func(*provisioningv1.Outcome) bool) error
}

// Watcher is told what a job does.
type Watcher interface {
	Progress(Progress)
	Failed(*provisioningv1.Outcome)
}

// Follower follows one job to its end.
type Follower struct {
	Jobs       Jobs
	Tenant, ID string

	pace   pace
	named  map[uint32]bool
	failed uint32 // when failures were last listed
}

// Run asks until no item is pending, and returns the job as it ended. A paused job is waited for. An error means that it
// could not be asked for, or that ctx ended; the job goes on.
func (f *Follower) Run(ctx context.Context, w Watcher) (*provisioningv1.Job, error) {
	f.named = map[uint32]bool{}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		job, verified, err := f.Jobs.Job(ctx, f.Tenant, f.ID)
		if err != nil {
			return nil, err
		}
		if verified { // a state that is being rebuilt has forgotten some, for now
			if err := f.tell(ctx, w, job); err != nil {
				return nil, err
			}
			if job.Pending == 0 {
				return job, nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return job, ctx.Err()
		}
	}
}

func (f *Follower) tell(ctx context.Context, w Watcher, job *provisioningv1.Job) error {
	if job.Failed > f.failed && len(f.named) < namedFailures {
		switch err := f.name(ctx, w); {
		case err == nil:
			f.failed = job.Failed
		case !errors.Is(err, ErrUnverified): // then they are named at the next look
			return err
		}
	}
	w.Progress(f.pace.at(time.Now(), job))
	return nil
}

// name tells of failures that were not told before. They occur in any order, so all are listed again.
func (f *Follower) name(ctx context.Context, w Watcher) error {
	return f.Jobs.Outcomes(ctx, f.Tenant, f.ID, provisioningv1.ItemOutcome_ITEM_OUTCOME_FAILED, func(o *provisioningv1.Outcome) bool {
		if !f.named[o.Number] {
			f.named[o.Number] = true
			w.Failed(o)
		}
		return len(f.named) < namedFailures
	})
}
