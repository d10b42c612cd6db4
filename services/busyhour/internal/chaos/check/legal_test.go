package check

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
)

// world is a small Busyhour that keeps its promises: it commits, publishes what it has committed later and in order, and
// acknowledges what is published. A new epoch makes it forget what is not published; that may still be published then, and
// is void.
type world struct {
	written
	random   *rand.Rand // seeded by rapid: its own draws lean towards small numbers, and so to dull histories
	now      time.Duration
	epoch    uint32
	contacts map[string]*caller
	agents   map[string]*desk
	waiting  []commit // committed and not published, oldest first
}

// caller is a contact as Redis has it, and as the log has it.
type caller struct {
	history.Contact
	at        history.Revision
	published *caller
	signals   uint64
}

type desk struct {
	room     int
	workload history.Revision
	held     []string
}

type commit struct {
	contact string
	kind    string
	after   caller
	time    time.Duration
	signal  *history.Signal
}

func legal(t *rapid.T) *history.History {
	w := &world{random: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)), contacts: map[string]*caller{}, agents: map[string]*desk{}, now: time.Second}
	w.offset, w.legs = map[string]int64{}, map[string][]history.Leg{}
	for _, name := range []string{"ann", "bob"} {
		room := rapid.IntRange(1, 2).Draw(t, "room of "+name)
		w.agents[name] = &desk{room: room}
		w.Agents = append(w.Agents, history.Agent{Tenant: "acme", ID: name, Capacity: map[string]int{"voice": room}})
	}
	w.reign()
	for range rapid.IntRange(40, 100).Draw(t, "steps") {
		w.step()
	}
	w.end()
	return history.Of(append(w.records(), history.Record{At: w.now, Quiet: &history.Quiet{}})...)
}

func (w *world) chance(percent int) bool { return w.random.IntN(100) < percent }

func (w *world) tick() { w.now += time.Duration(1+w.random.IntN(20)) * ms }

func (w *world) step() {
	w.tick()
	switch n := w.random.IntN(100); {
	case n < 15 && len(w.contacts) < 6:
		name := fmt.Sprint("c-", len(w.contacts)+1)
		w.contacts[name] = &caller{Contact: history.Contact{ID: name, Queue: "sales", Channel: "voice"}}
		w.heard(name, "offered", "queued", "queued")
	case n < 18:
		w.turn()
	case n < 50:
		w.publish()
	default:
		if names := sortedKeys(w.contacts); len(names) > 0 {
			w.move(names[w.random.IntN(len(names))], false)
		}
	}
}

// move does what may be done to a contact next. Hasty goes straight to its end.
func (w *world) move(name string, hasty bool) {
	c := w.contacts[name]
	other := !hasty && w.chance(30)
	switch c.State {
	case "queued":
		if agent := w.free(); agent != "" && !hasty {
			w.offer(name, agent)
		} else if hasty || other {
			w.heard(name, "ended", "abandoned", "abandoned")
		}
	case "offered":
		if other {
			w.commit(name, "offer-declined", "queued", nil)
		} else {
			w.commit(name, "offer-accepted", "connecting", nil)
		}
	case "connecting":
		w.heard(name, "answered", "connected", "connected")
	case "connected":
		if other {
			w.heard(name, "held", "held", "held")
		} else {
			w.heard(name, "ended", "ended", "wrap-up")
		}
	case "held":
		w.heard(name, "resumed", "resumed", "connected")
	case "wrap-up":
		w.commit(name, "completed", "completed", nil)
	}
}

func (w *world) free() string {
	for _, name := range sortedKeys(w.agents) {
		if a := w.agents[name]; len(a.held) < a.room {
			return name
		}
	}
	return ""
}

func (w *world) offer(name, agent string) {
	a, c := w.agents[agent], w.contacts[name]
	a.workload = history.Revision{Epoch: w.epoch, N: a.workload.N + 1}
	a.held = append(a.held, name)
	c.Agent, c.Workload = agent, a.workload
	w.change(name, "offered", "offered", nil)
	w.show(agent)
}

