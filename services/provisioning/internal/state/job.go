package state

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
)

// JobIn is the job in a record; nil if there is none.
func JobIn(r *commit.Record) (*provisioningv1.Job, error) {
	if !r.Exists() {
		return nil, nil
	}
	j := &provisioningv1.Job{}
	return j, decode(r, j)
}

// PutJob puts a job into the commit, with its event. what happened to it: created, accepted or healed.
func PutJob(tx *commit.Tx, r *commit.Record, j *provisioningv1.Job, what string) error {
	value, err := proto.Marshal(j)
	if err != nil {
		return fmt.Errorf("encode %s: %w", r.Name, err)
	}
	tx.Put(r, value, &commit.Event{
		Topic: topics.Outcomes, Key: j.GetId(), Type: "busyhour.provisioning.job." + what + ".v1", Data: value,
	})
	tx.Deadline(r, JobDeadline(j))
	return nil
}

// JobDeadline is when the sweep looks at the job: to end a broken-off one, or to forget it.
func JobDeadline(j *provisioningv1.Job) time.Time {
	if j.GetAcceptedAt() == nil {
		return j.GetCreatedAt().AsTime().Add(job.Broken)
	}
	return j.GetCreatedAt().AsTime().Add(job.Keep)
}

// ItemIn is the item in a record; nil if there is none.
func ItemIn(r *commit.Record) (*provisioningv1.Outcome, error) {
	if !r.Exists() {
		return nil, nil
	}
	o := &provisioningv1.Outcome{}
	return o, decode(r, o)
}

// PutItem puts an item into the commit. The log hears of it when it has ended; before, the log has the request.
func PutItem(tx *commit.Tx, r *commit.Record, o *provisioningv1.Outcome) error {
	o.Revision = Revision(tx.Next(r))
	value, err := proto.Marshal(o)
	if err != nil {
		return fmt.Errorf("encode %s: %w", r.Name, err)
	}
	var event *commit.Event
	if job.Final(o) {
		event = &commit.Event{Topic: topics.Outcomes, Key: key(o), Type: "busyhour.provisioning.outcome.v1", Data: value}
	}
	tx.Put(r, value, event)
	tx.Deadline(r, ItemDeadline(o))
	move(tx, nil, itemPlaces(o))
	return nil
}

// key is the agent's id. An item that never came in has none.
func key(o *provisioningv1.Outcome) string {
	if o.GetAgentId() == "" {
		return o.GetJobId()
	}
	return o.GetAgentId()
}

// ItemDeadline is when the sweep looks at the item: is a pending one still queued, is a final one to be forgotten.
func ItemDeadline(o *provisioningv1.Outcome) time.Time {
	if job.Final(o) {
		return o.GetAt().AsTime().Add(job.Keep)
	}
	return o.GetAt().AsTime().Add(job.LookAfter)
}

// Forget takes an item or a job out, for good.
func Forget(tx *commit.Tx, r *commit.Record, o *provisioningv1.Outcome) {
	tx.Delete(r)
	tx.Deadline(r, time.Time{})
	move(tx, itemPlaces(o), nil)
}

func itemPlaces(o *provisioningv1.Outcome) []place {
	member := Item(o.GetJobId(), o.GetNumber())
	switch o.GetOutcome() {
	case provisioningv1.ItemOutcome_ITEM_OUTCOME_APPLIED:
		return []place{{Applied(o.GetJobId()), member, float64(o.GetNumber())}}
	case provisioningv1.ItemOutcome_ITEM_OUTCOME_FAILED:
		return []place{{Failed(o.GetJobId()), member, float64(o.GetNumber())}}
	}
	return nil
}
