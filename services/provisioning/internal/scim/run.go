package scim

import (
	"context"
	"crypto/rand"
	"time"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/identity"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/flow"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
)

// Runner runs the items of one request.
type Runner interface {
	// Run says, in the order of the items, why each failed; empty: the directory has it. An error means that some may
	// have been run and nobody knows.
	Run(ctx context.Context, tenant string, items []*provisioningv1.Item) (failures []string, err error)
}

// Jobs is the part of flow.Flow that Runs needs.
type Jobs interface {
	CreateJob(ctx context.Context, o job.Order) (*provisioningv1.Job, error)
	ListOutcomes(ctx context.Context, tenant, id string, only provisioningv1.ItemOutcome, after uint32, n int) (flow.Outcomes, bool, error)
}

const (
	// actor of what comes in here.
	actor = "scim"
	// patience with a job. Who is told 503 asks again, and finds it done or does it again.
	patience = 10 * time.Second
	// How often a job is looked at: soon at first, for most are a single item.
	firstLook, lookAtMost = 5 * time.Millisecond, 200 * time.Millisecond
)

// Runs makes a job of the items and waits until all have ended, or the directory has them: a downstream may be slow, and
// is nothing that an identity provider waits for.
type Runs struct{ jobs Jobs }

// NewRuns makes Runs.
func NewRuns(jobs Jobs) *Runs { return &Runs{jobs} }

// Run is Runner's.
func (r *Runs) Run(ctx context.Context, tenant string, items []*provisioningv1.Item) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	j, err := r.jobs.CreateJob(ctx, job.Order{Tenant: tenant, RequestID: "scim-" + rand.Text(), Actor: identity.Actor(ctx, actor), Items: items})
	if err != nil {
		return nil, err
	}
	w := &waiting{jobs: r.jobs, tenant: tenant, job: j.GetId(), failures: make([]string, len(items))}
	for wait := firstLook; ; wait = min(2*wait, lookAtMost) {
		done, err := w.look(ctx)
		if done || err != nil {
			return w.failures, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, refusal.New(refusal.Unavailable, "PENDING", "job %s has not ended within %s", j.GetId(), patience).
				To("read the resource again later, and repeat the change if it is not there")
		}
	}
}

// waiting is for the items of a job, in their order: those up to known have ended, or the directory has them.
type waiting struct {
	jobs        Jobs
	tenant, job string
	known       int
	failures    []string
}

const lookAt = 1000

func (w *waiting) look(ctx context.Context) (done bool, err error) {
	for w.known < len(w.failures) {
		page, _, err := w.jobs.ListOutcomes(ctx, w.tenant, w.job, provisioningv1.ItemOutcome_ITEM_OUTCOME_UNSPECIFIED, uint32(w.known), lookAt)
		if err != nil {
			return false, err
		}
		for _, o := range page.Items {
			failure, settled := verdict(o)
			if !settled {
				return false, nil
			}
			w.failures[w.known] = failure
			w.known++
		}
		if len(page.Items) == 0 {
			return false, nil
		}
	}
	return true, nil
}

// verdict of an item; one that has begun is in the directory.
func verdict(o *provisioningv1.Outcome) (failure string, settled bool) {
	switch o.GetOutcome() {
	case provisioningv1.ItemOutcome_ITEM_OUTCOME_APPLIED:
		return "", true
	case provisioningv1.ItemOutcome_ITEM_OUTCOME_FAILED:
		return orElse(o.GetReason(), "it failed"), true
	case provisioningv1.ItemOutcome_ITEM_OUTCOME_CANCELLED:
		return orElse(o.GetReason(), "its job was cancelled"), true
	}
	return "", o.GetBegunAt() != nil
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
