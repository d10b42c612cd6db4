package provision

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"google.golang.org/protobuf/types/known/timestamppb"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// State is how a job stands, in one word: waiting (no item has ended), running, paused, cancelling, cancelled, done, or
// failed (it is over, and some items failed).
func State(j *provisioningv1.Job) string {
	over := j.Pending == 0
	switch {
	case j.CancelledAt != nil && (!over || j.Unsettled):
		return "cancelling"
	case j.CancelledAt != nil:
		return "cancelled"
	case over && j.Failed > 0:
		return "failed"
	case over:
		return "done"
	case j.PausedAt != nil:
		return "paused"
	case j.Pending == j.Total:
		return "waiting"
	default:
		return "running"
	}
}

// Counts says how a job's items ended; what is nought is left out, but for those that were applied.
func Counts(j *provisioningv1.Job) string {
	said := fmt.Sprintf("%d applied", j.Applied)
	for _, c := range []struct {
		items uint32
		word  string
	}{{j.Failed, "failed"}, {j.Cancelled, "cancelled"}, {j.Pending, "pending"}} {
		if c.items > 0 {
			said += fmt.Sprintf(", %d %s", c.items, c.word)
		}
	}
	return said
}

// Word is an outcome as people write it.
func Word(o provisioningv1.ItemOutcome) string {
	return strings.ToLower(strings.TrimPrefix(o.String(), "ITEM_OUTCOME_"))
}

// PriorityWord is a priority as people write it.
func PriorityWord(p provisioningv1.Priority) string {
	if p == provisioningv1.Priority_PRIORITY_UNSPECIFIED {
		return "by size"
	}
	return strings.ToLower(strings.TrimPrefix(p.String(), "PRIORITY_"))
}

// Plain is what others have named, fit for one line of a terminal: nothing in it moves the cursor or changes a colour.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// stopped says who paused or cancelled a job that is not over, and when. Empty: nobody did.
func stopped(j *provisioningv1.Job) string {
	switch State(j) {
	case "paused":
		return "paused" + by(j.ChangedBy) + " at " + stamp(j.PausedAt)
	case "cancelling":
		return "cancelled" + by(j.ChangedBy) + " at " + stamp(j.CancelledAt)
	default:
		return ""
	}
}

func by(who string) string {
	if who == "" {
		return ""
	}
	return " by " + Plain(who)
}

func stamp(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Local().Format(time.DateTime)
}

// entity is what an item is about: "agent/<id>" or "queue/<id>". There are outcomes that name an agent only.
func entity(o *provisioningv1.Outcome) string {
	if o.Entity == "" && o.AgentId != "" {
		return "agent/" + o.AgentId
	}
	return o.Entity
}