// heard is a change by a signal.
func (w *world) heard(name, kind, event, state string) {
	c := w.contacts[name]
	c.signals++
	s := &history.Signal{Did: history.Sent, Tenant: "acme", Contact: name, Number: c.signals, Kind: kind}
	w.Signals = append(w.Signals, history.At[history.Signal]{At: w.now, It: *s})
	w.tick()
	c.Legs = []history.Leg{{Last: c.signals, Window: 1<<c.signals - 1}}
	w.commit(name, event, state, s)
}

// commit is a change of a contact that touches its agent's workload, if it has an agent.
func (w *world) commit(name, kind, state string, s *history.Signal) {
	c := w.contacts[name]
	agent := c.Agent
	if !inHand(state) {
		c.Agent, c.Workload = "", history.Revision{}
	}
	w.change(name, kind, state, s)
	if agent == "" {
		return
	}
	a := w.agents[agent]
	a.workload.N++
	if !inHand(state) {
		a.held = slices.DeleteFunc(a.held, func(h string) bool { return h == name })
	}
	w.show(agent)
}

func (w *world) change(name, kind, state string, s *history.Signal) {
	c := w.contacts[name]
	c.State, c.at = state, history.Revision{Epoch: w.epoch, N: c.at.N + 1}
	done := commit{contact: name, kind: kind, after: *c, time: w.now, signal: s}
	done.after.Kind = kind
	w.waiting = append(w.waiting, done)
	w.tick()
}

func (w *world) show(agent string) {
	if w.chance(20) {
		return // lost on the way
	}
	a := w.agents[agent]
	var cards []history.Card
	for _, name := range a.held {
		cards = append(cards, card(name, w.contacts[name].State, w.contacts[name].at))
	}
	if len(cards) <= a.room { // what a recovery brought back is resolved before it is shown
		w.view(agent, a.workload, w.now, cards...)
	}
}

// publish tells Kafka of the oldest commit, and acknowledges its signal.
func (w *world) publish() {
	if len(w.waiting) == 0 {
		return
	}
	c := w.waiting[0]
	w.waiting = w.waiting[1:]
	w.tick()
	w.tell(c)
	after := c.after
	w.contacts[c.contact].published = &after
	if c.signal != nil {
		s := *c.signal
		s.Did = history.Acknowledged
		w.Signals = append(w.Signals, history.At[history.Signal]{At: w.now + ms, It: s})
	}
	if w.chance(10) {
		w.tell(c)
	}
}

func (w *world) tell(c commit) {
	contact, r := c.after.Contact, c.after.at
	w.put(history.Event{
		Topic: topics.ContactEvents, Key: c.contact, Tenant: "acme", Record: "contact:" + c.contact, Revision: r, Op: "op-" + r.String(),
		Time: c.time, Content: "content-" + r.String(), Value: "value-" + r.String(), Contact: &contact,
	}, w.now)
}

func (w *world) reign() {
	w.epoch++
	w.marker(topics.ContactEvents, w.epoch, w.now)
	for _, a := range w.agents {
		a.workload, a.held = history.Revision{Epoch: w.epoch, N: 1}, nil
	}
}

// turn is a recovery: what is not published is forgotten, and what is over capacity then is requeued.
func (w *world) turn() {
	begun := w.now
	w.Faults = append(w.Faults, history.At[history.Fault]{At: begun, It: history.Fault{Did: history.Begun, ID: begun.String(), Kind: "redis-flushall"}})
	void := w.waiting
	w.waiting = nil
	w.tick()
	w.reign()
	for _, name := range sortedKeys(w.contacts) {
		w.restore(name)
	}
	for _, c := range void {
		if w.chance(50) {
			w.tick()
			w.tell(c)
		}
	}
	for _, name := range sortedKeys(w.agents) {
		w.resolve(name)
		w.show(name)
	}
	w.Faults = append(w.Faults, history.At[history.Fault]{At: w.now, It: history.Fault{Did: history.Ended, ID: begun.String(), Kind: "redis-flushall"}})
}

