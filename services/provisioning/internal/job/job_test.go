package job

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func upsert(id string) *provisioningv1.Item {
	return &provisioningv1.Item{Kind: provisioningv1.Item_KIND_UPSERT_AGENT, Agent: &provisioningv1.Agent{Id: id, Name: id}}
}

func order(ids ...string) Order {
	o := Order{Tenant: "acme", RequestID: "r-1", Actor: "hr"}
	for _, id := range ids {
		o.Items = append(o.Items, upsert(id))
	}
	return o
}

func TestTheSameRequestIDGivesTheSameJob(t *testing.T) {
	j, err := Create(nil, order("ann", "bob"), noon)
	if err != nil || j.GetTotal() != 2 || j.GetId() != ID("acme", "r-1") || len(j.GetId()) != 28 {
		t.Fatalf("created %v, %v", j, err)
	}
	if again, err := Create(j, order("ann", "bob"), noon.Add(time.Hour)); again != nil || err != nil {
		t.Errorf("again: %v, %v, want nothing to write", again, err)
	}
	_, err = Create(j, order("ann", "eve"), noon)
	if no, _ := refusal.As(err); no == nil || no.Reason != "REQUEST_ID_TAKEN" {
		t.Errorf("other items: %v, want REQUEST_ID_TAKEN", err)
	}
	if ID("acme", "r-1") == ID("acme", "r-2") || ID("acme", "r-1") == ID("bcme", "r-1") {
		t.Error("two requests share a job id")
	}
}

func TestDigestSeesEveryField(t *testing.T) {
	base := func() *provisioningv1.Item {
		return &provisioningv1.Item{Kind: provisioningv1.Item_KIND_UPSERT_AGENT, Agent: &provisioningv1.Agent{
			Id: "ann", Name: "Ann", Skills: []*commonv1.Skill{{Name: "english", Level: 80}}, QueueIds: []string{"support"},
			Capacity: []*provisioningv1.Capacity{{Channel: commonv1.Channel_CHANNEL_VOICE, Contacts: 1}}, Address: "1001",
		}}
	}
	seen := map[string]int{string(Digest([]*provisioningv1.Item{base()})): -1}
	for i, change := range []func(*provisioningv1.Item){
		func(it *provisioningv1.Item) { it.Kind = provisioningv1.Item_KIND_DELETE_AGENT },
		func(it *provisioningv1.Item) { it.Agent.Id = "bob" },
		func(it *provisioningv1.Item) { it.Agent.Name = "Anna" },
		func(it *provisioningv1.Item) { it.Agent.Skills[0].Name = "french" },
		func(it *provisioningv1.Item) { it.Agent.Skills[0].Level = 81 },
		func(it *provisioningv1.Item) { it.Agent.Skills = nil },
		func(it *provisioningv1.Item) { it.Agent.QueueIds[0] = "sales" },
		func(it *provisioningv1.Item) { it.Agent.QueueIds = append(it.Agent.QueueIds, "sales") },
		func(it *provisioningv1.Item) { it.Agent.Capacity[0].Channel = commonv1.Channel_CHANNEL_CHAT },
		func(it *provisioningv1.Item) { it.Agent.Capacity[0].Contacts = 2 },
		func(it *provisioningv1.Item) { it.Agent.Address = "1002" },
		func(it *provisioningv1.Item) { it.Agent.Deactivated = true },
		func(it *provisioningv1.Item) { it.Agent.ExternalId = "1" },
		func(it *provisioningv1.Item) { it.Queue = &provisioningv1.Queue{Id: "support"} },
		func(it *provisioningv1.Item) { it.Queue = &provisioningv1.Queue{Name: "support"} },
		func(it *provisioningv1.Item) { it.Queue = &provisioningv1.Queue{ExternalId: "support"} },
		func(it *provisioningv1.Item) {
			it.Queue = &provisioningv1.Queue{Channel: commonv1.Channel_CHANNEL_CHAT}
		},
		func(it *provisioningv1.Item) { it.Queue = &provisioningv1.Queue{RequiredSkills: it.Agent.Skills} },
		func(it *provisioningv1.Item) { it.Queue = &provisioningv1.Queue{OfferTimeout: durationpb.New(0)} },
		func(it *provisioningv1.Item) {
			it.Queue = &provisioningv1.Queue{OfferTimeout: durationpb.New(time.Second)}
		},
		func(it *provisioningv1.Item) {
			it.Queue = &provisioningv1.Queue{WrapUpLimit: durationpb.New(time.Second)}
		},
		func(it *provisioningv1.Item) { it.Queue = &provisioningv1.Queue{MaxWait: durationpb.New(time.Second)} },
		func(it *provisioningv1.Item) {
			it.Queue = &provisioningv1.Queue{ServiceLevelTarget: durationpb.New(time.Second)}
		},
		func(it *provisioningv1.Item) {
			it.Queue = &provisioningv1.Queue{RetryAfter: durationpb.New(time.Second)}
		},
		func(it *provisioningv1.Item) { it.IfRevision = &commonv1.Revision{Epoch: 1} },
		func(it *provisioningv1.Item) { it.IfRevision = &commonv1.Revision{N: 1} },
	} {
		it := base()
		change(it)
		d := string(Digest([]*provisioningv1.Item{it}))
		if other, twice := seen[d]; twice {
			t.Errorf("change %d has the digest of change %d", i, other)
		}
		seen[d] = i
	}
}

