package command

import (
	"buf.build/go/protovalidate"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
)

// judge says what is wrong with a signal in itself, before anything is read. The same goes for every path.
func judge(s *routingv1.Signal) *refusal.Refusal {
	if err := protovalidate.Validate(s); err != nil {
		return refusal.New(refusal.Invalid, "SIGNAL_INVALID", "the signal breaks the rules of its contract: %v", err).
			To("correct it and send it as a new signal")
	}
	return nil
}
