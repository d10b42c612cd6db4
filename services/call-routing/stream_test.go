package routing_test

import (
	"fmt"
	"slices"
	"testing"

	"connectrpc.com/connect"
	"github.com/redis/go-redis/v9"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
)

// wanted counts the wishes that are to be told again.
func (s *stage) wanted(epoch uint32) int64 {
	s.Helper()
	rdb := redis.NewUniversalClient(&s.redis)
	defer rdb.Close()
	n, err := rdb.ZCard(s.Context(), commit.Key(s.tenant, "call-routing", epoch, "wanted")).Result()
	if err != nil {
		s.Fatal(err)
	}
	return n
}

func TestWishIsToldUntilItIsTaken(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	s.hire("anna", "support")
	p := s.startPod("pod-1")
	s.set("anna", available)
	sw := p.connect("sbc-1", 1)
	sw.welcome()
	sw.say(callOffered("call-1", "support"))
	first := sw.hear().GetCommand()
	for range 2 {
		if again := sw.hear().GetCommand(); again.GetWanted().GetKind() != ring || again.ContactId != first.ContactId {
			t.Fatalf("heard %v, then %v", first, again)
		}
	}
	// To take another revision is to take nothing.
	stale := &routingv1.WantedAck{ContactId: first.ContactId, Revision: s.contactRevision(p, first.ContactId)}
	stale.Revision.N--
	sw.send(&routingv1.ConnectRequest{Message: &routingv1.ConnectRequest_WantedAck{WantedAck: stale}})
	sw.wish(ring)
	s.await("the wish is taken", func() bool { return s.wanted(stale.Revision.Epoch) == 0 })
	// A switch that comes anew is told what holds, taken or not.
	if w := p.connect("sbc-1", 2).welcome(); len(w.Commands) != 1 || w.Commands[0].Wanted.Kind != ring {
		t.Errorf("welcome %v", w)
	}
	if w := p.connect("sbc-2", 1).welcome(); len(w.Commands) != 0 {
		t.Errorf("another switch is told %v", w)
	}
}

func (s *stage) contactRevision(p *pod, id string) (r *commonv1.Revision) {
	s.Helper()
	res, err := p.routing().GetContact(s.Context(), connect.NewRequest(&routingv1.GetContactRequest{Tenant: s.tenant, ContactId: id}))
	if err != nil {
		s.Fatal(err)
	}
	return res.Msg.Revision
}

func TestStoppingPodAcknowledgesWhatItHas(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	one, two := s.startPod("pod-1"), s.startPod("pod-2")
	sw := one.connect("sbc-1", 1)
	sw.welcome()
	const calls = 200
	for i := range calls {
		sw.say(callOffered(fmt.Sprint("call-", i), "support"))
	}
	s.await("the pod has read them all", func() bool { return one.metric("busyhour_routing_signals_total", "applied") == calls })
	one.stop()
	if err := sw.ends(); err != nil {
		t.Errorf("the stream ended with %v", err)
	}
	drained := false
	for m := range sw.got {
		drained = drained || m.GetDrain() != nil
	}
	if !drained || sw.through != calls {
		t.Errorf("told to go: %v; acknowledged through %d of %d", drained, sw.through, calls)
	}
	again := two.connect("sbc-1", sw.through+1)
	again.welcome()
	again.say(ended("call-1", 2))
	again.acked()
}

func TestSwitchThatClosesIsAcknowledgedFirst(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	p := s.startPod("pod-1")
	sw := p.connect("sbc-1", 1)
	sw.welcome()
	for i := range 50 {
		sw.say(callOffered(fmt.Sprint("call-", i), "support"))
	}
	if err := sw.stream.CloseRequest(); err != nil {
		t.Fatal(err)
	}
	if err := sw.ends(); err != nil || sw.through != 50 {
		t.Errorf("acknowledged through %d, then %v", sw.through, err)
	}
}

func TestLiveContactsAreListedPageByPage(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	s.queue(&provisioningv1.Queue{Id: "sales"})
	p := s.startPod("pod-1")
	sw := p.connect("sbc-1", 1)
	sw.welcome()
	var want []string
	var batch []*routingv1.Signal
	for i := range 7 {
		call := fmt.Sprint("call-", i)
		want = append(want, call)
		batch = append(batch, callOffered(call, []string{"support", "sales"}[i%2]))
	}
	sw.say(batch...) // many of one millisecond
	sw.say(callOffered("call-gone", "support"), ended("call-gone", 2))
	sw.acked()
	list := func(queue string) (calls []string, pages int) {
		req := &routingv1.ListContactsRequest{Tenant: s.tenant, QueueId: queue, PageSize: 2}
		for {
			res, err := p.routing().ListContacts(t.Context(), connect.NewRequest(req))
			if err != nil {
				t.Fatal(err)
			}
			pages++
			for _, c := range res.Msg.Contacts {
				calls = append(calls, c.CallId)
			}
			if req.PageToken = res.Msg.NextPageToken; req.PageToken == "" {
				slices.Sort(calls)
				return calls, pages
			}
		}
	}
	if got, pages := list(""); !slices.Equal(got, want) || pages != 4 {
		t.Errorf("%v on %d pages", got, pages)
	}
	if got, _ := list("sales"); !slices.Equal(got, []string{"call-1", "call-3", "call-5"}) {
		t.Errorf("%v", got)
	}
}

func TestSupervisorClosesACard(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	s.hire("anna", "support")
	p := s.startPod("pod-1")
	screen := s.watch("anna")
	s.set("anna", available)
	sw := p.connect("sbc-1", 1)
	sw.welcome()
	sw.say(callOffered("call-1", "support"))
	card := screen.card("anna", offeredState)
	req := connect.NewRequest(&routingv1.CloseContactRequest{Tenant: s.tenant, ContactId: card.ContactId, Reason: "a test call"})
	for range 2 { // again is no mistake
		res, err := p.routing().CloseContact(t.Context(), req)
		if err != nil || res.Msg.Contact.EndedBy != routingv1.EndedBy_ENDED_BY_SUPERVISOR {
			t.Fatalf("%v, %v", res, err)
		}
	}
	screen.card("anna", 0)
	sw.wish(release)
	sw.acked()
	events := s.events()
	if last := events[len(events)-1]; last.Note != "a test call" || last.Contact.From == "" {
		t.Errorf("the log says %v", last)
	}
}
