package job

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
)

// How a job is steered. Each decision returns the job to be written, or nil if it is so already. A job is counted: see
// Count. Ended ones are refused as JOB_ENDED.
//
//	           going    paused   cancelled
//	Pause      paused   nothing  JOB_CANCELLED
//	Resume     nothing  going    JOB_CANCELLED
//	CancelAll  cancelled (both)  nothing
//
// Items that wait are told one after the other: until Settle, an item of a resumed job may not be in the stream, and one
// of a cancelled job may have no outcome.

// Pause lets no further item begin.
func Pause(have *provisioningv1.Job, actor string, now time.Time) (*provisioningv1.Job, error) {
	if err := over(have); err != nil || have.GetPausedAt() != nil {
		return nil, err
	}
	j := steered(have, actor, now)
	j.PausedAt, j.Unsettled = j.GetChangedAt(), false
	return j, nil
}

// Resume lets a paused job go on.
func Resume(have *provisioningv1.Job, actor string, now time.Time) (*provisioningv1.Job, error) {
	if err := over(have); err != nil || have.GetPausedAt() == nil {
		return nil, err
	}
	j := steered(have, actor, now)
	j.PausedAt, j.Unsettled = nil, true
	return j, nil
}

// CancelAll ends what has not begun.
func CancelAll(have *provisioningv1.Job, actor string, now time.Time) (*provisioningv1.Job, error) {
	if have.GetCancelledAt() != nil {
		return nil, nil
	}
	if err := over(have); err != nil {
		return nil, err
	}
	j := steered(have, actor, now)
	j.PausedAt, j.CancelledAt, j.Unsettled = nil, j.GetChangedAt(), true
	return j, nil
}

// Settle says that all items have been told; nil if the job was steered again meanwhile, or settled before.
func Settle(have, told *provisioningv1.Job) *provisioningv1.Job {
	if !have.GetUnsettled() || !proto.Equal(have.GetChangedAt(), told.GetChangedAt()) {
		return nil
	}
	j := proto.CloneOf(have)
	j.Unsettled = false
	return j
}

func steered(have *provisioningv1.Job, actor string, now time.Time) *provisioningv1.Job {
	j := proto.CloneOf(have)
	j.ChangedBy, j.ChangedAt = actor, timestamppb.New(now)
	return j
}

func over(j *provisioningv1.Job) error {
	switch {
	case j.GetCancelledAt() != nil:
		return refusal.New(refusal.Impossible, "JOB_CANCELLED", "job %s was cancelled at %s by %s",
			j.GetId(), j.GetCancelledAt().AsTime().Format(time.RFC3339), j.GetChangedBy()).To("make a new job of what is still wanted")
	case j.GetAcceptedAt() != nil && j.GetPending() == 0:
		return refusal.New(refusal.Impossible, "JOB_ENDED", "all %d items of job %s have ended", j.GetTotal(), j.GetId()).
			To("nothing is left of it to be held up")
	}
	return nil
}

// Counts are how many items of a job ended how.
type Counts struct{ Applied, Failed, Cancelled int64 }

// Ended counts all of them.
func (c Counts) Ended() int64 { return c.Applied + c.Failed + c.Cancelled }

// Count fills in how many items have ended.
func Count(j *provisioningv1.Job, c Counts) *provisioningv1.Job {
	j = proto.CloneOf(j)
	j.Applied, j.Failed, j.Cancelled = uint32(c.Applied), uint32(c.Failed), uint32(c.Cancelled)
	j.Pending = j.GetTotal() - min(j.GetTotal(), uint32(c.Ended()))
	return j
}

// Uncounted is the job as it is stored.
func Uncounted(j *provisioningv1.Job) *provisioningv1.Job {
	j = proto.CloneOf(j)
	j.Applied, j.Failed, j.Cancelled, j.Pending = 0, 0, 0, 0
	return j
}
