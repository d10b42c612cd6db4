package directory

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

func TestAnAgentsChangesInWords(t *testing.T) {
	ann := &provisioningv1.Agent{
		Id: "ann", Name: "Ann", Skills: []*commonv1.Skill{{Name: "english", Level: 50}, {Name: "french", Level: 10}},
		QueueIds: []string{"support", "sales"}, Capacity: []*provisioningv1.Capacity{{Channel: commonv1.Channel_CHANNEL_VOICE, Contacts: 1}},
	}
	for want, change := range map[string]func(*provisioningv1.Agent){
		"":                                   func(*provisioningv1.Agent) {},
		`name: "Ann" → "Anna"`:               func(a *provisioningv1.Agent) { a.Name = "Anna" },
		`skill english: 50 → 80`:             func(a *provisioningv1.Agent) { a.Skills[0].Level = 80 },
		`skill +german: 0, skill -french`:    func(a *provisioningv1.Agent) { a.Skills[1] = &commonv1.Skill{Name: "german"} },
		`queue +billing, queue -support`:     func(a *provisioningv1.Agent) { a.QueueIds[0] = "billing" },
		`capacity voice: 1 → 2`:              func(a *provisioningv1.Agent) { a.Capacity[0].Contacts = 2 },
		`capacity +chat: 1, capacity -voice`: func(a *provisioningv1.Agent) { a.Capacity[0].Channel = commonv1.Channel_CHANNEL_CHAT },
		`address: "" → "1001"`:               func(a *provisioningv1.Agent) { a.Address = "1001" },
		`active: true → false`:               func(a *provisioningv1.Agent) { a.Deactivated = true },
		`external_id: "" → "7\""`:            func(a *provisioningv1.Agent) { a.ExternalId = `7"` },
		"the order of skills, queues or capacity": func(a *provisioningv1.Agent) {
			a.QueueIds[0], a.QueueIds[1] = a.QueueIds[1], a.QueueIds[0]
		},
		`name: "Ann" → "Anna", queue -sales, address: "" → "1"`: func(a *provisioningv1.Agent) {
			a.Name, a.QueueIds, a.Address = "Anna", a.QueueIds[:1], "1"
		},
	} {
		after := proto.CloneOf(ann)
		change(after)
		if got := strings.Join(Changes(AgentEntry("acme", "hr", ann), AgentEntry("acme", "hr", after)), ", "); got != want {
			t.Errorf("says %s, want %s", got, want)
		}
	}
}

func TestAQueuesChangesInWords(t *testing.T) {
	support := &provisioningv1.Queue{Id: "support", Name: "Support", Channel: commonv1.Channel_CHANNEL_VOICE}
	for want, change := range map[string]func(*provisioningv1.Queue){
		"":                            func(*provisioningv1.Queue) {},
		`name: "Support" → "Help"`:    func(q *provisioningv1.Queue) { q.Name = "Help" },
		`channel: voice → chat`:       func(q *provisioningv1.Queue) { q.Channel = commonv1.Channel_CHANNEL_CHAT },
		`required skill +english: 50`: func(q *provisioningv1.Queue) { q.RequiredSkills = []*commonv1.Skill{{Name: "english", Level: 50}} },
		`offer_timeout: 15s → 20s`:    func(q *provisioningv1.Queue) { q.OfferTimeout = durationpb.New(20 * time.Second) },
		`wrap_up_limit: 1m0s → 0s`:    func(q *provisioningv1.Queue) { q.WrapUpLimit = durationpb.New(0) },
		`max_wait: 1h0m0s → 1m0s`:     func(q *provisioningv1.Queue) { q.MaxWait = durationpb.New(time.Minute) },
		`service_level_target: 20s → 30s`: func(q *provisioningv1.Queue) {
			q.ServiceLevelTarget = durationpb.New(30 * time.Second)
		},
		`retry_after: 5s → 1s`:  func(q *provisioningv1.Queue) { q.RetryAfter = durationpb.New(time.Second) },
		`external_id: "" → "7"`: func(q *provisioningv1.Queue) { q.ExternalId = "7" },
	} {
		after := proto.CloneOf(support)
		change(after)
		if got := strings.Join(Changes(QueueEntry("acme", "hr", support), QueueEntry("acme", "hr", after)), ", "); got != want {
			t.Errorf("says %s, want %s", got, want)
		}
	}
}

func TestWordsAreBounded(t *testing.T) {
	before, after := &provisioningv1.Agent{Id: "ann", Name: strings.Repeat("a", 61)}, &provisioningv1.Agent{Id: "ann", Name: strings.Repeat("a", 62)}
	for n := range 20 {
		after.QueueIds = append(after.QueueIds, fmt.Sprint("q", n))
	}
	got := Changes(AgentEntry("acme", "hr", before), AgentEntry("acme", "hr", after))
	if len(got) != mostChanges+1 || got[mostChanges] != "and 9 more" {
		t.Errorf("says %q", got)
	}
	if want := fmt.Sprintf("name: %q → %q", before.Name, after.Name); got[0] != want {
		t.Errorf("names that differ in their last letter: %s", got[0])
	}
}

// A field that is added to an agent or a queue is one that a dry run has to speak of.
func TestEveryFieldHasWords(t *testing.T) {
	for message, known := range map[proto.Message]int{&provisioningv1.Agent{}: 8, &provisioningv1.Queue{}: 10} {
		d := message.ProtoReflect().Descriptor()
		if n := d.Fields().Len(); n != known {
			t.Errorf("%s has %d fields, Changes knows %d: add the new one there, and in job.Digest", d.Name(), n, known)
		}
	}
}
