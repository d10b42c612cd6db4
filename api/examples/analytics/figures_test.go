package main

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

var nine = time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)

// contact queued so long after nine; with an answer after a wait, if that is not negative.
func contact(id string, queued, wait time.Duration, state routingv1.ContactState) *routingv1.Contact {
	c := &routingv1.Contact{
		Id: id, Tenant: "acme", QueueId: "support", State: state, QueuedAt: timestamppb.New(nine.Add(queued)),
		Terms: &routingv1.Terms{ServiceLevelTargetMs: 20_000},
	}
	if wait >= 0 {
		c.ConnectedAt = timestamppb.New(nine.Add(queued + wait))
	}
	return c
}

func TestAContactCountsOnceByWhatIsLastKnownOfIt(t *testing.T) {
	const queued, connected, completed, abandoned = 1, 4, 7, 8
	f := newFigures(15 * time.Minute)
	for _, c := range []*routingv1.Contact{
		contact("c-1", time.Minute, -1, queued),
		contact("c-1", time.Minute, 20*time.Second, connected),
		contact("c-1", time.Minute, 20*time.Second, completed),
		contact("c-2", 2*time.Minute, 21*time.Second, connected), // its beginning was not seen
		contact("c-3", 3*time.Minute, -1, queued),
		contact("c-3", 3*time.Minute, -1, abandoned),
		contact("c-4", 16*time.Minute, -1, queued),
	} {
		f.take(c)
	}
	rows := f.rows()
	if len(rows) != 2 {
		t.Fatalf("%d rows, want one for each interval: %+v", len(rows), rows)
	}
	first, second := rows[0], rows[1]
	if want := (counts{Offered: 3, Answered: 2, InTarget: 1, Abandoned: 1}); first.counts != want || !first.From.Equal(nine) {
		t.Errorf("the first interval: %+v, want %+v", first, want)
	}
	if *first.ServiceLevel != 0.5 || first.Abandonment != 1.0/3 {
		t.Errorf("service level %v, abandonment %v", *first.ServiceLevel, first.Abandonment)
	}
	if want := (counts{Offered: 1}); second.counts != want || second.ServiceLevel != nil {
		t.Errorf("the second interval: %+v, want %+v and no service level", second, want)
	}
}
