package up

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// people of the demo tenant: three queues with skills, and twelve agents of whom not everybody can do everything.
func people() simulate.People {
	p := simulate.People{Tenant: Tenant, Keep: true, Queues: []*provisioningv1.Queue{
		queue("support", "Support", "english", 30),
		queue("sales", "Sales", "sales", 40),
		queue("billing", "Billing", "billing", 50),
	}}
	for _, a := range []struct {
		id, name                string
		english, sales, billing uint32
	}{
		{"ann", "Ann Okafor", 90, 60, 70},
		{"bob", "Bob Lindqvist", 80, 70, 0},
		{"carla", "Carla Méndez", 70, 0, 80},
		{"dmitri", "Dmitri Volkov", 60, 50, 50},
		{"eve", "Eve Nakamura", 100, 90, 0},
		{"femi", "Femi Adeyemi", 80, 0, 90},
		{"grace", "Grace Liu", 90, 80, 60},
		{"hiro", "Hiro Tanaka", 50, 40, 0},
		{"ines", "Inês Duarte", 70, 0, 70},
		{"jonas", "Jonas Weber", 60, 60, 60},
		{"kavya", "Kavya Rao", 90, 0, 100},
		{"liam", "Liam Byrne", 100, 100, 50},
	} {
		p.Agents = append(p.Agents, agent(a.id, a.name, map[string]uint32{"english": a.english, "sales": a.sales, "billing": a.billing}))
	}
	return p
}

func queue(id, name, skill string, level uint32) *provisioningv1.Queue {
	return &provisioningv1.Queue{
		Id: id, Name: name, Channel: commonv1.Channel_CHANNEL_VOICE,
		RequiredSkills:     []*commonv1.Skill{{Name: skill, Level: level}},
		OfferTimeout:       durationpb.New(15 * time.Second),
		WrapUpLimit:        durationpb.New(60 * time.Second),
		MaxWait:            durationpb.New(time.Hour),
		ServiceLevelTarget: durationpb.New(20 * time.Second),
		RetryAfter:         durationpb.New(5 * time.Second),
	}
}

// queueOf says which queue a skill is for.
var queueOf = []struct{ skill, queue string }{{"english", "support"}, {"sales", "sales"}, {"billing", "billing"}}

func agent(id, name string, levels map[string]uint32) *provisioningv1.Agent {
	a := &provisioningv1.Agent{
		Id: id, Name: name, Address: "sip:" + id + "@example.com",
		Capacity: []*provisioningv1.Capacity{{Channel: commonv1.Channel_CHANNEL_VOICE, Contacts: 1}},
	}
	for _, q := range queueOf {
		if level := levels[q.skill]; level > 0 {
			a.Skills = append(a.Skills, &commonv1.Skill{Name: q.skill, Level: level})
			a.QueueIds = append(a.QueueIds, q.queue)
		}
	}
	return a
}