// restore brings a contact back as the log has it. The switch sends an unknown call again; of one that is known it numbers
// on.
func (w *world) restore(name string) {
	c := w.contacts[name]
	if c.published == nil {
		w.contacts[name] = &caller{Contact: history.Contact{ID: name, Queue: "sales", Channel: "voice"}}
		w.heard(name, "offered", "queued", "queued")
		return
	}
	published := *c.published
	published.published, published.signals = c.published, c.signals
	w.contacts[name] = &published
	if published.Agent != "" {
		w.agents[published.Agent].held = append(w.agents[published.Agent].held, name)
	}
}

func (w *world) resolve(agent string) {
	a := w.agents[agent]
	slices.SortFunc(a.held, func(x, y string) int {
		return int(w.contacts[x].Workload.Number() - w.contacts[y].Workload.Number())
	})
	for len(a.held) > a.room {
		w.tick()
		w.commit(a.held[0], "offer-withdrawn", "queued", nil)
	}
}

// end lets everything end, and reads Redis.
func (w *world) end() {
	for _, name := range sortedKeys(w.contacts) {
		for !final(w.contacts[name].State) {
			w.tick()
			w.move(name, true)
		}
	}
	for len(w.waiting) > 0 {
		w.publish()
	}
	for _, name := range sortedKeys(w.agents) {
		w.view(name, w.agents[name].workload, w.now)
		w.stored("call-routing", "workload:"+name, w.agents[name].workload, "w")
	}
	for _, name := range sortedKeys(w.contacts) {
		c := w.contacts[name]
		contact := c.Contact
		w.stored("call-routing", "contact:"+name, c.at, "value-"+c.at.String()).Contact = &contact
	}
	w.Marks = []history.Mark{{Tenant: "acme", Service: "call-routing", Epoch: w.epoch, Open: true}}
}

func (w *world) records() (all []history.Record) {
	for _, x := range w.Agents {
		all = append(all, history.Record{Agent: &x})
	}
	for _, x := range w.Signals {
		all = append(all, history.Record{At: x.At, Signal: &x.It})
	}
	for _, x := range w.Views {
		all = append(all, history.Record{At: x.At, View: &x.It})
	}
	for _, x := range w.Events {
		all = append(all, history.Record{At: x.At, Event: &x.It})
	}
	for _, x := range w.Faults {
		all = append(all, history.Record{At: x.At, Fault: &x.It})
	}
	for _, x := range w.Stored {
		all = append(all, history.Record{Stored: &x})
	}
	for _, x := range w.Marks {
		all = append(all, history.Record{Mark: &x})
	}
	return all
}

func TestLegalHistoriesHaveNoFindings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, f := range All(legal(t)).Findings() {
			t.Error(f)
		}
	})
}

// mutation breaks a legal history at one point, drawn among those where that can be done; false: there is none.
type mutation struct {
	check string // that must find it
	by    func(*rapid.T, *history.History) bool
}

