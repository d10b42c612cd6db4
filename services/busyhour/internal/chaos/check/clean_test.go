package check

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
)

const ms = time.Millisecond

func rev(epoch, n uint32) history.Revision { return history.Revision{Epoch: epoch, N: n} }

// written is a history under the pen: partition 3 of both events topics.
type written struct {
	history.History
	offset map[string]int64
	legs   map[string][]history.Leg
}

func (w *written) marker(topic string, epoch uint32, at time.Duration) {
	w.put(history.Event{Topic: topic, Marker: &history.Marker{Tenants: []string{"acme"}, Epoch: epoch, Nonce: fmt.Sprint("n", epoch)}}, at)
}

func (w *written) put(e history.Event, at time.Duration) *history.Event {
	e.Partition, e.Offset = 3, w.offset[e.Topic]
	w.offset[e.Topic]++
	w.Events = append(w.Events, history.At[history.Event]{At: at, It: e})
	return &w.Events[len(w.Events)-1].It
}

// contact tells of a change at a time; it is read 5 ms later.
func (w *written) contact(name string, r history.Revision, at time.Duration, kind, state, agent string, workload history.Revision) *history.Event {
	c := &history.Contact{
		ID: name, Call: "call-" + name, Switch: "sw", Queue: "sales", Channel: "voice", State: state, Kind: kind,
		Agent: agent, Workload: workload, Legs: slices.Clone(w.legs[name]),
	}
	return w.put(history.Event{
		Topic: topics.ContactEvents, Key: name, Type: "busyhour.routing.contact." + kind + ".v1", Tenant: "acme", Record: "contact:" + name,
		Revision: r, Op: "op-" + name + "-" + r.String(), Time: at, Content: "content-" + name + "-" + r.String(), Value: "value-" + name + "-" + r.String(), Contact: c,
	}, at+5*ms)
}

func (w *written) presence(r history.Revision, at time.Duration, status string) {
	w.put(history.Event{
		Topic: topics.AgentEvents, Key: "ann", Tenant: "acme", Record: "presence:ann", Revision: r, Op: "op-ann-" + r.String(), Time: at,
		Content: "content-ann-" + r.String(), Value: "value-ann-" + r.String(), Presence: &history.Presence{Agent: "ann", Status: status},
	}, at+5*ms)
}

// signal is sent, and acknowledged 8 ms later. From now on the contact's events have it.
func (w *written) signal(contact, leg string, n uint64, kind string, at time.Duration) {
	s := history.Signal{Tenant: "acme", Switch: "sw", Stream: "st", Contact: contact, Call: "call-" + contact, Leg: leg, Number: n, Kind: kind}
	for _, step := range []string{history.Sent, history.Acknowledged} {
		s.Did = step
		w.Signals = append(w.Signals, history.At[history.Signal]{At: at, It: s})
		at += 8 * ms
	}
	i := slices.IndexFunc(w.legs[contact], func(l history.Leg) bool { return l.ID == leg })
	if i < 0 {
		w.legs[contact] = append(w.legs[contact], history.Leg{ID: leg})
		i = len(w.legs[contact]) - 1
	}
	w.legs[contact] = slices.Clone(w.legs[contact])
	w.legs[contact][i] = history.Leg{ID: leg, Last: n, Window: 1<<n - 1}
}

func (w *written) command(contact, verb string, at time.Duration) {
	w.Commands = append(w.Commands, history.Command{Tenant: "acme", Agent: "ann", Contact: contact, Verb: verb, Called: at, Returned: at + 9*ms, Outcome: history.Done})
}

func (w *written) view(agent string, workload history.Revision, at time.Duration, cards ...history.Card) {
	w.Views = append(w.Views, history.At[history.View]{At: at, It: history.View{
		Tenant: "acme", Agent: agent, Screen: "screen-of-" + agent, Connected: true, Verified: true, Epoch: workload.Epoch, Workload: workload, Cards: cards,
	}})
}

func card(contact, state string, r history.Revision) history.Card {
	return history.Card{Contact: contact, State: state, Channel: "voice", Revision: r}
}

func (w *written) metric(name string, value float64, at time.Duration) {
	w.Metrics = append(w.Metrics, history.At[history.Metric]{At: at, It: history.Metric{Process: "routing-1", Name: name, Value: value}})
}

func (w *written) stored(service, name string, r history.Revision, value string) *history.Stored {
	w.Stored = append(w.Stored, history.Stored{Tenant: "acme", Service: service, Epoch: 8, Name: name, Revision: r, Value: value})
	return &w.Stored[len(w.Stored)-1]
}

