package state

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/busyhour/busyhour/api/events"
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

// PutJob puts a job into the commit, with its event. what happened to it: created, accepted, paused, resumed, cancelled,
// settled or healed.
func PutJob(tx *commit.Tx, r *commit.Record, j *provisioningv1.Job, what string) error {
	value, err := proto.Marshal(j)
	if err != nil {
		return fmt.Errorf("encode %s: %w", r.Name, err)
	}
	tx.Put(r, value, &commit.Event{
		Topic: topics.Outcomes, Key: j.GetId(), Type: events.Job(what), Schema: events.SchemaJob, Data: value,
	})
	tx.Deadline(r, JobDeadline(j))
	move(tx, nil, jobPlaces(j))
	return nil
}

// JobDeadline is when the sweep looks at the job: to tell the items of a steered one, to end a broken-off one, or to
// forget it.
func JobDeadline(j *provisioningv1.Job) time.Time {
	switch {
	case j.GetUnsettled():
		return j.GetChangedAt().AsTime()
	case j.GetAcceptedAt() == nil:
		return j.GetCreatedAt().AsTime().Add(job.Broken)
	}
	return j.GetCreatedAt().AsTime().Add(job.Keep)
}

func jobPlaces(j *provisioningv1.Job) []place {
	if j == nil {
		return nil
	}
	return []place{{Jobs, j.GetId(), -float64(j.GetCreatedAt().AsTime().UnixMilli())}}
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
		event = &commit.Event{Topic: topics.Outcomes, Key: key(o), Type: events.ItemEnded, Schema: events.SchemaOutcome, Data: value}
	}
	tx.Put(r, value, event)
	tx.Deadline(r, ItemDeadline(o))
	if job.Final(o) {
		tx.Remove(Pending, r.Name)
	}
	move(tx, nil, itemPlaces(o))
	return nil
}

// key is the id of the item's agent or queue. An item that never came in has none.
func key(o *provisioningv1.Outcome) string {
	if _, id, ok := strings.Cut(o.GetEntity(), "/"); ok {
		return id
	}
	return o.GetJobId()
}

// ItemDeadline is when the sweep looks at the item: is a pending one still queued, is a final one to be forgotten.
func ItemDeadline(o *provisioningv1.Outcome) time.Time {
	if job.Final(o) {
		return o.GetAt().AsTime().Add(job.Keep)
	}
	return o.GetAt().AsTime().Add(job.LookAfter)
}

// ForgetItem takes an item out, for good.
func ForgetItem(tx *commit.Tx, r *commit.Record, o *provisioningv1.Outcome) {
	forget(tx, r, itemPlaces(o))
}

// ForgetJob takes a job out, for good.
func ForgetJob(tx *commit.Tx, r *commit.Record, j *provisioningv1.Job) { forget(tx, r, jobPlaces(j)) }

func forget(tx *commit.Tx, r *commit.Record, places []place) {
	tx.Delete(r)
	tx.Deadline(r, time.Time{})
	move(tx, places, nil)
}

func itemPlaces(o *provisioningv1.Outcome) []place {
	member := Item(o.GetJobId(), o.GetNumber())
	switch index := Ended(o.GetJobId(), o.GetOutcome()); {
	case o == nil:
		return nil
	case index == "":
		return []place{{Pending, member, 0}}
	default:
		return []place{{index, member, float64(o.GetNumber())}}
	}
}
