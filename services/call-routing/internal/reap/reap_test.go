package reap

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

var (
	noon  = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	apart = 5 * time.Second
	sbc   = Boot{ID: "b-1", Stream: "s-1", ResumeFrom: 40}
)

const (
	queued    = routingv1.ContactState_CONTACT_STATE_QUEUED
	offered   = routingv1.ContactState_CONTACT_STATE_OFFERED
	connected = routingv1.ContactState_CONTACT_STATE_CONNECTED
	wrapUp    = routingv1.ContactState_CONTACT_STATE_WRAP_UP
)

// contact was heard of so long before noon.
func contact(call string, state routingv1.ContactState, agent string, ago time.Duration) Contact {
	c := &routingv1.Contact{Id: "c-" + call, CallId: call, State: state, Since: timestamppb.New(noon.Add(-ago)), HeardAt: timestamppb.New(noon.Add(-ago))}
	if agent != "" {
		c.Reservation = &routingv1.Reservation{AgentId: agent}
	}
	return Contact{c, &commonv1.Revision{Epoch: 1, N: 3}}
}

func calls(n int) (list []Contact) {
	for i := range n {
		list = append(list, contact(fmt.Sprint(i), connected, fmt.Sprint("agent-", i), time.Minute))
	}
	return list
}

func carries(contacts []Contact) (list []*routingv1.CarriedCall) {
	for _, c := range contacts {
		list = append(list, &routingv1.CarriedCall{CallId: c.CallId, State: routingv1.CarriedCall_STATE_CONNECTED, AgentId: c.Reservation.GetAgentId()})
	}
	return list
}

// known is a switch that has answered before.
func known(boot Boot, trusted bool) *routingv1.Switch {
	return &routingv1.Switch{BootId: boot.Name(), StreamId: boot.Stream, Trusted: trusted}
}

func missed(ago time.Duration, contacts ...Contact) map[string]time.Time {
	m := map[string]time.Time{}
	for _, c := range contacts {
		m[c.Id] = noon.Add(-ago)
	}
	return m
}

// say is the verdict as a line.
func say(v Verdict) string {
	var parts []string
	if len(v.Lost) > 0 {
		parts = append(parts, fmt.Sprintf("lost %d", len(v.Lost)))
	}
	if n := len(v.Missed) - len(v.Lost); n > 0 {
		parts = append(parts, fmt.Sprintf("missing %d", n))
	}
	for _, c := range v.Astray {
		parts = append(parts, "astray "+c.CallId+" at "+c.AgentId)
	}
	for _, c := range v.Unknown {
		parts = append(parts, "unknown "+c.CallId)
	}
	if !v.Trusted {
		parts = append(parts, "not trusted")
	}
	if v.Alarm != "" {
		parts = append(parts, "alarm: "+v.Alarm)
	}
	if parts == nil {
		return "all well"
	}
	return strings.Join(parts, ", ")
}

