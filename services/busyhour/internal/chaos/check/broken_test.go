package check

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
)

// edit is a history that is about to be broken in one place.
type edit struct {
	*testing.T
	*history.History
}

// event of a contact at that revision.
func (e *edit) event(contact string, r history.Revision) *history.Event {
	e.Helper()
	i := slices.IndexFunc(e.Events, func(x history.At[history.Event]) bool {
		return x.It.Record == "contact:"+contact && x.It.Revision == r
	})
	if i < 0 {
		e.Fatalf("no event %s of %s", r, contact)
	}
	return &e.Events[i].It
}

func (e *edit) drop(contact string, r history.Revision) {
	e.Helper()
	gone := e.event(contact, r).Offset
	e.Events = slices.DeleteFunc(e.Events, func(x history.At[history.Event]) bool {
		return x.It.Topic == topics.ContactEvents && x.It.Offset == gone
	})
}

// again appends a copy of an event to the log.
func (e *edit) again(contact string, r history.Revision) *history.Event {
	e.Helper()
	x := *e.event(contact, r)
	x.Offset = 100
	e.Events = append(e.Events, history.At[history.Event]{At: 3 * time.Second, It: x})
	return &e.Events[len(e.Events)-1].It
}

func (e *edit) record(name string) *history.Stored {
	e.Helper()
	i := slices.IndexFunc(e.Stored, func(s history.Stored) bool { return s.Name == name })
	if i < 0 {
		e.Fatalf("no record %s", name)
	}
	return &e.Stored[i]
}

func (e *edit) view(agent string, workload history.Revision) *history.At[history.View] {
	e.Helper()
	i := slices.IndexFunc(e.Views, func(v history.At[history.View]) bool { return v.It.Agent == agent && v.It.Workload == workload })
	if i < 0 {
		e.Fatalf("no view of %s at %s", agent, workload)
	}
	return &e.Views[i]
}

func (e *edit) forget(contact string, leg string, n uint64) {
	for i := range e.Events {
		c := e.Events[i].It.Contact
		if c == nil || c.ID != contact {
			continue
		}
		for j := range c.Legs {
			if l := &c.Legs[j]; l.ID == leg && l.Last >= n {
				l.Window &^= 1 << (l.Last - n)
			}
		}
	}
}

// Each history is broken in one way, and exactly what is wanted is found: a check, and words of the finding.
type breakage struct {
	name string
	by   func(*edit)
	want [][]string
}

