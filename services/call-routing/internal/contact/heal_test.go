package contact

import (
	"testing"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

func TestAWorkloadHoldsWhatItsContactsSay(t *testing.T) {
	card := func(n uint32, s routingv1.ContactState) *routingv1.Card {
		return &routingv1.Card{ContactId: "c", State: s, Revision: &commonv1.Revision{Epoch: 1, N: n}}
	}
	should := []*routingv1.Card{card(4, connected)}
	for _, c := range []struct {
		what  string
		cards []*routingv1.Card
		want  bool
	}{
		{"the same", []*routingv1.Card{card(4, connected)}, true},
		{"a contact on which something was noted since", []*routingv1.Card{card(3, connected)}, true},
		{"a card of the future", []*routingv1.Card{card(5, connected)}, false},
		{"another state", []*routingv1.Card{card(4, held)}, false},
		{"one too many", []*routingv1.Card{card(4, connected), card(4, connected)}, false},
		{"none", nil, false},
	} {
		w := &routingv1.Workload{AgentId: "ann", Cards: c.cards}
		before := proto.CloneOf(w)
		if got := Holds(w, should); got != c.want || !proto.Equal(w, before) {
			t.Errorf("%s: %t", c.what, got)
		}
	}
}
