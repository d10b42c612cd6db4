package directory

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// What a queue does if it is not told. They are written into the entry, so that whoever reads it needs no defaults.
const (
	OfferTimeout       = 15 * time.Second
	WrapUpLimit        = 60 * time.Second
	MaxWait            = time.Hour
	ServiceLevelTarget = 20 * time.Second
	RetryAfter         = 5 * time.Second
)

// normalAgent takes one voice call at a time if no capacity is named.
func normalAgent(a *provisioningv1.Agent) *provisioningv1.Agent {
	a = proto.CloneOf(a)
	if len(a.GetCapacity()) == 0 {
		a.Capacity = []*provisioningv1.Capacity{{Channel: commonv1.Channel_CHANNEL_VOICE, Contacts: 1}}
	}
	return a
}

func normalQueue(q *provisioningv1.Queue) *provisioningv1.Queue {
	q = proto.CloneOf(q)
	orElse(&q.OfferTimeout, OfferTimeout)
	orElse(&q.WrapUpLimit, WrapUpLimit)
	orElse(&q.MaxWait, MaxWait)
	orElse(&q.ServiceLevelTarget, ServiceLevelTarget)
	orElse(&q.RetryAfter, RetryAfter)
	return q
}

// orElse leaves a duration that was named alone, zero included.
func orElse(d **durationpb.Duration, otherwise time.Duration) {
	if *d == nil {
		*d = durationpb.New(otherwise)
	}
}
