package check

import (
	"fmt"
	"slices"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
)

// A contact is a register that moves along the chain of the events that count. The state is how many of them have
// happened. Events move it one step; what clients were told must fit the state at some moment between question and answer.
//
// What clients were told of a step that no event tells is left out: the decision may have died with its epoch before it
// reached the log, which is promised of nothing that is not acknowledged. Acknowledged signals are kept to it by the
// check acknowledged, and here by time.

// ways are the states that may follow on a state, besides itself: that is a fact which changes no state.
var ways = map[string][]string{
	"":           {"queued"},
	"queued":     {"offered", "connected", "abandoned", "overflowed", "failed", "lost"},
	"offered":    {"queued", "connecting", "connected", "abandoned", "failed", "lost"},
	"connecting": {"queued", "connected", "abandoned", "failed", "lost"},
	"connected":  {"queued", "held", "wrap-up", "completed", "lost"},
	"held":       {"queued", "connected", "wrap-up", "completed", "lost"},
	"wrap-up":    {"completed", "lost"},
}

// contactsLinearizable judges contact by contact.
func contactsLinearizable(b *book, r *Result) {
	signals, commands, reads := map[id][]*fate{}, map[id][]*history.Command{}, map[id][]*history.Read{}
	for _, f := range b.fates() {
		key := id{f.tenant, "call-routing", "contact:" + f.contact}
		signals[key] = append(signals[key], f)
	}
	for i := range b.Commands {
		c := &b.Commands[i]
		key := id{c.Tenant, "call-routing", "contact:" + c.Contact}
		commands[key] = append(commands[key], c)
	}
	for i := range b.Reads {
		key := id{b.Reads[i].Tenant, "call-routing", "contact:" + b.Reads[i].Contact}
		reads[key] = append(reads[key], &b.Reads[i])
	}
	j := judging(r)
	for _, rec := range b.contacts() {
		l := &life{record: rec, book: b}
		l.events(signals[rec.id])
		for _, f := range signals[rec.id] {
			l.acknowledged(f)
		}
		for _, c := range commands[rec.id] {
			l.command(c)
		}
		for _, one := range reads[rec.id] {
			l.read(one)
		}
		j.one(rec.tenant, rec.name, 0, l.actions)
	}
}

// life of one contact, as actions on the number of events that have happened.
type life struct {
	*record
	book    *book
	actions []*action
}

func (l *life) events(signals []*fate) {
	before := ""
	for i, e := range l.chain {
		if e.Contact == nil {
			return
		}
		possible := before == e.Contact.State && before != "" || slices.Contains(ways[before], e.Contact.State)
		l.add(l.earliest(i, signals), by(e, after(l.chain, i)), fmt.Sprintf("%s, from %q to %q, at %s", e.Revision, before, e.Contact.State, e.at()),
			func(state any) (any, bool) { return i + 1, possible && state == i })
		before = e.Contact.State
	}
}

// earliest is when event i can have happened at the earliest: when it was decided, and not before the signal in it was sent.
func (l *life) earliest(i int, signals []*fate) time.Duration {
	from := l.chain[i].Time
	for _, f := range signals {
		if l.first(f.number) == i {
			from = max(from, f.sent-slack)
		}
	}
	return from
}

// first is the first event that has the signal; -1: none.
func (l *life) first(k number) int {
	return slices.IndexFunc(l.chain, func(e *event) bool { return e.Contact != nil && has(e.Contact, k) })
}

// acknowledged: when the acknowledgement came, the signal's event had happened.
func (l *life) acknowledged(f *fate) {
	if i := l.first(f.number); i >= 0 && f.acked > 0 && !f.refused {
		l.add(f.sent, f.acked+slack, fmt.Sprintf("the acknowledgement of %s at %s", f, f.acked), func(state any) (any, bool) {
			return state, state.(int) > i
		})
	}
}

// command: when the answer came, what was asked for was so. An answer may be given before the log has the event, so it
// is left out if an epoch ended since.
func (l *life) command(c *history.Command) {
	fits := wanted[c.Verb]
	if c.Outcome != history.Done || fits == nil || l.book.newReign(l.tenant, c.Called) {
		return
	}
	l.add(c.Called, c.Returned+slack, fmt.Sprintf("%s by %s, done at %s", c.Verb, c.Agent, c.Returned), func(state any) (any, bool) {
		n := state.(int)
		return n, n > 0 && fits(l.chain[n-1].Contact, c.Agent)
	})
}

// wanted is what a command that was done has brought about.
var wanted = map[string]func(c *history.Contact, agent string) bool{
	"accept":   func(c *history.Contact, agent string) bool { return c.Agent == agent && c.State != "offered" },
	"decline":  func(c *history.Contact, agent string) bool { return slices.Contains(c.Passed, agent) },
	"end":      func(c *history.Contact, _ string) bool { return c.State == "wrap-up" || final(c.State) },
	"complete": func(c *history.Contact, _ string) bool { return final(c.State) },
	"close":    func(c *history.Contact, _ string) bool { return final(c.State) },
}

// read: a verified answer shows the contact as it stands. Around the beginning of an epoch it may have come from the one
// that ended, for nobody confirms reads.
func (l *life) read(r *history.Read) {
	i := slices.IndexFunc(l.chain, func(e *event) bool { return e.Revision == r.Revision })
	if !r.Verified || i < 0 || l.chain[i].Contact == nil || l.book.turning(l.tenant, r) {
		return
	}
	same := l.chain[i].Contact.State == r.State
	l.add(r.Called, r.Returned+slack, fmt.Sprintf("the answer at %s that it is %s at %s", r.Returned, r.State, r.Revision), func(state any) (any, bool) {
		return state, same && state == i+1
	})
}

// turning is how long after a new epoch's first marker an old primary may still be read.
const turning = 15 * time.Second

func (b *book) turning(tenant string, r *history.Read) bool {
	for _, at := range b.reigns[owner{tenant, "call-routing"}] {
		if r.Returned > at-turning && r.Called < at+turning {
			return true
		}
	}
	return false
}

func (l *life) add(from, to time.Duration, text string, do func(any) (any, bool)) {
	l.actions = append(l.actions, &action{from, to, text, do})
}
