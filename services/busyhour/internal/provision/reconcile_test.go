package provision

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// rounds answers one report after another.
type rounds []*provisioningv1.Reconciliation

func (r *rounds) Reconciliation(context.Context, string) (*provisioningv1.Reconciliation, bool, error) {
	if len(*r) == 0 {
		return nil, false, errors.New("no more")
	}
	next := (*r)[0]
	*r = (*r)[1:]
	return next, next.Pod != "unverified", nil
}

func report(started, looked int, ended bool) *provisioningv1.Reconciliation {
	r := &provisioningv1.Reconciliation{Pod: "a", StartedAt: timestamppb.New(time.Unix(int64(started), 0)), LookedAt: uint32(looked)}
	if ended {
		r.EndedAt = r.StartedAt
	}
	return r
}

func TestARoundIsFollowedToItsEnd(t *testing.T) {
	for _, c := range []struct {
		name   string
		then   rounds
		looked uint32
		fails  string
	}{
		{"to its end", rounds{report(1, 5, false), {Pod: "unverified"}, report(1, 9, true)}, 9, ""},
		{"another has begun", rounds{report(1, 5, false), report(2, 0, false)}, 5, "another"},
		{"it cannot be asked for", rounds{report(1, 5, false)}, 5, "no more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var last uint32
				r, err := FollowRound(t.Context(), &c.then, report(1, 0, false), func(r *provisioningv1.Reconciliation) { last = r.LookedAt })
				if r.LookedAt != c.looked || last != c.looked || (c.fails == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.fails) {
					t.Errorf("%v, told %d, %v", r, last, err)
				}
			})
		})
	}
}

func TestAReportNamesEverybody(t *testing.T) {
	r := report(1, 9, true)
	r.Same, r.Drifted, r.Extra, r.Unrepaired, r.Blind, r.JobIds = 7, 1, 1, 1, "half of it", []string{"j-1"}
	r.Drifts = []*provisioningv1.Drift{
		{AgentId: "eve", Kind: provisioningv1.Drift_KIND_EXTRA, Words: []string{"is there"}, Unrepaired: "not ours"},
		{AgentId: "ann", Kind: provisioningv1.Drift_KIND_DRIFTED, Words: []string{"a is b", "c is d"}, JobId: "j-1"},
	}
	var b strings.Builder
	if err := WriteReport(&b, r); err != nil {
		t.Fatal(err)
	}
	want := `eve: extra: is there (not repaired: not ours)
ann: drifted: a is b; c is d
9 agents: 7 as they should be, 1 otherwise, 0 missing, 1 not in the directory, 0 that cannot be read, 0 with a change under way
half of it
repaired by job j-1: busyhour provision watch j-1
`
	if b.String() != want {
		t.Errorf("%s", b.String())
	}
	if r.DryRun = true; Remaining(r) != 2 {
		t.Errorf("%d open in a dry run", Remaining(r))
	}
	if r.DryRun = false; Remaining(r) != 1 {
		t.Errorf("%d open", Remaining(r))
	}
}
