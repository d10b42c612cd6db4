package routing_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

func (s *stage) workload(p *pod, agent string) *routingv1.GetWorkloadResponse {
	s.Helper()
	res, err := p.routing().GetWorkload(s.Context(), connect.NewRequest(&routingv1.GetWorkloadRequest{Tenant: s.tenant, AgentId: agent}))
	if err != nil {
		s.Fatal(err)
	}
	return res.Msg
}

// indexes reads all that a commit and a recovery must agree on: where contacts stand.
func (s *stage) indexes(epoch uint32) map[string][]redis.Z {
	s.Helper()
	rdb := redis.NewUniversalClient(&s.redis)
	defer rdb.Close()
	all := map[string][]redis.Z{}
	for _, name := range []string{"live", "waiting:support", "inhand:support", "switch:sbc-1"} {
		list, err := rdb.ZRangeWithScores(s.Context(), commit.Key(s.tenant, "call-routing", epoch, name), 0, -1).Result()
		if err != nil {
			s.Fatal(err)
		}
		all[name] = list
	}
	return all
}

// epochs that the neighbours are open in; zero while they are closed.
func (s *stage) epochs() (directory, presence uint32) {
	if epoch, open := s.directory.store.Verified(s.tenant); open {
		directory = epoch
	}
	if epoch, open := s.presence.store.Verified(s.tenant); open {
		presence = epoch
	}
	return directory, presence
}

func TestLostRedisComesBackFromTheLog(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	s.hire("anna", "support")
	s.hire("bert", "support")
	p := s.startPod("pod-1")
	screen := s.watch("anna", "bert")
	s.set("anna", available)
	sw := p.connect("sbc-1", 1)
	first := sw.welcome().Epoch
	talk, rings, waits := callOffered("call-1", "support"), callOffered("call-2", "support"), callOffered("call-3", "support")
	sw.say(talk)
	card := screen.card("anna", offeredState)
	s.act(p, "anna", card.ContactId, accept)
	screen.card("anna", connectingState)
	sw.wish(connectAll)
	sw.say(answered("call-1", 2))
	screen.card("anna", connectedState)
	s.set("bert", available)
	s.awaitReady(p, "support", 1)
	sw.say(rings)
	ringing := screen.card("bert", offeredState)
	sw.say(waits)
	sw.acked()

	before := s.indexes(first)
	directoryWas, presenceWas := s.epochs()
	s.flush()
	// The switch is told the new epoch and what is wanted in it: that Bert's telephone rings.
	var again *routingv1.Welcome
	for again == nil || again.Epoch == first {
		if w := sw.hear().GetWelcome(); w != nil {
			again = w
		}
	}
	if again.Epoch <= first || len(again.Commands) != 1 || again.Commands[0].Wanted.Kind != ring || again.Commands[0].ContactId != ringing.ContactId {
		t.Errorf("welcome %v", again)
	}
	if told := again.Commands[0].Wanted.Revision; told.Epoch != again.Epoch {
		t.Errorf("what is wanted is told as of epoch %d: switches refuse that in epoch %d", told.Epoch, again.Epoch)
	}
	sw.send(&routingv1.ConnectRequest{Message: &routingv1.ConnectRequest_WantedAck{WantedAck: &routingv1.WantedAck{
		ContactId: ringing.ContactId, Revision: again.Commands[0].Wanted.Revision,
	}}})
	s.await("the switch has taken it", func() bool { return s.wanted(again.Epoch) == 0 })
	s.await("the neighbours are open again", func() bool {
		d, p := s.epochs()
		return d > directoryWas && p > presenceWas
	})
	if after := s.indexes(again.Epoch); !maps.EqualFunc(before, after, slices.Equal) {
		t.Errorf("the indexes were\n%v and came back as\n%v", before, after)
	}
	w := s.workload(p, "anna")
	if len(w.Workload.Cards) != 1 || w.Workload.Cards[0].State != connectedState || w.Revision.Epoch != again.Epoch || w.Revision.N != 1 {
		t.Errorf("anna holds %v", w)
	}
	if f := s.figures(p, "support"); f.Waiting != 1 || f.InHand != 2 {
		t.Errorf("figures %v", f)
	}
	// The sender resends all that it has; it is known.
	resend := p.connect("sbc-1", 1)
	resend.say(talk, answered("call-1", 2), rings, waits)
	resend.acked()
	if n := p.metric("busyhour_routing_signals_total", "duplicate"); n != 4 {
		t.Errorf("%v duplicates", n)
	}
	// And life goes on. Anna's connection is in grace until her screen has answered; so she is not given another call.
	sw.say(ended("call-1", 3))
	screen.card("anna", wrapUpState)
	s.act(p, "anna", card.ContactId, complete)
	screen.card("anna", 0)
	s.set("anna", available)
	screen.card("anna", offeredState)
	sw.acked()
	s.checkLog(t)
}