var breakages = []breakage{
	{"an event that cannot be read", func(e *edit) { e.event("c-1", rev(7, 5)).Unreadable = "bad wire type" },
		[][]string{{"readable", "acme contact:c-1", "contact-events.v1/3@8", "bad wire type"}}},

	{"an acknowledged signal is in no event", func(e *edit) { e.forget("c-1", "agent", 1) },
		[][]string{{"acknowledged", "acme contact:c-1", `signal 1 of leg "agent" (answered)`, "acknowledged at 218ms", "8.6 at call-routing.contact-events.v1/3@", "no event has it"}}},
	{"an acknowledged signal is in a void event only", func(e *edit) {
		e.Signals = append(e.Signals,
			history.At[history.Signal]{At: 379 * ms, It: history.Signal{Did: history.Sent, Tenant: "acme", Contact: "c-1", Leg: "agent", Number: 2, Kind: "held"}},
			history.At[history.Signal]{At: 420 * ms, It: history.Signal{Did: history.Acknowledged, Tenant: "acme", Contact: "c-1", Leg: "agent", Number: 2, Kind: "held"}})
		e.event("c-1", rev(7, 5)).Contact.Legs[1] = history.Leg{ID: "agent", Last: 2, Window: 3}
	}, [][]string{{"acknowledged", "acme contact:c-1", `signal 2 of leg "agent" (held)`, "7.5 at call-routing.contact-events.v1/3@8 has it, and is void"}}},
	{"an acknowledged call is unknown to the log", func(e *edit) {
		e.Signals = append(e.Signals, history.At[history.Signal]{At: 900 * ms, It: history.Signal{Did: history.Acknowledged, Tenant: "acme", Contact: "c-9", Number: 1, Kind: "offered"}})
	}, [][]string{
		{"acknowledged", "acme contact:c-9", "signal 1 (offered)", "no event that counts"},
		{"final-state", "acme contact:c-9", "does not tell"},
	}},
	{"a signal with an id is in no event", func(e *edit) {
		e.Signals = append(e.Signals, history.At[history.Signal]{At: 900 * ms, It: history.Signal{Did: history.Acknowledged, Tenant: "acme", Contact: "c-1", ID: "x", Kind: "ringing"}})
	}, [][]string{{"acknowledged", "acme contact:c-1", `signal "x" (ringing)`}}},

	{"one revision with two contents", func(e *edit) { e.again("c-1", rev(8, 6)).Content = "other" },
		[][]string{{"one-content", "acme contact:c-1", "8.6 has two contents", "op-c-1-8.6 at call-routing.contact-events.v1/3@", "@100"}}},
	{"one revision by two operations, both void", func(e *edit) { e.again("c-1", rev(7, 5)).Op = "other" },
		[][]string{{"one-content", "acme contact:c-1", "7.5 has two contents", "@8 (void)", "operation other", "@100 (void)"}}},

	{"a first appearance out of order", func(e *edit) {
		a, b := e.event("c-1", rev(8, 5)), e.event("c-1", rev(8, 6))
		a.Offset, b.Offset = b.Offset, a.Offset
		slices.SortFunc(e.Events, func(x, y history.At[history.Event]) int {
			return strings.Compare(x.It.Topic, y.It.Topic)*1000 + int(x.It.Offset-y.It.Offset)
		})
	}, [][]string{{"order", "acme contact:c-1", "8.5 at call-routing.contact-events.v1/3@", "after 8.6 at"}}},
	{"a void event out of order in its epoch", func(e *edit) {
		x := e.again("c-3", rev(7, 3))
		x.Revision, x.Op, x.Content = rev(7, 5), "op5", "content5"
		x = e.again("c-3", rev(7, 3))
		x.Revision, x.Op, x.Content, x.Offset = rev(7, 4), "op4", "content4", 101
	}, [][]string{{"order", "acme contact:c-3", "7.4 at call-routing.contact-events.v1/3@101", "after 7.5 at"}}},

	{"a hole in the chain", func(e *edit) { e.drop("c-3", rev(8, 3)) },
		[][]string{{"unbroken", "acme contact:c-3", "8.4 at call-routing.contact-events.v1/3@", "follows on 7.2 at"}}},
	{"the first event is missing", func(e *edit) { e.drop("c-2", rev(8, 1)) },
		[][]string{
			{"contacts", "acme contact:c-2", `from "" to "offered"`},
			{"unbroken", "acme contact:c-2", "begins with 8.2 at call-routing.contact-events.v1/3@"},
		}},

	{"an epoch is taken twice", func(e *edit) {
		x := e.Events[0].It
		x.Offset, x.Marker = 100, &history.Marker{Tenants: []string{"acme"}, Epoch: 7, Nonce: "other"}
		e.Events = append(e.Events, history.At[history.Event]{At: 3 * time.Second, It: x})
	}, [][]string{{"epochs", "acme epoch", "epoch 7 of call-routing", `"n7" at call-routing.contact-events.v1/3@0`, `"other"`, "@100"}}},

	{"Redis is behind the log", func(e *edit) { e.record("contact:c-1").Revision = rev(8, 5) },
		[][]string{{"stored", "acme contact:c-1", "stands at 8.5 in Redis", "the log has 8.6 at call-routing.contact-events.v1/3@"}}},
	{"Redis is ahead of the log, with nothing in the outbox", func(e *edit) { e.record("presence:ann").Revision = rev(3, 2) },
		[][]string{{"stored", "acme presence:ann", "stands at 3.2 in Redis with an empty outbox", "only 3.1 at agent-presence.agent-events.v1/3@1"}}},
	{"Redis differs from the log", func(e *edit) { e.record("contact:c-2").Value = "tampered" },
		[][]string{{"stored", "acme contact:c-2", "at 8.3", "contact-events.v1/3@"}}},
	{"a record is gone from Redis", func(e *edit) {
		e.Stored = slices.DeleteFunc(e.Stored, func(s history.Stored) bool { return s.Name == "presence:ann" })
	}, [][]string{{"stored", "acme presence:ann", "is not in Redis", "3.1 at agent-presence.agent-events.v1/3@1"}}},
	{"a record is in Redis only", func(e *edit) {
		e.Stored = append(e.Stored, history.Stored{Tenant: "acme", Service: "agent-presence", Name: "presence:eve", Revision: rev(3, 9), Value: "v"})
	}, [][]string{{"stored", "acme presence:eve", "3.9", "no event"}}},
	{"an outbox is left", func(e *edit) { e.record("contact:c-2").Open = 2 },
		[][]string{{"stored", "acme contact:c-2", "8.3", "2 events in its outbox"}}},
	{"closed at the end", func(e *edit) { e.Marks[0].Open = false },
		[][]string{{"stored", "acme mark", "of call-routing is closed", "epoch 8"}}},
	{"in an old epoch at the end", func(e *edit) { e.Marks[0].Epoch = 7 },
		[][]string{{"stored", "acme mark", "of call-routing names epoch 7", "markers of 8"}}},

	{"two contacts on one screen", func(e *edit) {
		v := e.view("ann", rev(7, 3))
		v.It.Cards = append(v.It.Cards, card("c-8", "held", rev(7, 9)))
	}, [][]string{{"capacity", "acme agent:ann", "holds 2 voice contacts of 1", "screen-of-ann at 220ms", "workload 7.3", "c-8 7.9 held"}}},
	{"two offers on one screen, to somebody nobody knows", func(e *edit) {
		v := e.view("ann", rev(7, 3))
		v.It.Agent, v.It.Screen, v.It.Connected = "eve", "s", false
		v.It.Cards = []history.Card{card("c-8", "offered", rev(7, 9)), card("c-9", "offered", rev(7, 9))}
	}, [][]string{{"capacity", "acme agent:eve", "has 2 voice offers", "c-9 7.9 offered"}}},
	{"two contacts in a workload at the end", func(e *edit) {
		e.record("workload:ann").Cards = []history.Card{card("c-1", "held", rev(8, 6)), card("c-2", "held", rev(8, 3))}
	}, [][]string{
		{"capacity", "acme agent:ann", "in Redis at the end, at workload 8.5"},
		{"one-place", "acme contact:c-1", "8.6 is completed", "workload of ann", "belongs in that of none"},
		{"one-place", "acme contact:c-2", "8.3 is abandoned", "workload of ann"},
	}},
	{"one workload revision for two reservations", func(e *edit) {
		x := e.event("c-3", rev(7, 2)).Contact
		x.Agent = "ann"
	}, [][]string{
		{"agents", "acme agent:ann", "contact:c-3 (7.2 at"},
		{"capacity", "acme agent:ann", "one workload revision, 7.1", "contact:c-1 (7.2 at call-routing.contact-events.v1/3@2", "contact:c-3 (7.2 at call-routing.contact-events.v1/3@6"},
	}},
	{"reserved while held, one after the other", func(e *edit) {
		x := e.event("c-3", rev(7, 2)).Contact
		x.Agent, x.Workload = "ann", rev(7, 2)
	}, [][]string{
		{"capacity", "acme agent:ann", "reserved by contact:c-3 (7.2 at call-routing.contact-events.v1/3@6, workload 7.2)", "held by contact:c-1"},
	}},
	{"reserved while held since the epoch before", func(e *edit) {
		e.Signals = slices.DeleteFunc(e.Signals, func(s history.At[history.Signal]) bool { return s.It.Contact == "c-2" })
		for i := range e.Events {
			if x := &e.Events[i]; x.It.Record == "contact:c-2" {
				x.It.Time -= 250 * ms
				x.At -= 250 * ms
			}
		}
	}, [][]string{
		{"agents", "acme agent:ann", "after the beginning, the reservation by contact:c-2 (8.2 at"},
		{"capacity", "acme agent:ann", "reserved by contact:c-2 (8.2", "held by contact:c-1 (7.2"},
	}},

	{"a screen goes back", func(e *edit) { e.view("ann", rev(8, 3)).It.Workload = rev(8, 1) },
		[][]string{{"screens", "acme screen:screen-of-ann", "went back from workload 8.2 to 8.1 at 605ms"}}},
	{"a screen takes a lower epoch", func(e *edit) { e.view("ann", rev(8, 3)).It.Epoch = 7 },
		[][]string{{"screens", "acme screen:screen-of-ann", "went back from epoch 8 to 7 at 605ms"}}},
	{"a card goes back", func(e *edit) {
		v := e.view("ann", rev(8, 3))
		v.It.Cards = []history.Card{card("c-1", "wrap-up", rev(8, 4))}
	}, [][]string{{"screens", "acme screen:screen-of-ann", "went back from 8.5 of contact c-1 to 8.4"}}},
	{"a contact at one revision on two screens", func(e *edit) {
		v := e.view("bob", rev(7, 1))
		v.It.Cards = []history.Card{card("c-1", "connected", rev(7, 4))}
	}, [][]string{{"screens", "acme contact:c-1", "at 7.4 is on the screens of ann and bob"}}},
	{"a contact on two screens for long", func(e *edit) {
		v := *e.view("bob", rev(7, 1))
		v.At, v.It.Agent, v.It.Screen, v.It.Cards = 480*ms, "eve", "s", []history.Card{card("c-1", "connected", rev(8, 9))}
		at, _ := slices.BinarySearchFunc(e.Views, v.At, func(x history.At[history.View], t time.Duration) int { return int(x.At - t) })
		e.Views = slices.Insert(e.Views, at, v)
		e.view("ann", rev(8, 3)).At = 20 * time.Second
		for _, n := range []uint32{4, 5} {
			e.view("ann", rev(8, n)).At = 20 * time.Second
		}
		e.event("c-1", rev(8, 6)).Contact.State = "wrap-up" // eve's screen is not left over
	}, [][]string{
		{"contacts", "acme contact:c-1", "complete by ann"},
		{"final-state", "acme contact:c-1", "wrap-up since 8.6"},
		{"screens", "acme contact:c-1", "was on the screen of ann for 19.52s longer than on that of eve, 13.55s of it while nothing was broken"},
	}},
	{"a card is left on a screen", func(e *edit) {
		e.Views = slices.DeleteFunc(e.Views, func(v history.At[history.View]) bool { return v.It.Workload == rev(8, 5) })
	}, [][]string{{"screens", "acme contact:c-2", "is left on screen screen-of-ann of ann as 8.2 offered", "8.3 abandoned at"}}},

	{"an ended contact still waits", func(e *edit) { e.Indexes[0].Members = []string{"c-2"} },
		[][]string{{"one-place", "acme contact:c-2", "8.3 is abandoned", "stands in waiting:sales", "belongs in none"}}},
	{"a contact that is not there waits", func(e *edit) { e.Indexes[0].Members = []string{"c-9"} },
		[][]string{{"one-place", "acme contact:c-9", "stands in waiting:sales", "no such record"}}},
	{"a contact that waits stands nowhere", func(e *edit) { e.record("contact:c-2").Contact.State = "queued" },
		[][]string{
			{"final-state", "acme contact:c-2", "not ended in Redis: queued at 8.3"},
			{"one-place", "acme contact:c-2", "8.3 is queued", "stands in none", "belongs in live and waiting:sales"},
		}},
	{"a contact in hand is in nobody's hand", func(e *edit) {
		*e.record("contact:c-2").Contact = history.Contact{State: "held", Agent: "ann", Queue: "sales"}
		e.Indexes = append(e.Indexes,
			history.Index{Tenant: "acme", Service: "call-routing", Name: "live", Members: []string{"c-2"}},
			history.Index{Tenant: "acme", Service: "call-routing", Name: "inhand:sales", Members: []string{"c-2"}})
	}, [][]string{
		{"final-state", "acme contact:c-2", "held at 8.3"},
		{"one-place", "acme contact:c-2", "8.3 is held", "workload of none", "belongs in that of ann"},
	}},

	{"a contact has not ended", func(e *edit) { e.event("c-2", rev(8, 3)).Contact.State = "queued" },
		[][]string{{"final-state", "acme contact:c-2", "has not ended: queued since 8.3 at call-routing.contact-events.v1/3@"}}},
	{"it never became quiet", func(e *edit) { e.Quiet = 0 },
		[][]string{{"final-state", "never became quiet"}}},

	{"a move that is none", func(e *edit) { e.event("c-1", rev(8, 5)).Contact.State = "offered" },
		[][]string{{"contacts", "acme contact:c-1", "8.5", `from "connected" to "offered", at call-routing.contact-events.v1/3@`}}},
	{"a final state is left", func(e *edit) { e.event("c-3", rev(8, 3)).Contact.State = "lost" },
		[][]string{{"contacts", "acme contact:c-3", "8.4", `from "lost" to "abandoned"`, "contact-events.v1/3@"}}},
	{"acknowledged before it happened", func(e *edit) {
		e.event("c-2", rev(8, 3)).Time, e.Events[len(e.Events)-1].At = 3*time.Second, 3*time.Second
	}, [][]string{{"contacts", "acme contact:c-2", "acknowledgement of signal 2 (ended) at 728ms"}}},
	{"happened before it was sent", func(e *edit) {
		for i := range e.Signals {
			if s := &e.Signals[i]; s.It.Contact == "c-2" && s.It.Number == 2 {
				s.At = 2 * time.Second
			}
		}
	}, [][]string{{"contacts", "acme contact:c-2", "8.3", "only have happened after", "must have happened by"}}},
	{"done, and yet not", func(e *edit) { e.Commands[1].Verb = "decline" },
		[][]string{{"contacts", "acme contact:c-1", "decline by ann, done at 609ms"}}},
	{"a stale answer", func(e *edit) {
		e.Reads[0].Called, e.Reads[0].Returned, e.Reads[0].Revision = 30*time.Second, 31*time.Second, rev(8, 5)
		e.Reads[0].State = "wrap-up"
	}, [][]string{{"contacts", "acme contact:c-1", "the answer at 31s that it is wrap-up at 8.5"}}},

	{"a release that comes after the next reservation", func(e *edit) {
		e.event("c-1", rev(8, 6)).Time = 900 * ms
		for i := range e.Events {
			if x := &e.Events[i]; x.It.Record == "contact:c-1" && x.It.Revision == rev(8, 6) {
				x.At = 905 * ms
			}
		}
		e.Commands = e.Commands[:1]
		e.view("ann", rev(8, 3)).At = 606 * ms
	}, [][]string{
		{"agents", "acme agent:ann", "contact:c-2 (8.2 at"},
		{"capacity", "acme agent:ann", "reserved by contact:c-2", "held by contact:c-1"},
	}},
	{"workload revisions that do not rise", func(e *edit) {
		e.event("c-2", rev(8, 2)).Contact.Workload = rev(7, 0)
	}, [][]string{{"agents", "acme agent:ann", "contact:c-2 (8.2 at", "workload 7.0"}}},

	{"an alarm that no fault explains", func(e *edit) { e.Faults = nil },
		[][]string{{"alarms", "routing-1", "busyhour_void_events_total", "rose by 2 between 60ms and 460ms"}}},
	{"a divergence, though nobody tampered", func(e *edit) {
		e.Metrics = append(e.Metrics, history.At[history.Metric]{At: 500 * ms, It: history.Metric{Process: "routing-1", Name: "busyhour_divergences_total", Labels: map[string]string{"cause": "behind"}, Value: 1}})
	}, [][]string{{"alarms", "routing-1", `busyhour_divergences_total{cause="behind"} rose by 1`}}},
}

