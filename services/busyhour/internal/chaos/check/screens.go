package check

import (
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
)

// overlap is how long two agents' screens may show one contact while the news of its leaving the first is under way. A
// screen that missed it hears so by heartbeat, every 5 s.
const overlap = 6 * time.Second

// screens looks at what each screen showed, one view after the other.
func screens(b *book, r *Result) {
	w := &watch{book: b, result: r, before: map[id]*history.At[history.View]{}, holders: map[id]map[string]*holder{}}
	for i := range b.Views {
		r.Judged++
		w.view(&b.Views[i])
	}
	for contact, holders := range w.holders {
		for agent, h := range holders {
			w.overlapped(contact, agent, h, b.End)
		}
	}
	w.leftOver()
}

type watch struct {
	*book
	result  *Result
	before  map[id]*history.At[history.View] // by screen
	holders map[id]map[string]*holder        // by contact: agent → since when
}

// holder is an agent on whose screens a contact is. A screen that is cut off counts until it shows something else.
type holder struct {
	card     history.Card
	screens  map[string]bool
	overlaps time.Duration // since when somebody else has it too, seen while both were connected; zero: nobody
	with     string
}

func (w *watch) view(v *history.At[history.View]) {
	screen := id{tenant: v.It.Tenant, name: v.It.Agent + "/" + v.It.Screen}
	before := w.before[screen]
	w.before[screen] = v
	if before != nil {
		w.forward(&before.It, v)
		for _, c := range before.It.Cards {
			if cardOf(v.It.Cards, c.Contact) == nil || !v.It.Connected {
				w.gone(v, c.Contact)
			}
		}
	}
	if !v.It.Connected {
		return
	}
	for _, c := range v.It.Cards {
		w.shown(v, c)
	}
}

// forward: a screen refuses what is older than what it shows, and lower epochs. A card may go back with a new epoch only:
// what it showed was forgotten.
func (w *watch) forward(before *history.View, v *history.At[history.View]) {
	name := "screen:" + v.It.Screen
	if before.Workload.Newer(v.It.Workload) {
		w.result.find(v.It.Tenant, name, "of %s went back from workload %s to %s at %s", v.It.Agent, before.Workload, v.It.Workload, v.At)
	}
	if before.Epoch > v.It.Epoch {
		w.result.find(v.It.Tenant, name, "of %s went back from epoch %d to %d at %s", v.It.Agent, before.Epoch, v.It.Epoch, v.At)
	}
	for _, c := range v.It.Cards {
		if old := cardOf(before.Cards, c.Contact); old != nil && old.Revision.Newer(c.Revision) && before.Workload.Epoch == v.It.Workload.Epoch {
			w.result.find(v.It.Tenant, name, "of %s went back from %s of contact %s to %s at %s", v.It.Agent, old.Revision, c.Contact, c.Revision, v.At)
		}
	}
}

func (w *watch) shown(v *history.At[history.View], c history.Card) {
	contact := id{tenant: v.It.Tenant, name: c.Contact}
	if w.holders[contact] == nil {
		w.holders[contact] = map[string]*holder{}
	}
	holders := w.holders[contact]
	mine := holders[v.It.Agent]
	if mine == nil {
		mine = &holder{screens: map[string]bool{}}
		holders[v.It.Agent] = mine
	}
	isNew := mine.card != c
	mine.card, mine.screens[v.It.Screen] = c, true
	for agent, other := range holders {
		if agent == v.It.Agent {
			continue
		}
		if isNew && other.card.Revision == c.Revision {
			w.result.find(v.It.Tenant, "contact:"+c.Contact, "at %s is on the screens of %s and %s at %s", c.Revision, agent, v.It.Agent, v.At)
		}
		if other.overlaps == 0 {
			other.overlaps, other.with = v.At, v.It.Agent
		}
	}
}

func (w *watch) gone(v *history.At[history.View], contact string) {
	holders := w.holders[id{tenant: v.It.Tenant, name: contact}]
	h := holders[v.It.Agent]
	if h == nil {
		return
	}
	delete(h.screens, v.It.Screen)
	if len(h.screens) > 0 {
		return
	}
	w.overlapped(id{tenant: v.It.Tenant, name: contact}, v.It.Agent, h, v.At)
	delete(holders, v.It.Agent)
	for _, other := range holders {
		if len(holders) == 1 {
			other.overlaps = 0
		}
	}
}

// overlapped looks at how long that was while nothing was broken: a screen whose pod is stopped shows what it showed.
func (w *watch) overlapped(contact id, agent string, h *holder, until time.Duration) {
	if h.overlaps == 0 {
		return
	}
	if calm := w.calm(h.overlaps, until, overlap); calm > overlap {
		w.result.find(contact.tenant, "contact:"+contact.name, "was on the screen of %s for %s longer than on that of %s, %s of it while nothing was broken, until %s",
			agent, until-h.overlaps, h.with, calm, until)
	}
}

// leftOver: at the end no screen shows a contact that has ended.
func (w *watch) leftOver() {
	if w.Quiet == 0 {
		return
	}
	for screen, v := range w.before {
		if !v.It.Connected {
			continue
		}
		for _, c := range v.It.Cards {
			rec := w.records[id{screen.tenant, "call-routing", "contact:" + c.Contact}]
			if rec != nil && rec.newest() != nil && rec.newest().Contact != nil && !inHand(rec.newest().Contact.State) {
				w.result.find(screen.tenant, "contact:"+c.Contact, "is left on screen %s of %s as %s %s; the log has %s %s at %s",
					v.It.Screen, v.It.Agent, c.Revision, c.State, rec.newest().Revision, rec.newest().Contact.State, rec.newest().at())
			}
		}
	}
}

func cardOf(cards []history.Card, contact string) *history.Card {
	for i := range cards {
		if cards[i].Contact == contact {
			return &cards[i]
		}
	}
	return nil
}
