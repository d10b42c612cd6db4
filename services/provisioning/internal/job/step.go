package job

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
)

// A step's life. Each downstream of an item has one, under its name.
//
//	(nothing) ──▶ TOLD ──(another refuses)──▶ UNDONE | NOT_UNDONE
//	    └───────▶ REFUSED
const (
	told      = provisioningv1.Step_STATE_TOLD
	refused   = provisioningv1.Step_STATE_REFUSED
	undone    = provisioningv1.Step_STATE_UNDONE
	notUndone = provisioningv1.Step_STATE_NOT_UNDONE
)

// StepOf is what came of telling a downstream of the item; nil if that is not known.
func StepOf(o *provisioningv1.Outcome, downstream string) *provisioningv1.Step {
	i := slices.IndexFunc(o.GetSteps(), func(s *provisioningv1.Step) bool { return s.GetDownstream() == downstream })
	if i < 0 {
		return nil
	}
	return o.GetSteps()[i]
}

// Refused reports whether a downstream has refused the item for good.
func Refused(o *provisioningv1.Outcome) bool {
	return slices.ContainsFunc(o.GetSteps(), func(s *provisioningv1.Step) bool { return s.GetState() == refused })
}

// PutStep notes a step of a pending item, in place of what was known of that downstream. It returns nil if the item has
// ended: nothing of it changes any more.
func PutStep(have *provisioningv1.Outcome, s *provisioningv1.Step, now time.Time) *provisioningv1.Outcome {
	if have == nil || Final(have) {
		return nil
	}
	o := proto.CloneOf(have)
	o.Steps = steps(o, s, now)
	return o
}

func steps(o *provisioningv1.Outcome, s *provisioningv1.Step, now time.Time) []*provisioningv1.Step {
	s = proto.CloneOf(s)
	s.At = timestamppb.New(now)
	for i, old := range o.GetSteps() {
		if old.GetDownstream() == s.GetDownstream() {
			return slices.Replace(slices.Clone(o.GetSteps()), i, i+1, s)
		}
	}
	return append(slices.Clone(o.GetSteps()), s)
}

// Conclude is the verdict that follows from the steps of an item and the last one, which its record has not. named: there
// are several downstreams, so the reason says which.
func Conclude(o *provisioningv1.Outcome, last *provisioningv1.Step, named bool) Verdict {
	all := o.GetSteps()
	if last != nil {
		all = steps(o, last, time.Time{})
	}
	v := Verdict{Applied: true, Last: last}
	for _, s := range all {
		v.Attempts += s.GetAttempts()
		v.Applied = v.Applied && s.GetState() != refused
	}
	if !v.Applied {
		v.Reason = reason(all, named)
	}
	return v
}

// reason such as "crm: 422 Unprocessable Entity; undone: telephony".
func reason(all []*provisioningv1.Step, named bool) string {
	var parts, undoneNames, standing []string
	for _, s := range all {
		switch s.GetState() {
		case refused:
			if named {
				parts = append(parts, s.GetDownstream()+": "+s.GetWords())
				continue
			}
			parts = append(parts, s.GetWords())
		case undone:
			undoneNames = append(undoneNames, s.GetDownstream())
		case notUndone:
			standing = append(standing, fmt.Sprintf("%s (%s)", s.GetDownstream(), s.GetWords()))
		case told:
			standing = append(standing, s.GetDownstream()+" (it is not to be)")
		}
	}
	if len(undoneNames) > 0 {
		parts = append(parts, "undone: "+strings.Join(undoneNames, ", "))
	}
	if len(standing) > 0 {
		parts = append(parts, "not undone: "+strings.Join(standing, ", "))
	}
	return strings.Join(parts, "; ")
}

func attempts(o *provisioningv1.Outcome) (n uint32) {
	for _, s := range o.GetSteps() {
		n += s.GetAttempts()
	}
	return n
}

// takers are the downstreams that have taken the change, in words for a person; empty if there is none.
func takers(o *provisioningv1.Outcome) string {
	var names []string
	for _, s := range o.GetSteps() {
		if s.GetState() == told {
			names = append(names, s.GetDownstream())
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; not undone: " + strings.Join(names, ", ")
}

// Before is how an agent stood in the directory, to be kept with an item; nil if that is not known, because what stands
// there is the item's own change: it was begun before, and that was lost with Redis.
func Before(p directory.Present, r *provisioningv1.Request) *provisioningv1.DirectoryEntry {
	id := r.GetItem().GetAgent().GetId()
	if OfQueue(r.GetItem()) || p.Entry != nil && proto.Equal(p.Entry.GetRequestedAt(), r.GetRequestedAt()) {
		return nil
	}
	if !p.Live() {
		return directory.NoAgent(r.GetTenant(), "", id)
	}
	return &provisioningv1.DirectoryEntry{Tenant: r.GetTenant(), Entry: &provisioningv1.DirectoryEntry_Agent{Agent: p.Entry.GetAgent()}}
}

// IsDeletion reports whether the item has its agent be gone.
func IsDeletion(it *provisioningv1.Item) bool {
	return it.GetKind() == provisioningv1.Item_KIND_DELETE_AGENT
}
