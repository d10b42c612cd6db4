package work

import (
	"context"
	"errors"
	"testing"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
)

const (
	bulk   = provisioningv1.Priority_PRIORITY_BULK
	normal = provisioningv1.Priority_PRIORITY_NORMAL
	urgent = provisioningv1.Priority_PRIORITY_URGENT
)

// fill takes all slots that a priority can get, and counts them.
func (s *slots) fill(p provisioningv1.Priority) (n int) {
	for s.tryTake(p) {
		n++
	}
	return n
}

func TestEachPriorityLeavesRoomForThoseAbove(t *testing.T) {
	for _, tt := range []struct{ size, bulk, normal, urgent int }{
		{64, 48, 8, 8}, {8, 6, 1, 1}, {3, 1, 1, 1}, {2, 1, 0, 1}, {1, 1, 0, 0},
	} {
		s := newSlots(tt.size)
		if b, n, u := s.fill(bulk), s.fill(normal), s.fill(urgent); b != tt.bulk || n != tt.normal || u != tt.urgent {
			t.Errorf("of %d: %d, %d, %d, want %d, %d, %d", tt.size, b, n, u, tt.bulk, tt.normal, tt.urgent)
		}
		s.give(bulk, tt.bulk)
		if b := s.fill(bulk); b != tt.bulk {
			t.Errorf("of %d: %d came back, want %d", tt.size, b, tt.bulk)
		}
	}
	if s := newSlots(64); s.fill(urgent) != 64 {
		t.Error("urgent items may have all")
	}
}

func TestNobodyTakesMoreThanAQuarterAtOnce(t *testing.T) {
	s := newSlots(8)
	for _, p := range job.Priorities {
		if n, err := s.take(t.Context(), p); n != 2 || err != nil {
			t.Errorf("%s: took %d, %v", job.PriorityName(p), n, err)
		}
	}
}

func TestWhoGivesUpWaitingHoldsNothing(t *testing.T) {
	s := newSlots(2)
	s.fill(urgent) // so that a bulk item passes its own gate, and not the last
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := s.take(ctx, bulk); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("took %d, %v", n, err)
	}
	s.give(urgent, 2)
	if n := s.fill(bulk); n != 1 {
		t.Errorf("%d slots are left for bulk items, want 1", n)
	}
}