func TestEachBreakIsFound(t *testing.T) {
	for _, c := range breakages {
		t.Run(c.name, func(t *testing.T) {
			h := clean()
			c.by(&edit{t, h})
			findings := All(h).Findings()
			if len(findings) == 0 {
				t.Error("nothing is found")
			}
			if len(findings) != len(c.want) {
				t.Errorf("%d findings, want %d:", len(findings), len(c.want))
			}
			for _, want := range c.want {
				if !slices.ContainsFunc(findings, func(f Finding) bool { return f.Check == want[0] && containsAll(f.String(), want) }) {
					t.Errorf("not found: %q", want)
				}
			}
			if t.Failed() {
				for _, f := range findings {
					t.Log(f)
				}
			}
		})
	}
}

// TestEveryCheckCanFail keeps a check from being added without a history that it must find.
func TestEveryCheckCanFail(t *testing.T) {
	for _, c := range checks {
		found := slices.ContainsFunc(breakages, func(b breakage) bool {
			return slices.ContainsFunc(b.want, func(w []string) bool { return w[0] == c.name })
		})
		if !found {
			t.Errorf("no broken history is wanted of %s", c.name)
		}
	}
}

func containsAll(s string, words []string) bool {
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(s, w) })
}

func TestCalmIsWhatNoFaultCovers(t *testing.T) {
	b := &book{faults: []fault{{begun: 20, ended: 30}, {begun: 10, ended: 15}, {begun: 14, ended: 16}}}
	for _, c := range []struct{ from, until, want time.Duration }{
		{0, 5, 5}, {0, 12, 10}, {0, 40, 10 + 3 + 9}, {16, 18, 1}, {17, 100, 3 + 69}, {25, 31, 0}, {31, 50, 19},
	} {
		if got := b.calm(c.from, c.until, 1); got != c.want {
			t.Errorf("%d to %d: %d, want %d", c.from, c.until, got, c.want)
		}
	}
}
