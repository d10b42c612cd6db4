package routing_test

import (
	"testing"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/boot"
	routing "github.com/busyhour/busyhour/services/call-routing"
)

// A call that cannot begin is refused at once, by name; the stream goes on.
func TestNewCallIsRefusedWhenThereIsNoRoom(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	p := s.startPodWith("pod-1", routing.Config{Workers: 64, Common: boot.Common{Outbox: boot.OutboxConfig{Limit: 1}}}) // less than any event has
	sw := p.connect("sbc-1", 1)
	sw.welcome()
	sw.say(callOffered("call-1", "support"))
	if r := sw.refused(1); r.Refusal.Reason != "OUTBOX_FULL" || r.Refusal.Help == "" {
		t.Errorf("%v", r)
	}
	sw.say(callOffered("call-2", "support"))
	sw.refused(2)
	sw.acked()
	if n := p.metric("busyhour_routing_signals_total", "no room"); n != 2 {
		t.Errorf("%v calls without room are counted", n)
	}
}
