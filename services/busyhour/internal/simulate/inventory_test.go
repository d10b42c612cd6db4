package simulate

import (
	"fmt"
	"slices"
	"testing"
	"time"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// quiet is a switch that is never connected; what it would send lies in its window.
func quiet() *Switch {
	return NewSwitch(SwitchConfig{Stream: StreamConfig{Tenant: "demo", Switch: "sw-1", URLs: []string{"http://127.0.0.1:1"}}})
}

func placed(sw *Switch, calls ...string) (list []*Call) {
	for _, id := range calls {
		list = append(list, sw.Place(time.Now(), Plan{Call: id, Offer: &routingv1.CallOffered{QueueId: "support"}}))
	}
	return list
}

func (s *Switch) wants(c *Call, kind routingv1.Wanted_Kind, agent string, n uint32) {
	revision := &commonv1.Revision{Epoch: 1, N: n}
	s.stream.wish(&routingv1.SwitchCommand{ContactId: c.Contact, CallId: c.Plan.Call, Wanted: &routingv1.Wanted{Kind: kind, AgentId: agent, Revision: revision}})
}

func carriedText(calls []*routingv1.CarriedCall) string {
	var lines []string
	for _, c := range calls {
		lines = append(lines, fmt.Sprintf("%s %s %q", c.CallId, c.State, c.AgentId))
	}
	slices.Sort(lines)
	return fmt.Sprint(lines)
}

func TestInventoryShowsWhatIsNotOver(t *testing.T) {
	sw := quiet()
	c := placed(sw, "a", "b", "c", "d", "e")
	sw.wants(c[1], routingv1.Wanted_KIND_RING, "ann", 2)
	sw.wants(c[2], routingv1.Wanted_KIND_CONNECT, "bob", 2)
	c[3].HangUp()
	sw.Vanish(c[4])
	asOf, calls := sw.carries()
	want := `[a STATE_WAITING "" b STATE_RINGING "ann" c STATE_CONNECTED "bob"]`
	if got := carriedText(calls); got != want {
		t.Errorf("carries %s, want %s", got, want)
	}
	if asOf != 8 { // five offered, one ringing, one answered, one ended
		t.Errorf("as of position %d, want 8", asOf)
	}
}

// The answer goes out behind the signals that it knows of, in parts that the contract allows.
func TestInventoryGoesBehindItsSignals(t *testing.T) {
	sw := quiet()
	for i := range 2500 {
		placed(sw, fmt.Sprint("call-", i))
	}
	sw.stream.hear(&routingv1.ConnectResponse{Message: &routingv1.ConnectResponse_InventoryRequest{InventoryRequest: &routingv1.InventoryRequest{Request: 7}}})
	signals, calls, parts := uint64(0), 0, 0
	for messages := sw.stream.take(); len(messages) > 0; messages = sw.stream.take() {
		for _, m := range messages {
			signals += uint64(len(m.GetSignals().GetSignals()))
			part := m.GetInventory()
			if part == nil {
				continue
			}
			parts++
			calls += len(part.Calls)
			if part.AsOf > signals || part.Request != 7 || len(part.Calls) > 1000 || part.More != (calls < 2500) {
				t.Errorf("part %d as of %d with %d calls, more %v, behind %d signals", parts, part.AsOf, len(part.Calls), part.More, signals)
			}
		}
	}
	if calls != 2500 || parts != 3 {
		t.Errorf("%d calls in %d parts", calls, parts)
	}
	// A question of the connection before is not answered on the next.
	sw.stream.inventory(8)
	sw.stream.hello()
	for messages := sw.stream.take(); len(messages) > 0; messages = sw.stream.take() {
		if messages[len(messages)-1].GetInventory() != nil {
			t.Error("the answer survived its connection")
		}
	}
}

func TestCallIsToldAgainAsItStands(t *testing.T) {
	sw := quiet()
	c := placed(sw, "a")[0]
	sw.wants(c, routingv1.Wanted_KIND_RING, "ann", 2)
	sw.wants(c, routingv1.Wanted_KIND_CONNECT, "ann", 3)
	before := len(sw.stream.window.entries)
	sw.again([]string{"a", "nobody's"})
	again := sw.stream.window.entries[before:]
	var said []string
	for _, s := range again {
		said = append(said, fmt.Sprintf("%s %d %s", s.Signal.Kind, s.Signal.Number, s.Signal.AgentId))
	}
	want := []string{"SIGNAL_KIND_OFFERED 1 ann", "SIGNAL_KIND_RINGING 1 ann", "SIGNAL_KIND_ANSWERED 2 ann"}
	if !slices.Equal(said, want) {
		t.Errorf("told again %v, want %v", said, want)
	}
	if first := sw.stream.window.entries[0].Signal; first.AgentId != "" {
		t.Errorf("what was said before is changed: %v", first)
	}
}

func TestNewEpochStopsTheRingingThatItDoesNotList(t *testing.T) {
	sw := quiet()
	c := placed(sw, "a", "b")
	sw.wants(c[0], routingv1.Wanted_KIND_RING, "ann", 2)
	sw.wants(c[1], routingv1.Wanted_KIND_RING, "bob", 2)
	wanted := &routingv1.Wanted{Kind: routingv1.Wanted_KIND_RING, AgentId: "bob", Revision: &commonv1.Revision{Epoch: 2, N: 1}}
	welcome := &routingv1.Welcome{Epoch: 2, Commands: []*routingv1.SwitchCommand{{ContactId: c[1].Contact, CallId: "b", Wanted: wanted}}}
	sw.stream.hear(&routingv1.ConnectResponse{Message: &routingv1.ConnectResponse_Heartbeat{Heartbeat: &routingv1.Heartbeat{Epoch: 2}}})
	sw.stream.hear(&routingv1.ConnectResponse{Message: &routingv1.ConnectResponse_Welcome{Welcome: welcome}})
	if a, b := c[0].Status(), c[1].Status(); a.Step != Unrung || a.Agent != "" || b.Step != Ringing || b.Agent != "bob" {
		t.Errorf("%+v and %+v", a, b)
	}
}
