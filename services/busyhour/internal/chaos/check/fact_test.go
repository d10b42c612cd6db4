package check

import (
	"testing"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
)

// When Redis was lost while Kafka was away, two calls that a switch tells again as connected are facts, and two that an
// agent held one after the other before can be theirs again. At any other time both are a double offer, as two that were
// offered always are.
func TestWhatNobodyDecidedIsNoDoubleOffer(t *testing.T) {
	together := []string{"kafka-kill", "redis-flushall"}
	for _, c := range []struct {
		kinds  []string // of the events in epoch 1
		faults []string
		shown  uint32 // the epoch in which a screen shows both
		found  bool
	}{
		{[]string{"connected", "connected"}, together, 1, false},
		{[]string{"offered", "connected"}, []string{"kafka-pause", "split"}, 1, false},
		{[]string{"connected", "connected"}, nil, 1, true},
		{[]string{"connected", "connected"}, []string{"redis-flushall"}, 1, true},
		{[]string{"connected", "connected"}, []string{"kafka-kill", "nats-kill"}, 1, true},
		{[]string{"offered", "offered"}, together, 1, true},
		{[]string{"offered", "offered"}, together, 2, false},
		{[]string{"offered", "offered"}, nil, 2, true},
	} {
		records := []history.Record{{Agent: &history.Agent{Tenant: "acme", ID: "ann", Capacity: map[string]int{"voice": 1}}}}
		for _, kind := range c.faults {
			records = append(records, history.Record{Fault: &history.Fault{Did: history.Begun, ID: kind, Kind: kind}})
		}
		view := history.View{Tenant: "acme", Agent: "ann", Screen: "s", Connected: true, Workload: history.Revision{Epoch: c.shown, N: 9}}
		for i, kind := range c.kinds {
			name, revision := "c-"+string(rune('1'+i)), history.Revision{Epoch: 1, N: uint32(1)}
			records = append(records, history.Record{Event: &history.Event{
				Topic: "call-routing.contact-events.v1", Offset: int64(i), Tenant: "acme", Record: "contact:" + name, Revision: revision, Time: time.Second,
				Contact: &history.Contact{ID: name, State: kind, Kind: kind, Channel: "voice", Agent: "ann", Workload: history.Revision{Epoch: 1, N: uint32(i + 1)}},
			}})
			view.Cards = append(view.Cards, history.Card{Contact: name, State: kind, Channel: "voice", Revision: revision})
		}
		records = append(records, history.Record{At: 20 * time.Second, View: &view})
		var r Result
		newBook(history.Of(records...)).onScreens(&r)
		if got := len(r.Findings) > 0; got != c.found {
			t.Errorf("%v with %v, shown in epoch %d: findings %v", c.kinds, c.faults, c.shown, r.Findings)
		}
	}
}
