package job

import (
	"fmt"
	"testing"
	"time"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
)

// steered as in the table of steer.go.
func TestAJobIsSteered(t *testing.T) {
	going, _ := Create(nil, order("ann", "bob"), noon)
	going = Count(Accept(going, noon), Counts{Applied: 1})
	paused, _ := Pause(going, "hr", noon)
	cancelled, _ := CancelAll(going, "hr", noon)
	ended := Count(going, Counts{Applied: 1, Failed: 1})
	gone := Count(cancelled, Counts{Applied: 1, Cancelled: 1})
	moves := []struct {
		name string
		move func(*provisioningv1.Job, string, time.Time) (*provisioningv1.Job, error)
	}{{"pause", Pause}, {"resume", Resume}, {"cancel", CancelAll}}
	for _, tt := range []struct {
		name string
		job  *provisioningv1.Job
		want string // of each move
	}{
		{"going", going, "[paused nothing cancelled]"},
		{"paused", paused, "[nothing going cancelled]"},
		{"cancelled", cancelled, "[JOB_CANCELLED JOB_CANCELLED nothing]"},
		{"ended", ended, "[JOB_ENDED JOB_ENDED JOB_ENDED]"},
		{"cancelled to the end", gone, "[JOB_CANCELLED JOB_CANCELLED nothing]"},
	} {
		var got []string
		for _, m := range moves {
			next, err := m.move(tt.job, "ann", noon.Add(time.Hour))
			got = append(got, became(next, err))
		}
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func became(j *provisioningv1.Job, err error) string {
	no, refused := refusal.As(err)
	switch {
	case refused:
		return no.Reason
	case j == nil:
		return "nothing"
	case j.GetCancelledAt() != nil:
		return "cancelled"
	case j.GetPausedAt() != nil:
		return "paused"
	}
	return "going"
}

// Whoever is paused again while items are being told is not settled by the news of the first time.
func TestAJobIsSettledOnce(t *testing.T) {
	j, _ := Create(nil, order("ann"), noon)
	paused, _ := Pause(Count(j, Counts{}), "ann", noon)
	if paused.GetUnsettled() {
		t.Error("items of a paused job are told nothing")
	}
	resumed, _ := Resume(Count(paused, Counts{}), "ann", noon.Add(time.Second))
	if !resumed.GetUnsettled() || resumed.GetChangedBy() != "ann" {
		t.Errorf("resumed: %v", resumed)
	}
	if s := Settle(resumed, resumed); s == nil || s.GetUnsettled() {
		t.Errorf("settled: %v", s)
	}
	cancelled, _ := CancelAll(Count(resumed, Counts{}), "bob", noon.Add(2*time.Second))
	if s := Settle(cancelled, resumed); s != nil {
		t.Errorf("settled by what was before: %v", s)
	}
}

func TestOnlyWhatHasNotBegunIsCancelled(t *testing.T) {
	j, _ := Create(nil, order("ann"), noon)
	cancelled, _ := CancelAll(Count(j, Counts{}), "eve", noon)
	pending := Take(nil, Requests(j, order("ann").Items)[0], noon)
	o := Cancel(pending, cancelled, noon)
	if o.GetOutcome() != provisioningv1.ItemOutcome_ITEM_OUTCOME_CANCELLED || o.GetReason() != "its job was cancelled by eve" || !Final(o) {
		t.Errorf("cancelled: %v", o)
	}
	begun := Begin(pending, nil, noon)
	for name, have := range map[string]*provisioningv1.Outcome{"begun": begun, "ended": Finish(begun, Verdict{Applied: true}, noon)} {
		if o := Cancel(have, cancelled, noon); o != nil {
			t.Errorf("%s: cancelled as %v", name, o)
		}
	}
	if o := Cancel(pending, j, noon); o != nil {
		t.Errorf("of a job that goes on: %v", o)
	}
	if Begin(begun, nil, noon) != nil {
		t.Error("begun twice")
	}
}