var mutations = map[string]mutation{
	"a signal is taken out of all events": {"acknowledged", func(t *rapid.T, h *history.History) bool {
		s, ok := pick(t, h.Signals, func(s history.At[history.Signal]) bool { return s.It.Did == history.Acknowledged })
		for _, e := range h.Events {
			if c := e.It.Contact; ok && c != nil && c.ID == s.It.Contact {
				c.Legs = slices.Clone(c.Legs)
				for i := range c.Legs {
					if c.Legs[i].Last >= s.It.Number {
						c.Legs[i].Window &^= 1 << (c.Legs[i].Last - s.It.Number)
					}
				}
			}
		}
		return ok
	}},
	"a revision is used again": {"one-content", func(t *rapid.T, h *history.History) bool {
		e, ok := pick(t, h.Events, isContact)
		if ok {
			again := *e
			again.It.Offset, again.It.Content = 1_000_000, "other"
			h.Events = append(h.Events, again)
		}
		return ok
	}},
	"an event overtakes the one before it": {"order", func(t *rapid.T, h *history.History) bool {
		i, j, ok := pickFollowing(t, h)
		if ok {
			h.Events[i].It.Offset, h.Events[j].It.Offset = h.Events[j].It.Offset, h.Events[i].It.Offset
			h.Events[i], h.Events[j] = h.Events[j], h.Events[i]
		}
		return ok
	}},
	"an event is lost": {"unbroken", func(t *rapid.T, h *history.History) bool {
		i, _, ok := pickFollowing(t, h)
		if ok {
			lost := h.Events[i].It
			h.Events = slices.DeleteFunc(h.Events, func(e history.At[history.Event]) bool {
				return e.It.Record == lost.Record && e.It.Revision == lost.Revision
			})
		}
		return ok
	}},
	"an epoch is taken again": {"epochs", func(t *rapid.T, h *history.History) bool {
		e, ok := pick(t, h.Events, func(e history.At[history.Event]) bool { return e.It.Marker != nil })
		if ok {
			again, marker := *e, *e.It.Marker
			marker.Nonce, again.It.Marker, again.It.Partition = "other", &marker, 4
			h.Events = append(h.Events, again)
		}
		return ok
	}},
	"a record is rolled back": {"stored", func(t *rapid.T, h *history.History) bool {
		s, ok := pick(t, h.Stored, func(s history.Stored) bool { return s.Contact != nil })
		if ok {
			s.Revision.N--
		}
		return ok
	}},
	"a record is edited": {"stored", func(t *rapid.T, h *history.History) bool {
		s, ok := pick(t, h.Stored, func(s history.Stored) bool { return s.Contact != nil })
		if ok {
			s.Value = "edited"
		}
		return ok
	}},
	"a card too many": {"capacity", func(t *rapid.T, h *history.History) bool {
		v, ok := pick(t, h.Views, func(history.At[history.View]) bool { return true })
		if ok {
			v.It.Cards = append(slices.Clone(v.It.Cards), card("x-1", "held", rev(1, 1)), card("x-2", "held", rev(1, 1)), card("x-3", "held", rev(1, 1)))
			for i := range h.Views { // one workload, one content
				if h.Views[i].It.Agent == v.It.Agent && h.Views[i].It.Workload == v.It.Workload {
					h.Views[i].It.Cards = v.It.Cards
				}
			}
		}
		return ok
	}},
	"a screen goes back": {"screens", func(t *rapid.T, h *history.History) bool {
		v, ok := pick(t, h.Views, func(v history.At[history.View]) bool {
			return slices.ContainsFunc(h.Views, func(o history.At[history.View]) bool { return o.It.Agent == v.It.Agent && o.At < v.At })
		})
		if ok {
			v.It.Workload = history.Revision{}
		}
		return ok
	}},
	"an ended contact is listed": {"one-place", func(t *rapid.T, h *history.History) bool {
		s, ok := pick(t, h.Stored, func(s history.Stored) bool { return s.Contact != nil })
		if ok {
			h.Indexes = append(h.Indexes, history.Index{Tenant: "acme", Service: "call-routing", Name: "live", Members: []string{s.Contact.ID}})
		}
		return ok
	}},
	"a contact does not end": {"final-state", func(t *rapid.T, h *history.History) bool {
		s, ok := pick(t, h.Stored, func(s history.Stored) bool { return s.Contact != nil })
		if ok {
			s.Contact.State = "queued"
		}
		return ok
	}},
	"an ended contact goes on": {"contacts", func(t *rapid.T, h *history.History) bool {
		i, _, ok := pickFollowing(t, h)
		if ok {
			c := *h.Events[i].It.Contact
			c.State = "lost"
			for j := range h.Events { // its repeats too
				if h.Events[j].It.Record == h.Events[i].It.Record && h.Events[j].It.Revision == h.Events[i].It.Revision {
					h.Events[j].It.Contact = &c
				}
			}
		}
		return ok
	}},
	"an acknowledgement comes before the event": {"contacts", func(t *rapid.T, h *history.History) bool {
		s, ok := pick(t, h.Signals, func(s history.At[history.Signal]) bool { return s.It.Did == history.Acknowledged })
		for i := range h.Signals {
			if o := &h.Signals[i]; ok && o.It.Contact == s.It.Contact && o.It.Number == s.It.Number {
				o.At = 1 // long before it
			}
		}
		return ok
	}},
	"a release comes after the next reservation": {"agents", func(t *rapid.T, h *history.History) bool {
		before, again, ok := pickHandOver(t, h)
		if !ok {
			return false
		}
		late := again.reserved.read + time.Hour
		for i := range h.Events {
			if e := &h.Events[i]; e.It.Record == before.contact.name && !before.released.Revision.Newer(e.It.Revision) {
				e.It.Time, e.At = late, late
			}
		}
		return true
	}},
	"an alarm": {"alarms", func(_ *rapid.T, h *history.History) bool {
		h.Metrics = append(h.Metrics, history.At[history.Metric]{At: h.End, It: history.Metric{Process: "p", Name: "busyhour_divergences_total", Value: 1}})
		return true
	}},
	"an event that cannot be read": {"readable", func(t *rapid.T, h *history.History) bool {
		e, ok := pick(t, h.Events, isContact)
		if ok {
			e.It.Unreadable = "torn"
		}
		return ok
	}},
}

