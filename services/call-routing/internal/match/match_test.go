package match

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

const (
	voice = commonv1.Channel_CHANNEL_VOICE
	chat  = commonv1.Channel_CHANNEL_CHAT
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func before(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(noon.Add(-d)) }

// ready is an agent who can take a call of queue support and has been idle for so long.
func ready(id string, idle time.Duration) Candidate {
	return Candidate{
		ID: id,
		Agent: &provisioningv1.Agent{
			Id: id, QueueIds: []string{"support", "sales"},
			Skills:   []*commonv1.Skill{{Name: "german", Level: 80}},
			Capacity: []*provisioningv1.Capacity{{Channel: voice, Contacts: 1}},
		},
		Presence: &presencev1.Presence{
			Status: presencev1.Status_STATUS_AVAILABLE, Connection: presencev1.Connection_CONNECTION_CONNECTED, Since: before(8 * time.Hour),
		},
		Workload: &routingv1.Workload{AgentId: id, IdleSince: before(idle)},
	}
}

func waiting(id, queue string, priority uint32, age time.Duration) Waiting {
	return Waiting{
		Contact: &routingv1.Contact{
			Id: id, QueueId: queue, Channel: voice, Priority: priority, QueuedAt: before(age), Terms: &routingv1.Terms{RetryAfterMs: 5000},
		},
		Queue: &provisioningv1.Queue{Id: queue, Channel: voice},
	}
}

func TestLongestIdleIsOffered(t *testing.T) {
	i, d := Agent(waiting("c1", "support", 0, 0), []Candidate{ready("anna", time.Minute), ready("bert", time.Hour), ready("carla", 0)}, noon, false)
	if i != 1 || d.Chosen != "bert" || d.Why != "LONGEST_IDLE" || len(d.PassedOver) != 0 {
		t.Errorf("chosen %d, %v", i, d)
	}
}

func TestBreakIsNoIdleTime(t *testing.T) {
	back := ready("anna", time.Hour)
	back.Presence.Since = before(time.Minute) // available again for a minute only
	i, _ := Agent(waiting("c1", "support", 0, 0), []Candidate{back, ready("bert", 10*time.Minute)}, noon, false)
	if i != 1 {
		t.Errorf("chosen %d", i)
	}
}

func TestEveryReasonToPassOver(t *testing.T) {
	w := waiting("c1", "support", 0, 0)
	w.Queue.RequiredSkills = []*commonv1.Skill{{Name: "german", Level: 50}}
	w.Contact.Passes = []*routingv1.Pass{{AgentId: "anna", At: before(5*time.Second - time.Millisecond)}, {AgentId: "anton", At: before(5 * time.Second)}}
	for _, c := range []struct {
		why    string
		change func(*Candidate)
	}{
		{"", func(*Candidate) {}},
		{"", func(c *Candidate) { c.ID = "anton" }}, // passed on it, but long enough ago
		{PassedBefore, func(c *Candidate) { c.ID = "anna" }},
		{NotInDirectory, func(c *Candidate) { c.Agent = nil }},
		{Deactivated, func(c *Candidate) { c.Agent.Deactivated = true }},
		{Deactivated, func(c *Candidate) { c.Agent.Deactivated, c.Agent.QueueIds, c.Presence = true, nil, nil }}, // the first reason counts
		{NotInQueue, func(c *Candidate) { c.Agent.QueueIds = []string{"sales"} }},
		{NotAvailable, func(c *Candidate) { c.Presence = nil }},
		{NotAvailable, func(c *Candidate) { c.Presence.Status = presencev1.Status_STATUS_BREAK }},
		{NotAvailable, func(c *Candidate) { c.Presence.Connection = presencev1.Connection_CONNECTION_NONE }},
		{ConnectionGrace, func(c *Candidate) { c.Presence.Connection = presencev1.Connection_CONNECTION_GRACE }},
		{NoCapacity, func(c *Candidate) { c.Agent.Capacity = nil }},
		{NoCapacity, func(c *Candidate) { c.Agent.Capacity[0].Channel = chat }},
		{NoCapacity, func(c *Candidate) { c.Workload.Cards = []*routingv1.Card{{Channel: voice}} }},
		{"", func(c *Candidate) { c.Workload.Cards = []*routingv1.Card{{Channel: chat}} }},
		{"", func(c *Candidate) { c.Workload = nil }}, // never had a contact
		{SkillMissing, func(c *Candidate) { c.Agent.Skills = nil }},
		{SkillMissing, func(c *Candidate) { c.Agent.Skills[0].Level = 49 }},
		{"", func(c *Candidate) { c.Agent.Skills[0].Level = 50 }},
		{Taken, func(c *Candidate) { c.Taken = true }},
	} {
		candidate := ready("zoe", time.Minute)
		c.change(&candidate)
		if got := Unfit(w, candidate, noon); got != c.why {
			t.Errorf("%q, not %q", got, c.why)
		}
		i, d := Agent(w, []Candidate{candidate}, noon, false)
		if (c.why == "") != (i == 0) {
			t.Errorf("%q: chosen %d", c.why, i)
		}
		if c.why != "" && d.PassedOver[0].Reason != c.why {
			t.Errorf("the decision says %v, not %s", d, c.why)
		}
	}
}

func TestContactsOwnSkillsCountToo(t *testing.T) {
	w := waiting("c1", "support", 0, 0)
	w.Queue.RequiredSkills = []*commonv1.Skill{{Name: "german", Level: 50}}
	w.Contact.RequiredSkills = []*commonv1.Skill{{Name: "german", Level: 90}}
	if got := Unfit(w, ready("anna", 0), noon); got != SkillMissing {
		t.Errorf("%q", got)
	}
}

func TestSecondChatGoesToWhoHasNone(t *testing.T) {
	w := waiting("c1", "support", 0, 0)
	w.Contact.Channel, w.Queue.Channel = chat, chat
	busy, free := ready("anna", time.Hour), ready("bert", time.Minute)
	for _, c := range []*Candidate{&busy, &free} {
		c.Agent.Capacity = []*provisioningv1.Capacity{{Channel: chat, Contacts: 3}}
	}
	busy.Workload.Cards, busy.Workload.At = []*routingv1.Card{{Channel: chat}}, before(time.Second)
	if i, _ := Agent(w, []Candidate{busy, free}, noon, false); i != 1 {
		t.Errorf("chosen %d", i)
	}
	if i, _ := Agent(w, []Candidate{busy}, noon, false); i != 0 {
		t.Error("with room for three, one chat keeps the next away")
	}
}

func TestFreeAgentTakesPriorityThenAgeOverAllQueues(t *testing.T) {
	list := []Waiting{
		waiting("young", "support", 5, time.Second), waiting("old", "sales", 5, time.Hour),
		waiting("urgent", "support", 9, 0), waiting("elsewhere", "billing", 100, time.Hour),
	}
	for _, want := range []int{2, 1, 0, -1} {
		i, d := Contact(ready("anna", 0), list, noon, false)
		if i != want {
			t.Fatalf("chosen %d, not %d", i, want)
		}
		if i >= 0 {
			if d.Chosen != "anna" || d.Why != "FIRST_IN_LINE" {
				t.Errorf("decision %v", d)
			}
			list[i].Taken = true
		}
	}
}

func TestCompetitorsPartAfterAConflict(t *testing.T) {
	candidates := []Candidate{ready("a", 5), ready("b", 4), ready("c", 3), ready("d", 2), ready("e", 1)}
	seen := map[int]int{}
	for n := range 400 {
		i, d := Agent(waiting(fmt.Sprint("c", n), "support", 0, 0), candidates, noon, true)
		seen[i]++
		if (i == 0) != (d.Why == "LONGEST_IDLE") {
			t.Fatalf("chosen %d, %s", i, d.Why)
		}
	}
	for i := range 4 {
		if seen[i] < 50 {
			t.Errorf("candidate %d of the best four was chosen %d times of 400", i, seen[i])
		}
	}
	if seen[4] != 0 {
		t.Error("the fifth was chosen")
	}
}

func TestOrderIsPriorityThenAge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q := rapid.Uint32Range(0, 100).Draw(t, "p"), rapid.Uint32Range(0, 100).Draw(t, "q")
		a, b := rapid.Int64Range(0, 4e12).Draw(t, "a"), rapid.Int64Range(0, 4e12).Draw(t, "b")
		first := p > q || (p == q && a < b)
		if got := OrderOf(p, time.UnixMilli(a)) < OrderOf(q, time.UnixMilli(b)); got != first {
			t.Fatalf("priority %d at %d before %d at %d: %v", p, a, q, b, got)
		}
		if OrderOf(p, time.UnixMilli(b)) != OrderOf(p, time.UnixMilli(0))+float64(b) {
			t.Fatal("a millisecond is lost in the score")
		}
		if at, next := PlaceOf(OrderOf(p, time.UnixMilli(a))); at.UnixMilli() != a || (p > 0 && next != OrderOf(p-1, time.UnixMilli(0))) {
			t.Fatalf("priority %d at %d is read back as %d, then %f", p, a, at.UnixMilli(), next)
		}
	})
}

