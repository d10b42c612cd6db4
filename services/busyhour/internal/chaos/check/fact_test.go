package check

import (
	"testing"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
)

// Two calls that a switch tells again as connected, when Redis was lost while Kafka was away, are facts; at any other time
// they are a double offer, as two that were offered always are.
func TestWhatASwitchConnectedIsNoDoubleOffer(t *testing.T) {
	for _, c := range []struct {
		kinds  []string
		faults []string
		found  bool
	}{
		{[]string{"connected", "connected"}, []string{"kafka-kill", "redis-flushall"}, false},
		{[]string{"offered", "connected"}, []string{"kafka-pause", "split"}, false},
		{[]string{"connected", "connected"}, nil, true},
		{[]string{"connected", "connected"}, []string{"redis-flushall"}, true},
		{[]string{"connected", "connected"}, []string{"kafka-kill", "nats-kill"}, true},
		{[]string{"offered", "offered"}, []string{"kafka-kill", "redis-flushall"}, true},
	} {
		records := []history.Record{{Agent: &history.Agent{Tenant: "acme", ID: "ann", Capacity: map[string]int{"voice": 1}}}}
		for _, kind := range c.faults {
			records = append(records, history.Record{Fault: &history.Fault{Did: history.Begun, ID: kind, Kind: kind}})
		}
		view := history.View{Tenant: "acme", Agent: "ann", Screen: "s", Connected: true}
		for i, kind := range c.kinds {
			name, revision := "c-"+string(rune('1'+i)), history.Revision{Epoch: 1, N: uint32(1)}
			records = append(records, history.Record{Event: &history.Event{
				Topic: "call-routing.contact-events.v1", Offset: int64(i), Tenant: "acme", Record: "contact:" + name, Revision: revision, Time: time.Second,
				Contact: &history.Contact{ID: name, State: kind, Kind: kind, Channel: "voice", Agent: "ann", Workload: history.Revision{Epoch: 1, N: uint32(i + 1)}},
			}})
			view.Cards = append(view.Cards, history.Card{Contact: name, State: kind, Channel: "voice", Revision: revision})
		}
		records = append(records, history.Record{At: time.Minute, View: &view})
		var r Result
		newBook(history.Of(records...)).onScreens(&r)
		if got := len(r.Findings) > 0; got != c.found {
			t.Errorf("%v with %v: findings %v", c.kinds, c.faults, r.Findings)
		}
	}
}
