package job

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
)

// An item's life. Outcome is its record: what was asked for and what became of it.
//
//	(nothing) ──Take──▶ PENDING ──Finish──▶ APPLIED | FAILED ──(Keep)──▶ (forgotten)
//	                      └─────(Patience)──Expire──▶ FAILED
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
	return o.GetOutcome() == provisioningv1.ItemOutcome_ITEM_OUTCOME_APPLIED ||
		o.GetOutcome() == provisioningv1.ItemOutcome_ITEM_OUTCOME_FAILED
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

// Verdict is how the run of an item ended.
type Verdict struct {
	Applied bool
	// Reason of a failure: the downstream's words, or why the item was refused.
	Reason string
	// Attempts counts how often the downstream was asked.
	Attempts uint32
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
	o.Reason, o.Attempts = v.Reason, v.Attempts
	if !v.Applied {
		o.Request = have.GetRequest()
	}
	return o
}

// Expired is the verdict on an item that has been pending for too long.
func Expired(have *provisioningv1.Outcome, now time.Time) (Verdict, bool) {
	if Final(have) || now.Before(have.GetAt().AsTime().Add(Patience)) {
		return Verdict{}, false
	}
	return Verdict{Reason: fmt.Sprintf("no downstream took it within %s of its coming in", Patience)}, true
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
	return &provisioningv1.Outcome{
		Tenant: r.GetTenant(), JobId: r.GetJobId(), Number: r.GetNumber(), AgentId: r.GetItem().GetAgent().GetId(),
		Outcome: kind, At: timestamppb.New(now),
	}
}

// Check says everything that is wrong with the items of an order, so that nobody has to send 10,000 of them five times.
func Check(items []*provisioningv1.Item) error {
	var texts []string
	first := map[string]int{}
	for i, it := range items {
		for _, p := range checkItem(it) {
			texts = append(texts, fmt.Sprintf("item %d: %s %s", i+1, p.Field, p.Text))
		}
		id := it.GetAgent().GetId()
		if n, twice := first[id]; twice {
			texts = append(texts, fmt.Sprintf("item %d: agent %q is item %d too", i+1, directory.Short(id), n))
			continue
		}
		first[id] = i + 1
	}
	return refuse(texts)
}

func checkItem(it *provisioningv1.Item) []directory.Problem {
	switch it.GetKind() {
	case provisioningv1.Item_KIND_UPSERT_AGENT:
		return directory.CheckAgent(it.GetAgent())
	case provisioningv1.Item_KIND_DELETE_AGENT:
		return directory.CheckID(it.GetAgent().GetId())
	}
	return []directory.Problem{{Field: "kind", Text: fmt.Sprintf("%d is unknown", it.GetKind())}}
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

// CheckQueues says which items name queues that do not exist.
func CheckQueues(items []*provisioningv1.Item, exists func(id string) bool) error {
	var texts []string
	for i, it := range items {
		if it.GetKind() == provisioningv1.Item_KIND_DELETE_AGENT {
			continue
		}
		for _, p := range directory.UnknownQueues(it.GetAgent(), exists) {
			texts = append(texts, fmt.Sprintf("item %d: %s", i+1, p.Text))
		}
	}
	return refuse(texts)
}

// Unseen is what is known of an item that has not come in yet.
func Unseen(j *provisioningv1.Job, number uint32) *provisioningv1.Outcome {
	return &provisioningv1.Outcome{
		Tenant: j.GetTenant(), JobId: j.GetId(), Number: number, Outcome: provisioningv1.ItemOutcome_ITEM_OUTCOME_PENDING,
	}
}
