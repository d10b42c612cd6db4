package routing_test

import (
	"fmt"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
)

const (
	closed      = routingv1.CloseContactResponse_OUTCOME_CLOSED
	endedBefore = routingv1.CloseContactResponse_OUTCOME_ENDED_BEFORE
	cardDropped = routingv1.CloseContactResponse_OUTCOME_CARD_DROPPED
)

func (p *pod) close(id, agent string) (*routingv1.CloseContactResponse, error) {
	res, err := p.routing().CloseContact(p.stage.Context(), connect.NewRequest(&routingv1.CloseContactRequest{
		Tenant: p.stage.tenant, ContactId: id, AgentId: agent, Reason: "the screen hangs",
	}))
	if err != nil {
		return nil, err
	}
	return res.Msg, nil
}

// Whatever state it is in, and though its switch is away: the card goes, and the switch is told when it is back.
func TestCardIsClosedInEveryState(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	s.hire("anna", "support")
	p := s.startPod("pod-1")
	screen := s.watch("anna")
	next := uint64(1)
	release := map[string]bool{}
	for i, steps := range [][]routingv1.ContactState{
		{},
		{offeredState},
		{offeredState, connectingState},
		{offeredState, connectingState, connectedState},
		{offeredState, connectingState, connectedState, heldState},
		{offeredState, connectingState, connectedState, wrapUpState},
	} {
		call := fmt.Sprint("call-", i)
		sw := p.connect("sbc-1", next)
		sw.welcome()
		if i == 1 {
			s.set("anna", available)
			s.awaitReady(p, "support", 1)
		}
		sw.say(callOffered(call, "support"))
		sw.acked()
		id := s.contactOf(call)
		for _, step := range steps {
			switch step {
			case connectingState:
				s.act(p, "anna", id, accept)
			case connectedState:
				sw.say(answered(call, 2))
			case heldState:
				sw.say(&routingv1.Signal{CallId: call, Number: 3, Kind: routingv1.SignalKind_SIGNAL_KIND_HELD})
			case wrapUpState:
				sw.say(ended(call, 3))
			}
			screen.card("anna", step)
		}
		sw.acked()
		next = sw.next
		sw.cancel()
		res, err := p.close(id, "")
		if err != nil || res.Outcome != closed || s.stateOf(p, id) < completedState {
			t.Fatalf("after %v: %v, %v", steps, res, err)
		}
		if len(steps) > 0 {
			screen.card("anna", 0)
		}
		release[call] = len(steps) < 4 || steps[3] != wrapUpState
	}
	told := p.connect("sbc-1", next).welcome()
	for _, c := range told.Commands {
		if c.Wanted.Kind != routingv1.Wanted_KIND_RELEASE || !release[c.CallId] {
			t.Errorf("the switch is told %v", c)
		}
		delete(release, c.CallId)
	}
	for call, wanted := range release {
		if wanted {
			t.Errorf("the switch is not told to release %s", call)
		}
	}
}

func (s *stage) contactOf(call string) string { return contact.ID(s.tenant, "sbc-1", call) }

// A card of a contact that is nowhere any more: the workload says so, and the screen.
func TestCardOfNothingIsDropped(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	s.hire("anna", "support")
	p := s.startPod("pod-1")
	screen := s.watch("anna")
	s.set("anna", available)
	sw := p.connect("sbc-1", 1)
	epoch := sw.welcome().Epoch
	sw.say(callOffered("call-1", "support"))
	card := screen.card("anna", offeredState)
	sw.acked()
	rdb := redis.NewUniversalClient(&s.redis)
	defer rdb.Close()
	if err := rdb.Del(t.Context(), commit.Key(s.tenant, "call-routing", epoch, "contact:"+card.ContactId)).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.close(card.ContactId, ""); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("without the agent: %v", err)
	}
	res, err := p.close(card.ContactId, "anna")
	if err != nil || res.Outcome != cardDropped || res.Contact != nil {
		t.Fatalf("%v, %v", res, err)
	}
	screen.card("anna", 0)
	// A screen that shows what its agent does not hold is told again, at a revision that it has not seen.
	before := s.workload(p, "anna").Revision
	if _, err := p.close(card.ContactId, "anna"); err != nil {
		t.Fatal(err)
	}
	screen.card("anna", 0)
	if after := s.workload(p, "anna").Revision; proto.Equal(before, after) {
		t.Errorf("told again at revision %v", after)
	}
}

// While pods offer it around, one closes it: it is closed, once, and nobody holds it.
func TestCloseWinsOverMatching(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support", OfferTimeout: seconds(1), RetryAfter: seconds(0)})
	agents := []string{"anna", "bert", "carla"}
	one, two := s.startPod("pod-1"), s.startPod("pod-2")
	for _, a := range agents {
		s.hire(a, "support")
	}
	sw := one.connect("sbc-1", 1)
	sw.welcome()
	const calls = 12
	for i := range calls {
		sw.say(callOffered(fmt.Sprint("call-", i), "support"))
	}
	sw.acked()
	var racing sync.WaitGroup
	racing.Go(func() {
		for _, a := range agents {
			s.set(a, available)
		}
	})
	for i := range calls {
		id := s.contactOf(fmt.Sprint("call-", i))
		for _, p := range []*pod{one, two} {
			racing.Go(func() {
				res, err := p.close(id, "")
				if err != nil || res.Outcome != closed && res.Outcome != endedBefore || res.Contact.State != routingv1.ContactState_CONTACT_STATE_FAILED {
					t.Errorf("%v, %v", res, err)
				}
			})
		}
	}
	racing.Wait()
	if n := s.live(one); n != 0 {
		t.Errorf("%d contacts live on", n)
	}
	for _, a := range agents {
		if cards := s.workload(one, a).Workload.Cards; len(cards) != 0 {
			t.Errorf("%s holds %v", a, cards)
		}
	}
}