func TestJudge(t *testing.T) {
	all := calls(100)
	again := known(sbc, true)
	anew := Boot{ID: "b-2", Stream: "s-2", ResumeFrom: 1}
	resumed := Boot{ID: "b-2", Stream: "s-1", ResumeFrom: 70}
	mute := Boot{Stream: "s-9", ResumeFrom: 1}
	ringing := &routingv1.CarriedCall{CallId: "1", State: routingv1.CarriedCall_STATE_RINGING, AgentId: "anna"}
	talking := &routingv1.CarriedCall{CallId: "1", State: routingv1.CarriedCall_STATE_CONNECTED, AgentId: "anna"}
	undone := contact("1", queued, "", time.Minute)
	undone.Wanted = &routingv1.Wanted{Kind: routingv1.Wanted_KIND_UNRING, AgentId: "anna"}
	for _, row := range []struct {
		what string
		c    Case
		want string
	}{
		{"nothing here, nothing there", Case{Boot: anew}, "all well"},
		{"everything is carried", Case{Boot: sbc, Known: again, Contacts: all, Carried: carries(all)}, "all well"},
		{"missing once", Case{Boot: sbc, Known: again, Contacts: all, Carried: carries(all[1:])}, "missing 1"},
		{"missing again, too soon", Case{Boot: sbc, Known: again, Contacts: all, Carried: carries(all[1:]), Missed: missed(4*time.Second, all[0])}, "missing 1"},
		{"missing again", Case{Boot: sbc, Known: again, Contacts: all, Carried: carries(all[1:]), Missed: missed(apart, all[0])}, "lost 1"},
		{"another one is missing now", Case{Boot: sbc, Known: again, Contacts: all, Carried: carries(all[1:]), Missed: missed(apart, all[7])}, "missing 1"},
		{"it is back", Case{Boot: sbc, Known: again, Contacts: all, Carried: carries(all), Missed: missed(apart, all[0])}, "all well"},
		{"up to five are few", Case{Boot: sbc, Known: again, Contacts: all[:5], Missed: missed(apart, all[:5]...)}, "lost 5"},
		{"six are not", Case{Boot: sbc, Known: again, Contacts: all[:6], Missed: missed(apart, all[:6]...)}, "missing 6, alarm: it lacks 6 of 6 calls at once"},
		{"a tenth is few", Case{Boot: sbc, Known: again, Contacts: all, Carried: carries(all[10:]), Missed: missed(apart, all[:10]...)}, "lost 10"},
		{"more is not", Case{Boot: sbc, Known: again, Contacts: all, Carried: carries(all[11:]), Missed: missed(apart, all[:11]...)}, "missing 11, alarm: it lacks 11 of 100 calls at once"},
		{"wrap-ups do not make many of few", Case{Boot: sbc, Known: again, Contacts: append(calls(6), inWrapUp(200)...), Missed: missed(apart, all[:6]...)},
			"missing 6, alarm: it lacks 6 of 6 calls at once"},
		{"in wrap-up there is no call", Case{Boot: sbc, Known: again, Contacts: inWrapUp(3)}, "all well"},
		{"a call that was offered after the question", Case{Boot: sbc, Known: again, Contacts: []Contact{contact("1", queued, "", 0)}}, "all well"},
		{"a call that signalled after the question", Case{Boot: sbc, Known: again, Contacts: []Contact{contact("1", connected, "anna", -time.Millisecond)}, Missed: missed(apart, all[1])}, "all well"},

		{"started empty", Case{Boot: anew, Known: again, Contacts: all[:3]}, "missing 3, not trusted, alarm: it has started anew (boot b-2) without resuming its stream, and lacks 3 of 3 calls"},
		{"and again: it stays an alarm", Case{Boot: anew, Known: known(anew, false), Contacts: all[:3], Missed: missed(time.Hour, all[:3]...)},
			"missing 3, not trusted, alarm: it has started anew (boot b-2) without resuming its stream, and lacks 3 of 3 calls"},
		{"started anew and resumed", Case{Boot: resumed, Known: again, Contacts: all[:3]}, "missing 3"},
		{"started anew with the stream's name only", Case{Boot: Boot{ID: "b-2", Stream: "s-1", ResumeFrom: 1}, Known: again, Contacts: all[:1]},
			"missing 1, not trusted, alarm: it has started anew (boot b-2) without resuming its stream, and lacks 1 of 1 calls"},
		{"started anew with all its calls", Case{Boot: anew, Known: again, Contacts: all, Carried: carries(all)}, "all well"},
		{"first of an epoch, resumed", Case{Boot: sbc, Contacts: all[:3]}, "missing 3"},
		{"first of an epoch, from the beginning", Case{Boot: anew, Contacts: all[:1]}, "missing 1, not trusted, alarm: it has started anew (boot b-2) without resuming its stream, and lacks 1 of 1 calls"},
		{"first of an epoch, on a connection known before", Case{Boot: Boot{ID: "b-2", ResumeFrom: 1, Trusted: true}, Contacts: all[:1]}, "missing 1"},
		{"tells no boot", Case{Boot: mute, Known: known(mute, true), Contacts: all[:1]}, "missing 1"},

		{"not known here", Case{Boot: sbc, Known: again, Carried: carries(all[:1])}, "unknown 0"},
		{"talks to the one who has it", Case{Boot: sbc, Known: again, Contacts: []Contact{contact("1", connected, "anna", time.Minute)}, Carried: []*routingv1.CarriedCall{talking}}, "all well"},
		{"talks to one who does not", Case{Boot: sbc, Known: again, Contacts: []Contact{contact("1", queued, "", time.Minute)}, Carried: []*routingv1.CarriedCall{talking}}, "astray 1 at anna"},
		{"rings at one who does not have it", Case{Boot: sbc, Known: again, Contacts: []Contact{contact("1", offered, "bert", time.Minute)}, Carried: []*routingv1.CarriedCall{ringing}}, "astray 1 at anna"},
		{"which changed a moment ago", Case{Boot: sbc, Known: again, Contacts: []Contact{contact("1", offered, "bert", time.Second)}, Carried: []*routingv1.CarriedCall{ringing}}, "all well"},
		{"and is being undone", Case{Boot: sbc, Known: again, Contacts: []Contact{undone}, Carried: []*routingv1.CarriedCall{ringing}}, "all well"},
	} {
		row.c.AskedAt, row.c.Apart = noon, apart
		if got := say(Judge(row.c)); got != row.want {
			t.Errorf("%s: %s; want %s", row.what, got, row.want)
		}
	}
}

func inWrapUp(n int) (list []Contact) {
	for i := range n {
		list = append(list, contact(fmt.Sprint("w", i), wrapUp, "anna", time.Minute))
	}
	return list
}

// TestNobodyLosesACallThatIsCarried plays inventories at random, and looks that only what two of them lack is lost, that
// nothing is lost beside an alarm, and that the same case gives the same verdict.
func TestNobodyLosesACallThatIsCarried(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		contacts := calls(rapid.IntRange(0, 80).Draw(t, "contacts"))
		here := rapid.SliceOfN(rapid.Bool(), len(contacts), len(contacts)).Draw(t, "carried")
		before := rapid.SliceOfN(rapid.Bool(), len(contacts), len(contacts)).Draw(t, "missed before")
		c := Case{AskedAt: noon, Apart: apart, Boot: sbc, Known: known(sbc, rapid.Bool().Draw(t, "trusted")), Missed: map[string]time.Time{}}
		c.Contacts = contacts
		for i, one := range contacts {
			if here[i] {
				c.Carried = append(c.Carried, carries([]Contact{one})...)
			}
			if before[i] {
				c.Missed[one.Id] = noon.Add(-apart)
			}
		}
		v := Judge(c)
		for _, one := range v.Lost {
			i := slices.IndexFunc(contacts, func(o Contact) bool { return o.Id == one.Id })
			if here[i] || !before[i] || v.Alarm != "" || !v.Trusted {
				t.Fatalf("contact %d is lost: carried %v, missed before %v, %s", i, here[i], before[i], say(v))
			}
		}
		if len(v.Lost) > few && len(v.Lost)*tenth > v.Judged {
			t.Fatalf("%d of %d are lost", len(v.Lost), v.Judged)
		}
		if say(Judge(c)) != say(v) {
			t.Fatal("the same case, another verdict")
		}
	})
}