// logged puts an event of a contact into the log, as a pod of earlier days did.
func (s *stage) logged(n uint32, c *routingv1.Contact) {
	s.Helper()
	producer, err := eventlog.NewProducer(s.kafkaConfig(prometheus.NewRegistry()))
	if err != nil {
		s.Fatal(err)
	}
	defer producer.Close()
	value, err := proto.Marshal(&routingv1.ContactEvent{Revision: &commonv1.Revision{Epoch: 1, N: n}, At: c.Since, Contact: c})
	if err != nil {
		s.Fatal(err)
	}
	e := eventlog.CloudEvent{Service: "call-routing", Tenant: s.tenant, Record: "contact:" + c.Id, Epoch: 1, N: n, Type: "busyhour.routing.contact.noted.v1", Time: time.Now()}
	if err := producer.Send(s.Context(), eventlog.Message{Topic: topics.ContactEvents, Key: []byte(c.Id), Value: value, Headers: e.Headers()}); err != nil {
		s.Fatal(err)
	}
}

// reserved is a contact that anna has, by an offer or because its switch told of it.
func (s *stage) reserved(id string, workload uint32, state routingv1.ContactState, byOffer bool) *routingv1.Contact {
	now := timestamppb.Now()
	c := &routingv1.Contact{
		Id: id, Tenant: s.tenant, SwitchId: "sbc-1", CallId: id, QueueId: "support", Channel: commonv1.Channel_CHANNEL_VOICE,
		State: state, Since: now, Deadline: timestamppb.New(now.AsTime().Add(time.Hour)), CreatedAt: now, QueuedAt: now,
		Terms:       &routingv1.Terms{MaxWaitMs: 3600_000},
		Reservation: &routingv1.Reservation{AgentId: "anna", OfferedAt: now, Workload: &commonv1.Revision{Epoch: 1, N: workload}},
	}
	if !byOffer {
		c.Reservation.AcceptedAt = now
	}
	return c
}

func TestOfTwoReservationsOfOneSlotTheLaterStays(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	s.hire("anna", "support")
	s.logged(1, s.reserved("c-late", 9, connectedState, true))
	s.logged(1, s.reserved("c-early", 7, connectedState, true))
	p := s.startPod("pod-1")
	s.await("the earlier is back in its queue", func() bool { return s.contact(p, "c-early").State == queuedState })
	if c := s.contact(p, "c-late"); c.State != connectedState {
		t.Errorf("contact %v", c)
	}
	if w := s.workload(p, "anna").Workload; len(w.Cards) != 1 || w.Cards[0].ContactId != "c-late" {
		t.Errorf("anna holds %v", w)
	}
}

// That a switch tells of a call says nothing of another that was established before.
func TestAnEstablishedCallIsNotTakenBackForOneThatNobodyWasOffered(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	s.hire("anna", "support")
	s.logged(1, s.reserved("c-late", 9, wrapUpState, false))
	s.logged(1, s.reserved("c-early", 7, connectedState, true))
	p := s.startPod("pod-1")
	s.await("the wrap-up is over", func() bool { return s.contact(p, "c-late").State == completedState })
	if c := s.contact(p, "c-early"); c.State != connectedState {
		t.Errorf("contact %v", c)
	}
}

func TestOldStubsAreLeftInTheLog(t *testing.T) {
	s := newStage(t)
	stub := func(id string, age time.Duration) *routingv1.Contact {
		return &routingv1.Contact{Id: id, Tenant: s.tenant, SwitchId: "sbc-1", CallId: id, State: completedState, Since: timestamppb.New(time.Now().Add(-age))}
	}
	s.logged(1, stub("c-young", 59*time.Minute))
	s.logged(1, stub("c-old", 61*time.Minute))
	p := s.startPod("pod-1")
	if c := s.contact(p, "c-young"); c.State != completedState {
		t.Errorf("contact %v", c)
	}
	_, err := p.routing().GetContact(t.Context(), connect.NewRequest(&routingv1.GetContactRequest{Tenant: s.tenant, ContactId: "c-old"}))
	if connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("%v", err)
	}
}
