package contact

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// Defaults of a queue that does not say.
const (
	defaultOfferTimeout = 15 * time.Second
	defaultWrapUpLimit  = 60 * time.Second
	defaultMaxWait      = time.Hour
	defaultTarget       = 20 * time.Second
	defaultRetryAfter   = 5 * time.Second
)

func termsOf(q *provisioningv1.Queue) *routingv1.Terms {
	return &routingv1.Terms{
		QueueName:            q.Name,
		OfferTimeoutMs:       orDefault(q.OfferTimeout, defaultOfferTimeout),
		WrapUpLimitMs:        orDefault(q.WrapUpLimit, defaultWrapUpLimit),
		MaxWaitMs:            orDefault(q.MaxWait, defaultMaxWait),
		ServiceLevelTargetMs: orDefault(q.ServiceLevelTarget, defaultTarget),
		RetryAfterMs:         orDefault(q.RetryAfter, defaultRetryAfter),
	}
}

func orDefault(d *durationpb.Duration, otherwise time.Duration) uint32 {
	if d != nil {
		otherwise = d.AsDuration()
	}
	return uint32(otherwise.Milliseconds())
}

func milliseconds(ms uint32) time.Duration { return time.Duration(ms) * time.Millisecond }

// InTarget reports whether the contact was answered within its queue's service level.
func InTarget(c *routingv1.Contact) bool {
	wait := c.ConnectedAt.AsTime().Sub(c.QueuedAt.AsTime())
	return c.ConnectedAt != nil && wait <= milliseconds(c.Terms.GetServiceLevelTargetMs())
}
