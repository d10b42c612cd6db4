package routing_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/routing/v1/routingv1connect"
	"github.com/busyhour/busyhour/api/subjects"
	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
)

// TestTwoPodsNeverGiveOneAgentTwoCalls lets two pods compete for few agents, who accept, decline, miss calls and walk
// away as they like, while customers hang up. Whatever happens, each agent's workload has one history without a gap and
// never more than they can hold, and each call ends once.
func TestTwoPodsNeverGiveOneAgentTwoCalls(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support", OfferTimeout: seconds(1), WrapUpLimit: seconds(0), RetryAfter: seconds(0)})
	s.queue(&provisioningv1.Queue{Id: "sales", OfferTimeout: seconds(1), WrapUpLimit: seconds(1), RetryAfter: seconds(0)})
	pods := []*pod{s.startPod("pod-1"), s.startPod("pod-2")}
	const calls = 80
	agents := []string{"anna", "bert", "carla", "dora", "emil"}
	office := newOffice(s, pods, agents)
	for i, a := range agents {
		queues := [][]string{{"support"}, {"support", "sales"}, {"sales"}}[i%3]
		s.hire(a, queues...)
		s.set(a, available)
	}
	var lines []*line
	for i, p := range pods {
		l := p.connect(fmt.Sprint("sbc-", i), 1)
		l.welcome()
		go office.serve(l)
		lines = append(lines, l)
	}
	for i := range calls {
		queue := []string{"support", "sales"}[i%2]
		office.place(lines[i%2], fmt.Sprint("call-", i), queue)
		if i%7 == 0 { // somebody's mind wanders
			a := agents[rand.N(len(agents))]
			s.set(a, onBreak)
			s.set(a, available)
		}
	}
	// However slow the machine: as long as calls end, it goes on.
	for left := uint32(calls); left > 0; {
		s.await(fmt.Sprintf("one of the last %d calls has ended", left), func() bool {
			f, g := s.figures(pods[0], "support"), s.figures(pods[1], "sales")
			now := f.Waiting + f.InHand + g.Waiting + g.InHand
			if f.OfferedTotal+g.OfferedTotal < calls || now >= left {
				return false
			}
			left = now
			return true
		})
	}
	for _, l := range lines {
		l.acked()
	}
	office.stop()
	office.check(t)
	contacts := s.checkLog(t)
	if len(contacts) != calls {
		t.Errorf("the log knows %d calls, not %d", len(contacts), calls)
	}
	for id, c := range contacts {
		if !contact.Final(c.State) {
			t.Errorf("contact %s did not end: %s", id, c.State)
		}
	}
}

// office is agents and customers who do as they like.
type office struct {
	*stage
	ctx    context.Context
	cancel context.CancelFunc
	agents map[string]*worker
	acts   []routingv1connect.RoutingServiceClient
	work   sync.WaitGroup

	mu      sync.Mutex
	numbers map[string]uint64 // call → last number given
}

// worker is one agent: what they were pushed.
type worker struct {
	mu     sync.Mutex
	pushes []*routingv1.WorkloadPush
}

func newOffice(s *stage, pods []*pod, agents []string) *office {
	o := &office{stage: s, agents: map[string]*worker{}, numbers: map[string]uint64{}}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	s.Cleanup(o.stop)
	for _, p := range pods {
		o.acts = append(o.acts, p.routing())
	}
	for _, a := range agents {
		w := &worker{}
		o.agents[a] = w
		sub, err := s.conn.Subscribe(subjects.Workload(s.tenant, a), func(_ context.Context, _ string, data []byte) {
			push := &routingv1.WorkloadPush{}
			if err := proto.Unmarshal(data, push); err != nil {
				s.Error(err)
				return
			}
			w.mu.Lock()
			w.pushes = append(w.pushes, push)
			w.mu.Unlock()
			for _, c := range push.Workload.Cards {
				o.work.Go(func() { o.react(a, c) })
			}
		})
		if err != nil {
			s.Fatal(err)
		}
		s.Cleanup(func() { _ = sub.Close() })
	}
	return o
}

