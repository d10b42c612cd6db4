package job

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
)

// An item's life. Outcome is its record: what was asked for and what became of it.
//
//	(nothing) ──Take──▶ PENDING ──Begin──▶ PENDING, begun ──Finish──▶ APPLIED | FAILED ──(Keep)──▶ (forgotten)
//	                      ├──────Finish──▶ FAILED: refused  └─────(Patience)──▶ FAILED
//	                      ├─────(Patience)──▶ FAILED
//	                      └──(job cancelled)──▶ CANCELLED
const (
	// Patience is how long an item may be pending. An item that found no downstream for so long has failed.
	Patience = 24 * time.Hour
	// LookAfter is how often a pending item is looked after: is it still in the queue of the workers?
	LookAfter = 10 * time.Minute
	// Keep is how long an item and its job are remembered: a day longer than the log keeps the requests, for an item
	// that is in the log and not in Redis counts as new.
	Keep = 31 * 24 * time.Hour
	// Broken is how long a call may take to write all of a job's items. What is missing then will not come.
	Broken = 10 * time.Minute
)

// Final reports whether nothing more will happen to the item.
func Final(o *provisioningv1.Outcome) bool {
	switch o.GetOutcome() {
	case provisioningv1.ItemOutcome_ITEM_OUTCOME_APPLIED, provisioningv1.ItemOutcome_ITEM_OUTCOME_FAILED, provisioningv1.ItemOutcome_ITEM_OUTCOME_CANCELLED:
		return true
	}
	return false
}

// Take makes a request an item, or returns nil if it is one already.
func Take(have *provisioningv1.Outcome, r *provisioningv1.Request, now time.Time) *provisioningv1.Outcome {
	if have != nil {
		return nil
	}
	o := outcome(r, provisioningv1.ItemOutcome_ITEM_OUTCOME_PENDING, now)
	o.Request = r
	return o
}

// Begin says that the directory has the item's change; nil if that was said before. before is how its agent stood there,
// nil if that is not kept.
func Begin(have *provisioningv1.Outcome, before *provisioningv1.DirectoryEntry, now time.Time) *provisioningv1.Outcome {
	if have.GetBegunAt() != nil {
		return nil
	}
	o := proto.CloneOf(have)
	o.BegunAt, o.Before = timestamppb.New(now), before
	return o
}

// Verdict is how the run of an item ended.
type Verdict struct {
	Applied bool
	// Reason of a failure: the downstream's words, or why the item was refused.
	Reason string
	// Attempts counts how often the downstream was asked.
	Attempts uint32
	// Note is what a person should know of an item that was applied.
	Note string
	// Last step, which the item's record has not; nil if it has them all.
	Last *provisioningv1.Step
}

// Finish ends a pending item. It returns nil if the item has ended before: the first verdict stands.
func Finish(have *provisioningv1.Outcome, v Verdict, now time.Time) *provisioningv1.Outcome {
	if Final(have) {
		return nil
	}
	kind := provisioningv1.ItemOutcome_ITEM_OUTCOME_FAILED
	if v.Applied {
		kind = provisioningv1.ItemOutcome_ITEM_OUTCOME_APPLIED
	}
	o := outcome(have.GetRequest(), kind, now)
	o.Reason, o.Attempts, o.Note, o.BegunAt = v.Reason, v.Attempts, v.Note, have.GetBegunAt()
	o.Steps = have.GetSteps()
	if v.Last != nil {
		o.Steps = steps(have, v.Last, now)
	}
	if !v.Applied {
		o.Request, o.Before = have.GetRequest(), have.GetBefore()
	}
	return o
}

// Cancel ends an item of a cancelled job of which nothing was done; nil if something was.
func Cancel(have *provisioningv1.Outcome, j *provisioningv1.Job, now time.Time) *provisioningv1.Outcome {
	if Final(have) || have.GetBegunAt() != nil || j.GetCancelledAt() == nil {
		return nil
	}
	o := outcome(have.GetRequest(), provisioningv1.ItemOutcome_ITEM_OUTCOME_CANCELLED, now)
	o.Reason = "its job was cancelled by " + j.GetChangedBy()
	return o
}

