package reconcile

import (
	"slices"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// mostDrifts are named in a report.
const mostDrifts = 100

// drifts of a round, for its report.
type drifts struct{ unrepaired, others []*provisioningv1.Drift }

// repaired notes one that is, or would be, repaired.
func (d *drifts) repaired(f finding) *provisioningv1.Drift {
	drift := driftOf(f)
	if len(d.others) < mostDrifts {
		d.others = append(d.others, drift)
	}
	return drift
}

// left notes one that is not.
func (d *drifts) left(f finding, why string) {
	drift := driftOf(f)
	drift.Unrepaired = why
	if len(d.unrepaired) < mostDrifts {
		d.unrepaired = append(d.unrepaired, drift)
	}
}

// refused makes one that was to be repaired one that is not.
func (d *drifts) refused(r repair, why string) {
	d.others = slices.DeleteFunc(d.others, func(o *provisioningv1.Drift) bool { return o == r.drift })
	d.left(r.finding, why)
}

func (d *drifts) list() []*provisioningv1.Drift {
	all := slices.Concat(d.unrepaired, d.others)
	return all[:min(len(all), mostDrifts)]
}

// ids of some that are not repaired, for the log.
func (d *drifts) ids() (ids []string) {
	for _, drift := range d.unrepaired[:min(len(d.unrepaired), 10)] {
		ids = append(ids, drift.GetAgentId())
	}
	return ids
}

func driftOf(f finding) *provisioningv1.Drift {
	return &provisioningv1.Drift{AgentId: f.agent.GetId(), Kind: inReport[f.kind], Words: f.words, Revision: f.revision}
}
