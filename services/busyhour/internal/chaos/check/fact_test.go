package check

import (
	"testing"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
)

// Two calls that a switch tells again as connected are facts; two that were offered are a double offer.
func TestWhatASwitchConnectedIsNoDoubleOffer(t *testing.T) {
	for _, c := range []struct {
		kinds []string
		found bool
	}{{[]string{"connected", "connected"}, false}, {[]string{"offered", "connected"}, false}, {[]string{"offered", "offered"}, true}} {
		var records []history.Record
		view := history.View{Tenant: "acme", Agent: "ann", Screen: "s", Connected: true}
		for i, kind := range c.kinds {
			name, revision := "c-"+string(rune('1'+i)), history.Revision{Epoch: 1, N: uint32(1)}
			records = append(records, history.Record{Event: &history.Event{
				Topic: "call-routing.contact-events.v1", Offset: int64(i), Tenant: "acme", Record: "contact:" + name, Revision: revision,
				Contact: &history.Contact{ID: name, State: kind, Kind: kind, Channel: "voice", Agent: "ann", Workload: history.Revision{Epoch: 1, N: uint32(i + 1)}},
			}})
			view.Cards = append(view.Cards, history.Card{Contact: name, State: kind, Channel: "voice", Revision: revision})
		}
		records = append(records, history.Record{Agent: &history.Agent{Tenant: "acme", ID: "ann", Capacity: map[string]int{"voice": 1}}}, history.Record{View: &view})
		var r Result
		newBook(history.Of(records...)).onScreens(&r)
		if got := len(r.Findings) > 0; got != c.found {
			t.Errorf("%v: findings %v", c.kinds, r.Findings)
		}
	}
}
