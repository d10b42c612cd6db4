package plan

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/busyhour/busyhour/api/topics"
)

func proposals(d Demand) map[string]Proposal {
	all := map[string]Proposal{}
	for _, p := range Propose(topics.Plan(), d) {
		all[p.Topic] = p
	}
	return all
}

// 80,000 × 8 ÷ 3600 = 177.8/s, × 2 × 2 = 711, ÷ 25 = 28.4: 29 consumers, 48 partitions.
func TestTheArithmeticIsThatOfTheFigures(t *testing.T) {
	all := proposals(Demand{BHCC: 80_000, Agents: 10_000, Tenants: 1, Growth: 2, Rate: 25})
	for _, c := range []struct {
		topic            string
		needed, proposed int32
		change           string
	}{
		{topics.ContactEvents, 29, 48, "busyhour topics grow " + topics.ContactEvents + " --to 48"},
		{topics.ContactState, 29, 48, "grows with " + topics.ContactEvents},
		{topics.Signals, 15, 24, "busyhour topics grow " + topics.Signals + " --to 24"},
		{topics.AgentEvents, 7, 12, "busyhour topics grow " + topics.AgentEvents + " --to 12"},
		{topics.Requests, 14, 24, "beyond the plan's limit of 12: faster consumers, or a review of the plan"},
		{topics.RoutingEpochs, 0, 1, "none"},
		{topics.DirectoryEvents, 0, 3, "none"},
	} {
		if p := all[c.topic]; p.Needed != c.needed || p.Proposed != c.proposed || p.Change != c.change {
			t.Errorf("%s: %+v, want %d needed, %d proposed, %q", c.topic, p, c.needed, c.proposed, c.change)
		}
	}
}

func TestAQuietHourChangesNothing(t *testing.T) {
	for name, p := range proposals(Demand{BHCC: 1000, Agents: 50, Tenants: 1, Growth: 1, Rate: DefaultRate}) {
		if p.Proposed != p.Planned || p.Change != "none" {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestTwoTenantsAreTwiceOne(t *testing.T) {
	one := proposals(Demand{BHCC: 80_000, Agents: 1000, Tenants: 1, Growth: 1, Rate: 10})
	for name, two := range proposals(Demand{BHCC: 80_000, Agents: 1000, Tenants: 2, Growth: 1, Rate: 10}) {
		if two.Peak != 2*one[name].Peak {
			t.Errorf("%s: %g/s for two, %g/s for one", name, two.Peak, one[name].Peak)
		}
	}
}

// What is said of a call is what call-routing's own scenario writes.
func TestEventsAndSignalsPerCallAreThoseOfTheScenario(t *testing.T) {
	text, err := os.ReadFile("../../../call-routing/internal/contact/testdata/a-good-call.scenario")
	if err != nil {
		t.Fatal(err)
	}
	events, signals := 0, 0
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "hold") || strings.Contains(line, "held") || strings.Contains(line, "resume") {
			continue
		}
		if strings.Contains(line, ", event ") {
			events++
		}
		if strings.Contains(line, " call ") && strings.Contains(line, "#") {
			signals++
		}
	}
	if events != eventsPerCall || signals != signalsPerCall {
		t.Errorf("the scenario has %d events and %d signals, the plan reckons with %d and %d", events, signals, eventsPerCall, signalsPerCall)
	}
}

func TestWhatIsNoDemandIsRefusedAtOnce(t *testing.T) {
	err := Demand{BHCC: -1, Growth: 0.5}.Validate()
	for _, word := range []string{"bhcc", "tenants", "growth", "per-consumer-rate"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v says nothing of %s", err, word)
		}
	}
}

func TestProposalsAreWrittenForPeopleAndPrograms(t *testing.T) {
	d := Demand{BHCC: 80_000, Agents: 500, Tenants: 1, Growth: 2, Rate: 25}
	var text, program bytes.Buffer
	if err := ProposalTable(&text, d, Propose(topics.Plan(), d)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "80000 calls/h ÷ 3600 × 8 events = 177.8/s, × 2 peak × 2 growth = 711.1/s, ÷ 25 a consumer = 29") {
		t.Errorf("no arithmetic in\n%s", text.String())
	}
	if err := ProposalJSON(&program, d, Propose(topics.Plan(), d)); err != nil {
		t.Fatal(err)
	}
	var read struct {
		BHCC   float64
		Topics []Proposal
	}
	if err := json.Unmarshal(program.Bytes(), &read); err != nil || read.BHCC != 80_000 || len(read.Topics) != len(topics.Plan()) {
		t.Errorf("%+v, %v", read, err)
	}
}
