package reconcile

import (
	"context"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// kind of a finding.
type kind int

const (
	same kind = iota
	drifted
	missing
	extra
	unreadable
	leftOut // a change of theirs is under way
)

var results = map[kind]string{
	same: "same", drifted: "drifted", missing: "missing", extra: "extra", unreadable: "unreadable", leftOut: "left_out",
}

var inReport = map[kind]provisioningv1.Drift_Kind{
	drifted: provisioningv1.Drift_KIND_DRIFTED, missing: provisioningv1.Drift_KIND_MISSING,
	extra: provisioningv1.Drift_KIND_EXTRA, unreadable: provisioningv1.Drift_KIND_UNREADABLE,
}

// finding is how an agent was found to stand in the downstream.
type finding struct {
	kind     kind
	agent    *provisioningv1.Agent
	revision *commonv1.Revision // in the directory; nil: it does not know them
	words    []string
}

// item that repairs it.
func (f finding) item() *provisioningv1.Item {
	if f.kind == extra {
		return &provisioningv1.Item{Kind: provisioningv1.Item_KIND_DELETE_AGENT, Agent: &provisioningv1.Agent{Id: f.agent.GetId()}, IfRevision: f.revision}
	}
	return &provisioningv1.Item{Kind: provisioningv1.Item_KIND_UPSERT_AGENT, Agent: f.agent, IfRevision: f.revision}
}

// changing are the agents of items under way, as they were when it was first asked.
type changing func() (map[string]bool, error)

// compare looks at an agent of the directory. What differs is drift only if no change of theirs is under way: who is in
// none that was open after the entry was read, and still stands at its revision, differs for no reason of ours. What
// ended in between, the second look sees.
func (r *round) compare(ctx context.Context, f finding, open changing) (finding, error) {
	first, err := r.look(ctx, f)
	if err != nil || first.kind == same || first.kind == unreadable {
		return first, err
	}
	id := f.agent.GetId()
	if under, err := open(); err != nil || under[id] {
		f.kind = leftOut
		return f, err
	}
	second, err := r.look(ctx, f)
	if err != nil || second.kind == same || second.kind == unreadable {
		return second, err
	}
	now, err := r.Directory.Current(ctx, r.Tenant, state.Agent(id))
	if err != nil || !sameRevision(state.Revision(now.Revision), f.revision) {
		f.kind = leftOut
		return f, err
	}
	return second, nil
}

// look reads an agent back, when their turn has come. The error says that ctx has ended.
func (r *round) look(ctx context.Context, f finding) (finding, error) {
	if err := r.pace.Wait(ctx); err != nil {
		return f, err
	}
	words, found, err := r.Downstream.Read(ctx, r.Tenant, f.agent)
	switch {
	case ctx.Err() != nil:
		return f, ctx.Err()
	case err != nil:
		f.kind, f.words = unreadable, []string{err.Error()}
	case f.kind == extra && !found:
		f.kind = same
	case f.kind == extra:
	case !found:
		f.kind, f.words = missing, []string{"is not there"}
	case len(words) > 0:
		f.kind, f.words = drifted, words
	}
	return f, nil
}

func sameRevision(a, b *commonv1.Revision) bool {
	return a.GetEpoch() == b.GetEpoch() && a.GetN() == b.GetN()
}
