package work

import (
	"context"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// slots are for the items that a pod has in hand. A priority above another has some that the one below cannot take, so
// thousands of bulk items in a slow downstream leave room for a single urgent one.
type slots struct {
	// gates that an item of this priority passes, one after the other; the last is everybody's.
	gates map[provisioningv1.Priority][]chan struct{}
	most  int // that are taken at once by one who asks
}

// reservedShare of the slots is for normal and urgent items alone, and as much of them for urgent ones: one in so many.
const reservedShare = 8

func newSlots(size int) *slots {
	reserved := 0
	if size > 1 {
		reserved = max(size/reservedShare, 1)
	}
	all, normal, bulk := make(chan struct{}, size), make(chan struct{}, size-reserved), make(chan struct{}, max(size-2*reserved, 1))
	return &slots{most: max(size/4, 1), gates: map[provisioningv1.Priority][]chan struct{}{
		provisioningv1.Priority_PRIORITY_URGENT: {all},
		provisioningv1.Priority_PRIORITY_NORMAL: {normal, all},
		provisioningv1.Priority_PRIORITY_BULK:   {bulk, normal, all},
	}}
}

// take waits for a slot and takes what else is free, up to a quarter of all, so that no tenant takes them all at once.
func (s *slots) take(ctx context.Context, p provisioningv1.Priority) (n int, err error) {
	for i, gate := range s.gates[p] {
		select {
		case gate <- struct{}{}:
		case <-ctx.Done():
			s.leave(p, i)
			return 0, ctx.Err()
		}
	}
	for n = 1; n < s.most && s.tryTake(p); n++ {
	}
	return n, nil
}

func (s *slots) tryTake(p provisioningv1.Priority) bool {
	for i, gate := range s.gates[p] {
		select {
		case gate <- struct{}{}:
		default:
			s.leave(p, i)
			return false
		}
	}
	return true
}

// leave goes back out of the first so many gates.
func (s *slots) leave(p provisioningv1.Priority, gates int) {
	for _, gate := range s.gates[p][:gates] {
		<-gate
	}
}

func (s *slots) give(p provisioningv1.Priority, n int) {
	for range n {
		s.leave(p, len(s.gates[p]))
	}
}
