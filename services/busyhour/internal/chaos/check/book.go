package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
)

// book is a history by record.
type book struct {
	*history.History
	records map[id]*record
	stored  map[id]*history.Stored
	marks   map[owner]*history.Mark
	// reigns are the markers of a tenant and service: epoch → when the first of them was read.
	reigns   map[owner]map[uint32]time.Duration
	agents   map[id]*history.Agent
	told     map[string]bool // services whose events are in the history
	faults   []fault
	together Together
	holds    map[hold][]*holding // by holdsOf; nil: not asked yet
}

// id of a record in Redis and in the log.
type id struct{ tenant, service, name string }

type owner struct{ tenant, service string }

// event is an event of the log, and whether it counts.
type event struct {
	history.Event
	read time.Duration // when the recorder had it: it happened before
	void bool
}

func (e *event) at() string { return fmt.Sprintf("%s/%d@%d", e.Topic, e.Partition, e.Offset) }

// record is all that the log tells of one record.
type record struct {
	id
	all []*event // in the order of the log, repeats too
	// chain is what counts, by revision, each once: its first appearance.
	chain []*event
}

func (r *record) newest() *event {
	if len(r.chain) == 0 {
		return nil
	}
	return r.chain[len(r.chain)-1]
}

// services that tell the topics whose events carry records.
var services = map[string]string{
	topics.ContactEvents:   "call-routing",
	topics.AgentEvents:     "agent-presence",
	topics.DirectoryEvents: "provisioning",
	topics.Outcomes:        "provisioning",
}

func newBook(h *history.History) *book {
	b := &book{
		History: h, records: map[id]*record{}, stored: map[id]*history.Stored{}, marks: map[owner]*history.Mark{},
		reigns: map[owner]map[uint32]time.Duration{}, agents: map[id]*history.Agent{},
		told: map[string]bool{}, faults: faultsOf(h), together: LostTogether(h),
	}
	b.readLog()
	for i := range h.Stored {
		s := &h.Stored[i]
		b.stored[id{s.Tenant, s.Service, s.Name}] = s
	}
	for i := range h.Marks {
		b.marks[owner{h.Marks[i].Tenant, h.Marks[i].Service}] = &h.Marks[i]
	}
	for i := range h.Agents {
		b.agents[id{tenant: h.Agents[i].Tenant, name: h.Agents[i].ID}] = &h.Agents[i]
	}
	return b
}

// readLog takes events as a reader of the contract does: behind a marker, events of lower epochs count for nothing.
func (b *book) readLog() {
	type partition struct {
		topic  string
		number int32
	}
	fences := map[partition]map[string]uint32{}
	for i := range b.Events {
		e := &event{Event: b.Events[i].It, read: b.Events[i].At}
		service, ours := services[e.Topic]
		if !ours {
			continue
		}
		b.told[service] = true
		at := partition{e.Topic, e.Partition}
		if fences[at] == nil {
			fences[at] = map[string]uint32{}
		}
		if m := e.Marker; m != nil {
			for _, tenant := range m.Tenants {
				fences[at][tenant] = max(fences[at][tenant], m.Epoch)
				b.reign(owner{tenant, service}, m.Epoch, e.read)
			}
			continue
		}
		if e.Record == "" || e.Unreadable != "" {
			continue
		}
		e.void = e.Revision.Epoch < fences[at][e.Tenant]
		r := b.record(id{e.Tenant, service, e.Record})
		r.all = append(r.all, e)
	}
	for _, r := range b.records {
		r.link()
	}
}

func (b *book) reign(o owner, epoch uint32, at time.Duration) {
	if b.reigns[o] == nil {
		b.reigns[o] = map[uint32]time.Duration{}
	}
	if first, known := b.reigns[o][epoch]; !known || at < first {
		b.reigns[o][epoch] = at
	}
}

func (b *book) record(i id) *record {
	r := b.records[i]
	if r == nil {
		r = &record{id: i}
		b.records[i] = r
	}
	return r
}

func (r *record) link() {
	seen := map[history.Revision]bool{}
	for _, e := range r.all {
		if !e.void && !seen[e.Revision] {
			seen[e.Revision] = true
			r.chain = append(r.chain, e)
		}
	}
	slices.SortStableFunc(r.chain, func(a, b *event) int {
		switch {
		case a.Revision == b.Revision:
			return 0
		case a.Revision.Newer(b.Revision):
			return 1
		}
		return -1
	})
}

// sorted are the records of a kind, in the order of their names, so that reports of one history are alike. An empty
// prefix means all.
func (b *book) sorted(service, prefix string) []*record {
	var list []*record
	for _, r := range b.records {
		if service == "" || r.service == service && strings.HasPrefix(r.name, prefix) {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(x, y *record) int {
		return strings.Compare(x.tenant+"\x00"+x.service+"\x00"+x.name, y.tenant+"\x00"+y.service+"\x00"+y.name)
	})
	return list
}

func (b *book) contacts() []*record { return b.sorted("call-routing", "contact:") }

// newReign says whether a later epoch of the tenant's contacts began after that moment.
func (b *book) newReign(tenant string, after time.Duration) bool {
	for _, at := range b.reigns[owner{tenant, "call-routing"}] {
		if at > after-slack {
			return true
		}
	}
	return false
}

// room is how many contacts of a channel an agent can hold, if the history knows the agent.
func (b *book) room(tenant, agent, channel string) (int, bool) {
	a, known := b.agents[id{tenant: tenant, name: agent}]
	if !known {
		return 0, false
	}
	return a.Capacity[channel], true
}

// slack is how far the clock of Redis and that of the recorder may be apart.
const slack = 100 * time.Millisecond

func sortedKeys[K ~string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
