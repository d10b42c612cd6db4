package agent

import (
	"fmt"
	"testing"
	"time"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

func anyWish(t *rapid.T) Wish {
	screen := fmt.Sprintf("s%d", rapid.IntRange(0, 17).Draw(t, "screen"))
	pod := rapid.SampledFrom([]string{"pod-a", "pod-b"}).Draw(t, "pod")
	switch rapid.IntRange(0, 9).Draw(t, "wish") {
	case 0, 1, 2:
		return Join{screen, pod}
	case 3:
		return LogOut{screen, pod}
	case 4:
		return Lose{screen, pod}
	case 5:
		return LosePod{pod}
	case 6:
		return Expire{}
	case 7:
		return StandDown{}
	}
	return SetStatus{
		Status:  presencev1.Status(rapid.Int32Range(0, 5).Draw(t, "status")),
		Reason:  rapid.SampledFrom([]string{"", "lunch"}).Draw(t, "reason"),
		Request: rapid.SampledFrom([]string{"", "r1", "r2", "r3"}).Draw(t, "request"),
	}
}

func TestEveryPresenceMakesSense(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		known := Known{Tenant: "demo", ID: "alice", Listed: &provisioningv1.Agent{Id: "alice", QueueIds: []string{"sales"}}}
		rules := Rules{Grace: 30 * time.Second}
		now := time.UnixMilli(1_700_000_000_000)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(-1000, 40_000).Draw(t, "ms")) * time.Millisecond)
			known.Listed.Deactivated = rapid.Bool().Draw(t, "deactivated")
			before := proto.CloneOf(known.Presence)
			wish := anyWish(t)
			change, err := Decide(known, wish, now, rules)
			if !proto.Equal(before, known.Presence) {
				t.Fatalf("%+v changed what was known", wish)
			}
			if err != nil || change == nil {
				continue
			}
			makesSense(t, change)
			if !Assignable(change.Before) && Assignable(change.After) && known.Listed.Deactivated {
				t.Fatalf("%+v makes a deactivated agent assignable: %v", wish, change.After)
			}
			known.Presence = change.After
			again, err := Decide(known, wish, now, rules)
			if again != nil {
				t.Fatalf("%+v carried out twice: %v, %v", wish, again, err)
			}
		}
	})
}

func makesSense(t *rapid.T, c *Change) {
	p, before := c.After, c.Before
	connected := p.Connection == presencev1.Connection_CONNECTION_CONNECTED
	grace := p.Connection == presencev1.Connection_CONNECTION_GRACE
	none := p.Connection == presencev1.Connection_CONNECTION_NONE
	for what, holds := range map[string]bool{
		"connected means a screen":              connected == (len(p.Screens) > 0),
		"grace means a deadline":                grace == (p.Deadline != nil),
		"a deadline that is set lies ahead":     !grace || p.Deadline.AsTime().After(p.At.AsTime()) || proto.Equal(p.Deadline, before.GetDeadline()),
		"nobody is anything but offline unseen": !none || p.Status == presencev1.Status_STATUS_OFFLINE,
		"one of the three":                      connected || grace || none,
		"a break has a reason":                  p.Status != presencev1.Status_STATUS_BREAK || p.Reason != "",
		"assignable needs a screen":             !Assignable(p) || len(p.Screens) > 0,
		"time goes on":                          !p.At.AsTime().Before(before.GetAt().AsTime()) || before.GetAt() == nil,
		"not too many screens":                  len(p.Screens) <= MaxScreens,
		"not too many requests":                 len(p.RequestIds) <= maxRequests,
		"an event has a name":                   c.Kind != unchanged,
	} {
		if !holds {
			t.Fatalf("%s: broken by %s: %v", what, c.Kind, p)
		}
	}
	seen := map[string]bool{}
	for _, s := range p.Screens {
		if seen[s.Id] {
			t.Fatalf("screen %s is there twice: %v", s.Id, p)
		}
		seen[s.Id] = true
	}
}

func TestRebornIsNeverAssignable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		known := Known{Tenant: "demo", ID: "alice", Listed: &provisioningv1.Agent{Id: "alice"}}
		rules := Rules{Grace: 30 * time.Second}
		now := time.UnixMilli(1_700_000_000_000)
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			now = now.Add(time.Second)
			if change, _ := Decide(known, anyWish(t), now, rules); change != nil {
				known.Presence = change.After
			}
		}
		p, _ := Reborn(known.Present(), now, time.Minute, 0, rules)
		if Assignable(p) || p.Connection == presencev1.Connection_CONNECTION_CONNECTED {
			t.Fatalf("connected without having answered: %v", p)
		}
		if Online(p) && !p.Deadline.AsTime().After(now) {
			t.Fatalf("its time has run out while nobody could answer: %v", p)
		}
	})
}
