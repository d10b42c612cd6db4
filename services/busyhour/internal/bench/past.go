package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

// Past is what stands in the log before a measurement.
type Past struct {
	// Events of contacts that ended longer ago than anything is kept of them, five each.
	Events int `json:"events"`
	// Contacts that are connected, contacts that have just ended, and agents who are available.
	Contacts int `json:"contacts"`
	Stubs    int `json:"stubs"`
	Agents   int `json:"agents"`
}

// underWay is below what a producer takes at once.
const underWay = 4096

// pen writes events, so many at a time.
type pen struct {
	producer *eventlog.Producer
	tenant   string
	room     chan struct{}
	done     sync.WaitGroup

	mu     sync.Mutex
	failed error
}

func (p Past) write(ctx context.Context, kafka eventlog.Config, tenant string, routing, presence uint32) error {
	producer, err := eventlog.NewProducer(kafka)
	if err != nil {
		return err
	}
	defer producer.Close()
	w := &pen{producer: producer, tenant: tenant, room: make(chan struct{}, underWay)}
	now := time.Now()
	old := now.Add(-2 * time.Hour)
	states := []routingv1.ContactState{routingv1.ContactState_CONTACT_STATE_QUEUED, routingv1.ContactState_CONTACT_STATE_OFFERED,
		routingv1.ContactState_CONTACT_STATE_CONNECTING, routingv1.ContactState_CONTACT_STATE_CONNECTED, routingv1.ContactState_CONTACT_STATE_COMPLETED}
	for i := range p.Events {
		w.contact(ctx, routing, fmt.Sprintf("past-%s-%d", tenant, i/len(states)), uint32(i%len(states)+1), states[i%len(states)], old, "")
	}
	for i := range p.Stubs {
		w.contact(ctx, routing, fmt.Sprintf("stub-%s-%d", tenant, i), 1, routingv1.ContactState_CONTACT_STATE_COMPLETED, now, "")
	}
	for i := range p.Contacts {
		w.contact(ctx, routing, fmt.Sprintf("live-%s-%d", tenant, i), 1, routingv1.ContactState_CONTACT_STATE_CONNECTED, now, agentID(i))
	}
	for i := range p.Agents {
		w.agent(ctx, presence, agentID(i), now)
	}
	w.done.Wait()
	return w.failed
}

func agentID(i int) string { return fmt.Sprintf("agent-%05d", i) }

func (w *pen) contact(ctx context.Context, epoch uint32, id string, n uint32, state routingv1.ContactState, since time.Time, agent string) {
	c := &routingv1.Contact{
		Id: id, Tenant: w.tenant, SwitchId: "sbc-1", CallId: id, QueueId: "support", Channel: commonv1.Channel_CHANNEL_VOICE, State: state,
		Since: timestamppb.New(since), CreatedAt: timestamppb.New(since), QueuedAt: timestamppb.New(since), From: "+4930123456", To: "+49800123456",
		Deadline:   timestamppb.New(since.Add(4 * time.Hour)),
		Terms:      &routingv1.Terms{QueueName: "Support", OfferTimeoutMs: 15_000, WrapUpLimitMs: 60_000, MaxWaitMs: 3_600_000},
		Legs:       []*routingv1.Leg{{Id: "a", Last: uint64(n), Window: 1<<n - 1}},
		Attributes: map[string]string{"account": "4711", "language": "german"},
	}
	if agent != "" {
		c.Reservation = &routingv1.Reservation{AgentId: agent, OfferedAt: timestamppb.New(since), Workload: &commonv1.Revision{Epoch: epoch, N: 1}}
	}
	e := &routingv1.ContactEvent{Kind: routingv1.ContactEvent_KIND_NOTED, Revision: &commonv1.Revision{Epoch: epoch, N: n}, At: c.Since, Contact: c}
	w.put(ctx, topics.ContactEvents, id, e, eventlog.CloudEvent{Service: "call-routing", Record: "contact:" + id, Epoch: epoch, N: n, Type: "busyhour.routing.contact.noted.v1"})
}

func (w *pen) agent(ctx context.Context, epoch uint32, id string, now time.Time) {
	p := &presencev1.Presence{
		AgentId: id, Tenant: w.tenant, Status: presencev1.Status_STATUS_AVAILABLE, Connection: presencev1.Connection_CONNECTION_CONNECTED,
		Since: timestamppb.New(now), ConnectionSince: timestamppb.New(now), At: timestamppb.New(now),
		Screens: []*presencev1.Screen{{Id: "screen-" + id, Pod: "nobody"}}, QueueIds: []string{"support"},
	}
	e := &presencev1.PresenceEvent{Kind: presencev1.PresenceEvent_KIND_STATUS_CHANGED, Revision: &commonv1.Revision{Epoch: epoch, N: 1}, At: p.At, Presence: p}
	w.put(ctx, topics.AgentEvents, id, e, eventlog.CloudEvent{Service: "agent-presence", Record: "presence:" + id, Epoch: epoch, N: 1, Type: "busyhour.presence.agent.status-changed.v1"})
}

func (w *pen) put(ctx context.Context, topic, key string, m proto.Message, e eventlog.CloudEvent) {
	data, err := proto.Marshal(m)
	if err != nil {
		panic(err) // these messages always marshal
	}
	select {
	case w.room <- struct{}{}:
	case <-ctx.Done():
		w.fail(ctx.Err())
		return
	}
	e.Tenant, e.Op, e.Time = w.tenant, "past", time.Now()
	w.done.Add(1)
	w.producer.Produce(eventlog.Message{Topic: topic, Key: []byte(key), Value: data, Headers: e.Headers()}, func(err error) {
		w.fail(err)
		<-w.room
		w.done.Done()
	})
}

func (w *pen) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed == nil {
		w.failed = err
	}
}