// TestLongestIdleOfThoseWhoCan draws any agents and a contact: who is chosen can take it, and nobody who can has
// been idle longer.
func TestLongestIdleOfThoseWhoCan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := waiting("c1", "support", 0, 0)
		w.Queue.RequiredSkills = []*commonv1.Skill{{Name: "german", Level: rapid.Uint32Range(0, 100).Draw(t, "needed")}}
		var all []Candidate
		for i := range rapid.IntRange(0, 8).Draw(t, "agents") {
			c := ready(fmt.Sprint("agent", i), time.Duration(rapid.IntRange(0, 100).Draw(t, "idle"))*time.Second)
			c.Agent.Skills[0].Level = rapid.Uint32Range(0, 100).Draw(t, "level")
			c.Presence.Status = presencev1.Status(rapid.IntRange(0, 4).Draw(t, "status"))
			c.Taken = rapid.Bool().Draw(t, "taken")
			all = append(all, c)
		}
		i, d := Agent(w, all, noon, false)
		for n, c := range all {
			can := Unfit(w, c, noon) == ""
			if n == i && !can {
				t.Fatalf("%s was chosen and cannot", c.ID)
			}
			if can && (i < 0 || IdleSince(c).Before(IdleSince(all[i]))) {
				t.Fatalf("%s has been idle longer than %s", c.ID, d.Chosen)
			}
		}
	})
}
