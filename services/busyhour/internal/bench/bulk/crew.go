package bulk

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

const crew = "crew"

// crewQueue is the queue that the job's agents serve.
func crewQueue() *provisioningv1.Queue {
	return &provisioningv1.Queue{
		Id: crew, Name: "Crew", Channel: commonv1.Channel_CHANNEL_CHAT,
		OfferTimeout: durationpb.New(10 * time.Second), WrapUpLimit: durationpb.New(10 * time.Second), MaxWait: durationpb.New(10 * time.Minute),
		ServiceLevelTarget: durationpb.New(20 * time.Second), RetryAfter: durationpb.New(2 * time.Second),
	}
}

// member is an agent who has something of everything, and not what the next one has.
func member(id string, i int) *provisioningv1.Agent {
	a := &provisioningv1.Agent{
		Id: id, Name: fmt.Sprintf("Åsa \"%d\" O'Neill", i), QueueIds: []string{crew}, Deactivated: i%50 == 49,
		Skills:   []*commonv1.Skill{{Name: "english", Level: uint32(1 + i%100)}},
		Capacity: []*provisioningv1.Capacity{{Channel: commonv1.Channel_CHANNEL_CHAT, Contacts: uint32(1 + i%5)}},
	}
	if i%3 == 0 {
		a.Skills = append(a.Skills, &commonv1.Skill{Name: "sales", Level: 50})
	}
	if i%4 != 0 {
		a.Address = fmt.Sprintf("sip:%s@example.com", id)
	}
	return a
}

func items(agents []*provisioningv1.Agent) (all []*provisioningv1.Item) {
	for _, a := range agents {
		all = append(all, &provisioningv1.Item{Kind: provisioningv1.Item_KIND_UPSERT_AGENT, Agent: a})
	}
	return all
}
