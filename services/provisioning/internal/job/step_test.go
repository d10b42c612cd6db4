package job

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
)

func TestHowAnAgentStoodBefore(t *testing.T) {
	r := &provisioningv1.Request{Tenant: "acme", RequestedAt: timestamppb.New(noon), Item: &provisioningv1.Item{
		Kind: provisioningv1.Item_KIND_UPSERT_AGENT, Agent: &provisioningv1.Agent{Id: "ann", Name: "Anna"},
	}}
	ann := directory.AgentEntry("acme", "eve", &provisioningv1.Agent{Id: "ann", Name: "Ann"})
	ann.RequestedAt = timestamppb.New(noon.Add(-time.Hour))
	gone := directory.NoAgent("acme", "eve", "ann")
	own := directory.AgentEntry("acme", "eve", r.GetItem().GetAgent())
	own.RequestedAt = r.GetRequestedAt()
	for name, c := range map[string]struct {
		present *directory.Entry
		want    string
	}{
		"never there": {nil, "nobody"}, "deleted": {gone, "nobody"}, "there": {ann, "Ann"}, "its own change": {own, "unknown"},
	} {
		got := "unknown"
		switch e := Before(directory.Present{Entry: c.present}, r); {
		case e.GetDeleted() && e.GetAgent().GetId() == "ann":
			got = "nobody"
		case e != nil:
			got = e.GetAgent().GetName()
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	r.Item = &provisioningv1.Item{Kind: provisioningv1.Item_KIND_DELETE_QUEUE, Queue: &provisioningv1.Queue{Id: "q"}}
	if e := Before(directory.Present{}, r); e != nil {
		t.Errorf("of a queue: %v", e)
	}
}

func TestAnItemThatExpiresSaysWhoWasTold(t *testing.T) {
	o := &provisioningv1.Outcome{Outcome: provisioningv1.ItemOutcome_ITEM_OUTCOME_PENDING, At: timestamppb.New(noon)}
	o = PutStep(o, &provisioningv1.Step{Downstream: "telephony", State: told, Attempts: 2}, noon)
	v, yes := Expired(o, nil, noon.Add(Patience))
	if !yes || v.Attempts != 2 || v.Reason != "not every downstream took it within 24h0m0s; not undone: telephony" {
		t.Errorf("verdict %+v, %v", v, yes)
	}
	if ended := Finish(o, v, noon); len(ended.GetSteps()) != 1 {
		t.Errorf("the steps are gone: %v", ended)
	}
}

func TestAStepTakesThePlaceOfTheOneBefore(t *testing.T) {
	first := PutStep(&provisioningv1.Outcome{Outcome: provisioningv1.ItemOutcome_ITEM_OUTCOME_PENDING}, &provisioningv1.Step{Downstream: "a", State: told}, noon)
	both := PutStep(first, &provisioningv1.Step{Downstream: "b", State: refused}, noon)
	last := PutStep(both, &provisioningv1.Step{Downstream: "a", State: undone}, noon.Add(time.Second))
	var all []string
	for _, s := range last.GetSteps() {
		all = append(all, s.GetDownstream()+" "+s.GetState().String())
	}
	if got := strings.Join(all, ", "); got != "a STATE_UNDONE, b STATE_REFUSED" || both.GetSteps()[0].GetState() != told {
		t.Errorf("%s; before: %v", got, both)
	}
	if !last.GetSteps()[0].GetAt().AsTime().Equal(noon.Add(time.Second)) || Refused(first) || !Refused(last) {
		t.Errorf("kept %v", last)
	}
}