func (o *office) stop() {
	o.cancel()
	o.work.Wait()
}

func (o *office) pause(most time.Duration) bool {
	select {
	case <-o.ctx.Done():
		return false
	case <-time.After(rand.N(most)):
		return true
	}
}

// react is what an agent does about a card. Being refused is part of it: others may be faster.
func (o *office) react(agent string, c *routingv1.Card) {
	if !o.pause(20 * time.Millisecond) {
		return
	}
	switch c.State {
	case offeredState:
		switch rand.N(20) {
		case 0: // misses it
		case 1, 2, 3:
			o.act(agent, c, decline)
		default:
			o.act(agent, c, accept)
			o.act(agent, c, accept)
		}
	case connectedState:
		if rand.N(3) == 0 {
			o.act(agent, c, end)
		}
	case wrapUpState:
		if rand.N(5) > 0 {
			o.act(agent, c, complete)
		}
	}
}

func (o *office) act(agent string, c *routingv1.Card, a routingv1.ActRequest_Action) {
	_, err := o.acts[rand.N(len(o.acts))].Act(o.ctx, connect.NewRequest(&routingv1.ActRequest{Tenant: o.tenant, AgentId: agent, ContactId: c.ContactId, Action: a}))
	switch connect.CodeOf(err) {
	case connect.CodePermissionDenied, connect.CodeFailedPrecondition, connect.CodeCanceled:
	default:
		if err != nil {
			o.Errorf("%s of %s: %v", a, agent, err)
		}
	}
}

// number is the next of the call.
func (o *office) number(call string) uint64 {
	o.numbers[call]++
	return o.numbers[call]
}

// say sends a signal of a call, in order; sometimes it sends it twice.
func (o *office) say(l *line, call string, signal func(n uint64) *routingv1.Signal) {
	o.mu.Lock()
	defer o.mu.Unlock()
	sig := signal(o.number(call))
	l.say(sig)
	if rand.N(4) == 0 {
		l.say(sig)
	}
}

func (o *office) place(l *line, call, queue string) {
	o.say(l, call, func(uint64) *routingv1.Signal { return callOffered(call, queue) })
	if rand.N(5) == 0 { // this customer is in a hurry
		o.work.Go(func() {
			if o.pause(300 * time.Millisecond) {
				o.say(l, call, func(n uint64) *routingv1.Signal { return ended(call, n) })
			}
		})
	}
}

// serve is a switch that does as it is told.
func (o *office) serve(l *line) {
	for m := range l.got {
		c := m.GetCommand()
		if c == nil {
			continue
		}
		o.mu.Lock()
		l.take(c)
		o.mu.Unlock()
		switch c.Wanted.Kind {
		case connectAll:
			o.say(l, c.CallId, func(n uint64) *routingv1.Signal { return answered(c.CallId, n) })
			o.work.Go(func() {
				if o.pause(50 * time.Millisecond) {
					o.say(l, c.CallId, func(n uint64) *routingv1.Signal { return ended(c.CallId, n) })
				}
			})
		case release:
			o.say(l, c.CallId, func(n uint64) *routingv1.Signal { return ended(c.CallId, n) })
		}
	}
}

// check looks at each agent's history.
func (o *office) check(t *testing.T) {
	for agent, w := range o.agents {
		w.mu.Lock()
		defer w.mu.Unlock()
		slices.SortFunc(w.pushes, func(a, b *routingv1.WorkloadPush) int { return int(a.Revision.N) - int(b.Revision.N) })
		var before *commonv1.Revision
		for _, p := range w.pushes {
			if len(p.Workload.Cards) > 1 {
				t.Errorf("agent %s held %d calls at %v", agent, len(p.Workload.Cards), p.Revision)
			}
			if !proto.Equal(p.Previous, before) {
				t.Errorf("agent %s: %v follows %v, but came after %v", agent, p.Revision, p.Previous, before)
			}
			before = p.Revision
		}
		if len(w.pushes) < 4 {
			t.Errorf("agent %s had next to nothing to do", agent)
		}
	}
}
