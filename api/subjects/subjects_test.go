package subjects

import "testing"

func TestIdsCannotForgeTokens(t *testing.T) {
	for id, want := range map[string]string{
		"ann":     "busyhour.v1.acme.agent.ann.workload",
		"ann.lee": "busyhour.v1.acme.agent.=MFXG4LTMMVSQ.workload",
		"*":       "busyhour.v1.acme.agent.=FI.workload",
		">":       "busyhour.v1.acme.agent.=HY.workload",
		"":        "busyhour.v1.acme.agent.=.workload",
	} {
		if got := Workload("acme", id); got != want {
			t.Errorf("Workload(acme, %q) = %q, want %q", id, got, want)
		}
	}
}