func isContact(e history.At[history.Event]) bool { return e.It.Contact != nil }

// pick draws one of those that will do.
func pick[T any](t *rapid.T, list []T, will func(T) bool) (*T, bool) {
	var found []int
	for i := range list {
		if will(list[i]) {
			found = append(found, i)
		}
	}
	if len(found) == 0 {
		return nil, false
	}
	return &list[rapid.SampledFrom(found).Draw(t, "where")], true
}

// pickFollowing draws two events that count and of which one is the next of the other, in one epoch and with neither
// repeated.
func pickFollowing(t *rapid.T, h *history.History) (i, j int, ok bool) {
	type pair struct{ i, j int }
	var pairs []pair
	for _, rec := range newBook(h).contacts() {
		for n := 1; n < len(rec.chain); n++ {
			a, b := rec.chain[n-1], rec.chain[n]
			if a.Revision.Epoch == b.Revision.Epoch && len(rec.chain) == len(rec.all) {
				pairs = append(pairs, pair{index(h, a), index(h, b)})
			}
		}
	}
	if len(pairs) == 0 {
		return 0, 0, false
	}
	p := rapid.SampledFrom(pairs).Draw(t, "where")
	return p.i, p.j, true
}

func index(h *history.History, e *event) int {
	return slices.IndexFunc(h.Events, func(x history.At[history.Event]) bool { return inLog(x.It, e.Event) })
}

func inLog(a, b history.Event) bool {
	return a.Topic == b.Topic && a.Partition == b.Partition && a.Offset == b.Offset
}

// pickHandOver draws a reservation of an agent with room for one, and the one before it, released in the same epoch.
func pickHandOver(t *rapid.T, h *history.History) (before, again *holding, ok bool) {
	type pair struct{ before, again *holding }
	var pairs []pair
	b := newBook(h)
	all := b.holdings()
	for _, agent := range sortedIDs(all) {
		room, _ := b.room(agent.tenant, agent.name, "voice")
		for i := 1; room == 1 && i < len(all[agent]); i++ {
			x, y := all[agent][i-1], all[agent][i]
			if x.released != nil && x.contact != y.contact && x.released.Revision.Epoch == y.reserved.Revision.Epoch && x.released.Time < y.reserved.Time {
				pairs = append(pairs, pair{x, y})
			}
		}
	}
	if len(pairs) == 0 {
		return nil, nil, false
	}
	p := rapid.SampledFrom(pairs).Draw(t, "where")
	return p.before, p.again, true
}

func TestAMutatedHistoryIsFound(t *testing.T) {
	for _, name := range sortedKeys(mutations) {
		m := mutations[name]
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				h := legal(t)
				if !m.by(t, h) {
					t.Skip("there is no place for it")
				}
				for _, f := range All(h).Findings() {
					if f.Check == m.check {
						return
					}
				}
				t.Errorf("%s does not find it", m.check)
			})
		})
	}
	for _, c := range checks {
		if !slices.ContainsFunc(sortedKeys(mutations), func(n string) bool { return mutations[n].check == c.name }) {
			t.Errorf("no mutation is for %s", c.name)
		}
	}
}
