package directory

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
)

func skill(name string, level uint32) *commonv1.Skill {
	return &commonv1.Skill{Name: name, Level: level}
}

func TestAnEditLeavesTheRestAsItIs(t *testing.T) {
	wish := ann("Ann")
	wish.GetAgent().Skills = []*commonv1.Skill{skill("english", 80), skill("sales", 50)}
	wish.GetAgent().QueueIds = []string{"support", "sales"}
	stood := standing(written(wish))
	for name, tt := range map[string]struct {
		edit func(*provisioningv1.Agent)
		want string // skills and queues after
	}{
		"set": {func(a *provisioningv1.Agent) {
			SetSkills(a, []*commonv1.Skill{skill("sales", 90), skill("french", 10)})
		}, "english:80 sales:90 french:10 | support sales"},
		"remove": {func(a *provisioningv1.Agent) {
			RemoveSkills(a, []*commonv1.Skill{skill("sales", 0), skill("french", 0)})
		}, "english:80 | support sales"},
		"join":      {func(a *provisioningv1.Agent) { JoinQueues(a, []string{"sales", "billing"}) }, "english:80 sales:50 | support sales billing"},
		"leave":     {func(a *provisioningv1.Agent) { LeaveQueues(a, []string{"sales", "billing"}) }, "english:80 sales:50 | support"},
		"the same":  {func(a *provisioningv1.Agent) { JoinQueues(a, []string{"sales"}) }, ""},
		"too many":  {func(a *provisioningv1.Agent) { a.QueueIds = slices.Repeat([]string{"q"}, maxQueues+1) }, "INVALID"},
		"not there": {func(a *provisioningv1.Agent) { a.Deactivated = true }, "NOT_FOUND"},
	} {
		p := stood
		if name == "not there" {
			p = Present{Record: "agent:ann"}
		}
		e, err := Edit(tt.edit)(p, NoAgent("acme", "hr", "ann"), noon)
		got := ""
		if no, refused := refusal.As(err); refused {
			got = no.Reason
		} else if e != nil {
			var skills []string
			for _, s := range e.GetAgent().GetSkills() {
				skills = append(skills, fmt.Sprintf("%s:%d", s.GetName(), s.GetLevel()))
			}
			got = strings.Join(skills, " ") + " | " + strings.Join(e.GetAgent().GetQueueIds(), " ")
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	if a := stood.Entry.GetAgent(); len(a.GetSkills()) != 2 || a.GetSkills()[1].GetLevel() != 50 || len(a.GetQueueIds()) != 2 {
		t.Errorf("what stood there has changed: %v", a)
	}
}