// Expired is the verdict on an item that nothing has kept from ending for too long. While its job is paused it has time.
func Expired(have *provisioningv1.Outcome, j *provisioningv1.Job, now time.Time) (Verdict, bool) {
	since := have.GetAt().AsTime()
	if changed := j.GetChangedAt().AsTime(); changed.After(since) {
		since = changed
	}
	if Final(have) || j.GetPausedAt() != nil || now.Before(since.Add(Patience)) {
		return Verdict{}, false
	}
	if some := takers(have); some != "" {
		return Verdict{Reason: fmt.Sprintf("not every downstream took it within %s%s", Patience, some), Attempts: attempts(have)}, true
	}
	return Verdict{Reason: fmt.Sprintf("no downstream took it within %s", Patience)}, true
}

// Missing is the outcome of an item whose request never came into the log, because the call that wrote the job's
// requests was broken off.
func Missing(j *provisioningv1.Job, number uint32, now time.Time) *provisioningv1.Outcome {
	return &provisioningv1.Outcome{
		Tenant: j.GetTenant(), JobId: j.GetId(), Number: number,
		Outcome: provisioningv1.ItemOutcome_ITEM_OUTCOME_FAILED, At: timestamppb.New(now),
		Reason: "the call that made the job was broken off before this item was in the log: send the job again under a new request id",
	}
}

func outcome(r *provisioningv1.Request, kind provisioningv1.ItemOutcome, now time.Time) *provisioningv1.Outcome {
	o := &provisioningv1.Outcome{
		Tenant: r.GetTenant(), JobId: r.GetJobId(), Number: r.GetNumber(), Outcome: kind, At: timestamppb.New(now),
	}
	if r.GetItem() != nil {
		o.Entity = Entity(r.GetItem())
	}
	if !OfQueue(r.GetItem()) {
		o.AgentId = r.GetItem().GetAgent().GetId()
	}
	return o
}

// Check says everything that is wrong with the items of an order, so that nobody has to send 10,000 of them five times.
func Check(items []*provisioningv1.Item) error {
	var texts []string
	first := map[string]int{}
	for i, it := range items {
		for _, p := range checkItem(it) {
			texts = append(texts, fmt.Sprintf("item %d: %s %s", i+1, p.Field, p.Text))
		}
		entity := Entity(it)
		if n, twice := first[entity]; twice {
			kind, id, _ := strings.Cut(entity, "/")
			texts = append(texts, fmt.Sprintf("item %d: %s %q is item %d too", i+1, kind, directory.Short(id), n))
			continue
		}
		first[entity] = i + 1
	}
	return refuse(texts)
}

// refuse names the first hundred problems and counts all.
func refuse(texts []string) error {
	const most = 100
	if len(texts) == 0 {
		return nil
	}
	named := texts[:min(len(texts), most)]
	return refusal.New(refusal.Invalid, "INVALID_ITEMS", "%d problems, so no item was taken: %s", len(texts), strings.Join(named, "; ")).
		To("correct them and send the job again")
}

// CheckQueues says which items name queues that do not exist, and that no item makes.
func CheckQueues(items []*provisioningv1.Item, exists func(id string) bool) error {
	var texts []string
	unknownQueues(items, exists, func(i int, p directory.Problem) {
		texts = append(texts, fmt.Sprintf("item %d: %s", i+1, p.Text))
	})
	return refuse(texts)
}

func unknownQueues(items []*provisioningv1.Item, exists func(id string) bool, each func(i int, p directory.Problem)) {
	made := map[string]bool{}
	for _, it := range items {
		made[makes(it)] = true
	}
	for i, it := range items {
		for _, p := range directory.UnknownQueues(Joins(it), func(id string) bool { return made[id] || exists(id) }) {
			each(i, p)
		}
	}
}

// Unseen is what is known of an item that has not come in yet.
func Unseen(j *provisioningv1.Job, number uint32) *provisioningv1.Outcome {
	return &provisioningv1.Outcome{
		Tenant: j.GetTenant(), JobId: j.GetId(), Number: number, Outcome: provisioningv1.ItemOutcome_ITEM_OUTCOME_PENDING,
	}
}