// clean is a run of two seconds in which Redis is flushed once: ann takes c-1, which is put on hold and the hold
// forgotten; the customer of c-2 leaves while it is offered; c-3 is declined by bob in a commit that is forgotten, and
// requeued and abandoned in the next epoch.
func clean() *history.History {
	w := &written{offset: map[string]int64{}, legs: map[string][]history.Leg{}}
	none := history.Revision{}
	w.Run = history.Run{Began: time.Date(2026, 11, 25, 20, 0, 0, 0, time.UTC), Seed: 1}
	for _, a := range []string{"ann", "bob"} {
		w.Agents = append(w.Agents, history.Agent{Tenant: "acme", ID: a, Capacity: map[string]int{"voice": 1}})
	}
	w.marker(topics.ContactEvents, 7, 10*ms)
	w.marker(topics.AgentEvents, 3, 10*ms)
	w.presence(rev(3, 1), 50*ms, "available")
	w.metric("busyhour_void_events_total", 0, 60*ms)
	w.metric(overdue, 0.5, 60*ms)

	w.signal("c-1", "", 1, "offered", 100*ms)
	w.contact("c-1", rev(7, 1), 101*ms, "queued", "queued", "", none)
	w.contact("c-1", rev(7, 2), 110*ms, "offered", "offered", "ann", rev(7, 1))
	w.view("ann", rev(7, 1), 112*ms, card("c-1", "offered", rev(7, 2)))
	w.command("c-1", "accept", 200*ms)
	w.contact("c-1", rev(7, 3), 201*ms, "offer-accepted", "connecting", "ann", rev(7, 1))
	w.signal("c-1", "agent", 1, "answered", 210*ms)
	w.contact("c-1", rev(7, 4), 211*ms, "connected", "connected", "ann", rev(7, 1))
	w.view("ann", rev(7, 3), 220*ms, card("c-1", "connected", rev(7, 4)))
	w.Reads = append(w.Reads, history.Read{Tenant: "acme", Contact: "c-1", Called: 230 * ms, Returned: 232 * ms, Verified: true, Revision: rev(7, 4), State: "connected"})

	w.signal("c-3", "", 1, "offered", 250*ms)
	w.contact("c-3", rev(7, 1), 251*ms, "queued", "queued", "", none)
	w.contact("c-3", rev(7, 2), 260*ms, "offered", "offered", "bob", rev(7, 1))
	w.view("bob", rev(7, 1), 262*ms, card("c-3", "offered", rev(7, 2)))

	w.Faults = append(w.Faults, history.At[history.Fault]{At: 390 * ms, It: history.Fault{Did: history.Begun, ID: "f1", Kind: "redis-flushall"}})
	w.marker(topics.ContactEvents, 8, 400*ms)
	w.contact("c-1", rev(7, 5), 380*ms, "held", "held", "ann", rev(7, 1)) // void
	w.contact("c-3", rev(7, 3), 385*ms, "offer-declined", "queued", "", none)
	w.Faults = append(w.Faults, history.At[history.Fault]{At: 450 * ms, It: history.Fault{Did: history.Ended, ID: "f1", Kind: "redis-flushall"}})
	w.metric("busyhour_void_events_total", 2, 460*ms)
	w.metric(overdue, 4, 460*ms)
	w.view("ann", rev(8, 1), 455*ms, card("c-1", "connected", rev(7, 4)))
	w.view("bob", rev(8, 1), 455*ms, card("c-3", "offered", rev(7, 2)))

	w.contact("c-3", rev(8, 3), 480*ms, "offer-withdrawn", "queued", "", none)
	w.view("bob", rev(8, 2), 482*ms)
	w.signal("c-3", "", 2, "ended", 490*ms)
	w.contact("c-3", rev(8, 4), 491*ms, "abandoned", "abandoned", "", none)
	w.signal("c-1", "", 2, "ended", 500*ms)
	w.contact("c-1", rev(8, 5), 501*ms, "ended", "wrap-up", "ann", rev(7, 1))
	w.view("ann", rev(8, 2), 505*ms, card("c-1", "wrap-up", rev(8, 5)))
	w.command("c-1", "complete", 600*ms)
	w.contact("c-1", rev(8, 6), 601*ms, "completed", "completed", "", none)
	w.view("ann", rev(8, 3), 605*ms)

	w.signal("c-2", "", 1, "offered", 700*ms)
	w.contact("c-2", rev(8, 1), 701*ms, "queued", "queued", "", none)
	w.contact("c-2", rev(8, 2), 710*ms, "offered", "offered", "ann", rev(8, 4))
	w.view("ann", rev(8, 4), 712*ms, card("c-2", "offered", rev(8, 2)))
	w.signal("c-2", "", 2, "ended", 720*ms)
	w.contact("c-2", rev(8, 3), 721*ms, "abandoned", "abandoned", "", none)
	w.view("ann", rev(8, 5), 725*ms)

	w.metric(overdue, 1.5, 1500*ms+2*time.Second)
	w.Quiet, w.End = 4*time.Second, 5*time.Second
	for _, s := range []struct {
		name  string
		r     history.Revision
		state string
	}{{"c-1", rev(8, 6), "completed"}, {"c-2", rev(8, 3), "abandoned"}, {"c-3", rev(8, 4), "abandoned"}} {
		w.stored("call-routing", "contact:"+s.name, s.r, "value-"+s.name+"-"+s.r.String()).Contact = &history.Contact{ID: s.name, Queue: "sales", State: s.state}
	}
	w.stored("call-routing", "workload:ann", rev(8, 5), "w")
	w.stored("agent-presence", "presence:ann", rev(3, 1), "value-ann-3.1")
	w.Marks = []history.Mark{{Tenant: "acme", Service: "call-routing", Epoch: 8, Open: true}, {Tenant: "acme", Service: "agent-presence", Epoch: 3, Open: true}}
	w.Indexes = []history.Index{{Tenant: "acme", Service: "call-routing", Epoch: 8, Name: "waiting:sales"}}
	slices.SortStableFunc(w.Events, func(a, b history.At[history.Event]) int {
		return int(a.It.Offset - b.It.Offset)
	})
	return &w.History
}

func TestCleanHistoryHasNoFindings(t *testing.T) {
	report := All(clean())
	for _, f := range report.Findings() {
		t.Error(f)
	}
	for _, r := range report.Results {
		if r.Judged == 0 {
			t.Errorf("%s judged nothing", r.Name)
		}
	}
	f := report.Figures
	if f.Contacts != 3 || f.Void != 2 || f.Epochs != 3 || f.Signals != 7 || f.Acknowledged != 7 || f.OldestOverdue != 1.5 || f.OldestOverdueEver != 4 || f.Faults["redis-flushall"] != 1 {
		t.Errorf("figures %+v", f)
	}
}
