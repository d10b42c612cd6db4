package directory

import (
	"slices"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"pgregory.net/rapid"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// What the contract refuses, the rules here refuse too; they only add what it cannot say: skills and channels named
// twice, control characters, the form of queue ids.
func TestRulesAreNoLaxerThanTheContract(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := anyAgent().Draw(t, "agent")
		problems := CheckAgent(a)
		if err := protovalidate.Validate(a); err != nil && len(problems) == 0 {
			t.Fatalf("the contract says %v, the rules nothing, of %v", err, a)
		} else if err == nil && slices.ContainsFunc(problems, contractual) {
			t.Fatalf("the contract has nothing against %v, the rules %v", a, problems)
		}
	})
}

func contractual(p Problem) bool {
	for _, own := range []string{"twice", "control characters", "is not an id", "queues"} {
		if strings.Contains(p.Text, own) || p.Field == own {
			return false
		}
	}
	return true
}

func anyAgent() *rapid.Generator[*provisioningv1.Agent] {
	text := func(edge int) *rapid.Generator[string] {
		return rapid.OneOf(rapid.Just(""), rapid.StringN(0, 12, -1), rapid.Custom(func(t *rapid.T) string {
			return strings.Repeat("é", rapid.IntRange(edge-1, edge+1).Draw(t, "length"))
		}))
	}
	id := rapid.OneOf(rapid.StringMatching(`[a-z0-9][A-Za-z0-9._:@+-]{0,8}`), rapid.Custom(func(t *rapid.T) string {
		return strings.Repeat("a", rapid.IntRange(maxID-1, maxID+1).Draw(t, "length"))
	}), rapid.String())
	return rapid.Custom(func(t *rapid.T) *provisioningv1.Agent {
		return &provisioningv1.Agent{
			Id: id.Draw(t, "id"), Name: text(maxName).Draw(t, "name"), Address: text(maxAddress).Draw(t, "address"),
			QueueIds: rapid.SliceOfN(id, 0, 3).Draw(t, "queues"),
			Skills: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *commonv1.Skill {
				return &commonv1.Skill{Name: text(maxSkillName).Draw(t, "skill"), Level: rapid.Uint32Range(0, maxLevel+1).Draw(t, "level")}
			}), 0, 3).Draw(t, "skills"),
			Capacity: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *provisioningv1.Capacity {
				return &provisioningv1.Capacity{
					Channel:  commonv1.Channel(rapid.Int32Range(0, 3).Draw(t, "channel")),
					Contacts: rapid.Uint32Range(0, maxContacts+1).Draw(t, "contacts"),
				}
			}), 0, 3).Draw(t, "capacity"),
		}
	})
}

func TestIDsOf10kBAreQuotedShort(t *testing.T) {
	problems := CheckAgent(&provisioningv1.Agent{Id: strings.Repeat("x", 10<<10), Name: "X"})
	if len(problems) != 1 || problems[0].Text != "has 10240 characters, at most 128 are allowed" {
		t.Errorf("got %v", problems)
	}
	problems = CheckAgent(&provisioningv1.Agent{Id: "ann", Name: "Ann", QueueIds: []string{strings.Repeat("é", 128)}})
	if len(problems) != 1 || len(problems[0].Text) > 300 {
		t.Errorf("got %v", problems)
	}
}
