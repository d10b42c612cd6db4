package command

import (
	"strings"
	"testing"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

func offered() *routingv1.Signal {
	return &routingv1.Signal{
		Tenant: "acme", SwitchId: "sbc-1", CallId: "call-1", Number: 1, Kind: routingv1.SignalKind_SIGNAL_KIND_OFFERED,
		Offered: &routingv1.CallOffered{QueueId: "support", From: "+49301234", To: "100", Attributes: map[string]string{"customer": "42"}},
	}
}

func TestRefusalOfASignalDoesNotRepeatItAtLength(t *testing.T) {
	s := offered()
	if no := judge(s); no != nil {
		t.Fatal(no)
	}
	s.CallId = strings.Repeat("x", 10<<10)
	s.SwitchId = strings.Repeat("/", 10<<10)
	if no := judge(s); no == nil || len(no.Error()) > 1000 {
		t.Errorf("%v", no)
	}
}

func BenchmarkJudge(b *testing.B) {
	s := offered()
	for b.Loop() {
		if no := judge(s); no != nil {
			b.Fatal(no)
		}
	}
}