func TestEveryProblemIsNamedAtOnce(t *testing.T) {
	bad := order("ann", "ann", "-x", "").Items
	bad = append(bad, &provisioningv1.Item{Kind: provisioningv1.Item_KIND_DELETE_AGENT, Agent: &provisioningv1.Agent{Id: "gone"}})
	err := Check(bad)
	no, _ := refusal.As(err)
	if no == nil || no.Reason != "INVALID_ITEMS" {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"4 problems", `item 2: agent "ann" is item 1 too`, `item 3: id "-x" is not an id`, "item 4: id is missing", "item 4: name is missing"} {
		if !strings.Contains(no.Message, want) {
			t.Errorf("%q does not say %q", no.Message, want)
		}
	}
	if strings.Contains(no.Message, "item 5") {
		t.Errorf("a deletion needs an id only: %s", no.Message)
	}
}

func TestAnItemEndsOnce(t *testing.T) {
	j, _ := Create(nil, order("ann"), noon)
	r := Requests(j, order("ann").Items)[0]
	pending := Take(nil, r, noon)
	if Final(pending) || pending.GetAgentId() != "ann" || pending.GetNumber() != 1 {
		t.Fatalf("taken: %v", pending)
	}
	if again := Take(pending, r, noon); again != nil {
		t.Errorf("taken twice: %v", again)
	}
	failed := Finish(pending, Verdict{Reason: "502 Bad Gateway", Attempts: 3}, noon)
	if !Final(failed) || failed.GetReason() != "502 Bad Gateway" || failed.GetAttempts() != 3 || failed.GetRequest() == nil {
		t.Errorf("failed: %v, want words, attempts and the request, which may be sent again", failed)
	}
	if again := Finish(failed, Verdict{Applied: true}, noon); again != nil {
		t.Errorf("ended twice: %v", again)
	}
	applied := Finish(pending, Verdict{Applied: true, Attempts: 1}, noon)
	if applied.GetOutcome() != provisioningv1.ItemOutcome_ITEM_OUTCOME_APPLIED || applied.GetRequest() != nil {
		t.Errorf("applied: %v, want no request", applied)
	}
}

func TestAPendingItemExpires(t *testing.T) {
	j, _ := Create(nil, order("ann"), noon)
	pending := Take(nil, Requests(j, order("ann").Items)[0], noon)
	if _, gone := Expired(pending, j, noon.Add(Patience-time.Millisecond)); gone {
		t.Error("expired before its time")
	}
	v, gone := Expired(pending, j, noon.Add(Patience))
	if !gone || v.Applied || v.Reason == "" {
		t.Errorf("got %v, %v, want a failure with a reason", v, gone)
	}
	paused, _ := Pause(Count(j, Counts{}), "ann", noon.Add(time.Hour))
	if _, gone := Expired(pending, paused, noon.Add(10*Patience)); gone {
		t.Error("expired while its job was paused")
	}
	resumed, _ := Resume(Count(paused, Counts{}), "ann", noon.Add(2*Patience))
	if _, gone := Expired(pending, resumed, noon.Add(3*Patience-time.Millisecond)); gone {
		t.Error("expired for the time that its job was paused")
	}
}

func TestCountsAddUp(t *testing.T) {
	j, _ := Create(nil, order("ann", "bob", "eve"), noon)
	if c := Count(j, Counts{Applied: 1, Failed: 1}); c.GetApplied() != 1 || c.GetFailed() != 1 || c.GetPending() != 1 {
		t.Errorf("got %v", c)
	}
	if a := Accept(j, noon); a.GetAcceptedAt() == nil || Accept(a, noon) != nil {
		t.Error("accepted twice")
	}
}
