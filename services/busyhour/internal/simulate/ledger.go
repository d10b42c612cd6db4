package simulate

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"
	"github.com/coder/websocket"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// overlapLimit is how long two screens may show the same contact while the news of its leaving the first is under way.
// A screen that missed it hears so by heartbeat, every 5 s.
const overlapLimit = 6 * time.Second

// maxFindings are kept in words; all are counted.
const maxFindings = 10_000

// ledger is what was seen of every call, from the switch's side and from the agents'.
type ledger struct {
	mu       sync.Mutex
	calls    map[string]*entry // by contact
	counts   Counts
	errors   map[string]int
	findings []string
	found    int

	card, waited, ack, connect *Histogram
}

// entry is one call's line.
type entry struct {
	call *Call
	// free: somebody could have been offered the call when it came.
	free     bool
	carded   bool
	accepted time.Time
	last     Status
	over     time.Time // at the switch
	// connected: the switch said so, and had not ended the call before.
	connected bool
	// torn: it was connected, and then taken back from its agent.
	torn bool
	// tooLate: its answer was refused when it had long been taken back, or had ended: the switch cannot know as what.
	tooLate bool
	// refused: its arrival was, for want of room; if it is over before it was told again, there never was a contact.
	refused bool
	holders []holder
}

// holder is an agent whose screen shows the card.
type holder struct {
	agent    string
	revision uint64    // the contact's, of the card
	overlap  time.Time // since when somebody else holds it too
}

// Counts are what a report counts of calls and offers.
type Counts struct {
	Placed    int `json:"offered"`
	Connected int `json:"answered"`
	Over      int `json:"ended_at_switch"`
	Waiting   int `json:"-"` // not yet on a screen
	Talking   int `json:"-"` // connected and not over
	Torn      int `json:"taken_back_while_connected"`
	TooLate   int `json:"answer_told_too_late"`
	Cards     int `json:"cards"`
	Strangers int `json:"cards_of_unknown_calls"`
	Accepted  int `json:"accepted"`
	Declined  int `json:"declined"`
	Ignored   int `json:"ignored"`
	Ended     int `json:"ended_by_agent"`
	Completed int `json:"wrapped_up_by_hand"`
}

func newLedger() *ledger {
	return &ledger{
		calls: map[string]*entry{}, errors: map[string]int{},
		card: NewHistogram(), waited: NewHistogram(), ack: NewHistogram(), connect: NewHistogram(),
	}
}

func (l *ledger) placed(contact string, idle int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls[contact] = &entry{free: idle > l.counts.Waiting}
	l.counts.Placed++
	l.counts.Waiting++
}

// step notes what happened to a call at its switch.
func (l *ledger) step(c *Call, s Status) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.calls[c.Contact]
	if !ok {
		return
	}
	e.call, e.last = c, s
	switch s.Step {
	case Connected:
		if !e.connected {
			l.counts.Connected++
			l.counts.Talking++
			if !e.accepted.IsZero() {
				l.connect.Record(time.Since(e.accepted))
			}
		}
		e.connected = true
	case Unrung:
		if e.connected { // they waited too long for word of it
			e.torn = true
			l.counts.Torn++
			l.counts.Connected--
			l.counts.Talking--
		}
		e.connected = false
	case Over:
		e.over = time.Now()
		l.counts.Over++
		if e.connected {
			l.counts.Talking--
		}
		if !e.carded {
			l.counts.Waiting--
		}
	}
}

// shown notes that a card has appeared on an agent's screen, or has changed there.
func (l *ledger) shown(agent string, card *routingv1.Card, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.calls[card.ContactId]
	if !ok {
		l.counts.Strangers++
		return
	}
	if !e.carded {
		e.carded = true
		if e.last.Step != Over {
			l.counts.Waiting--
		}
		if e.free {
			l.card.Record(at.Sub(e.call.Due))
		} else {
			l.waited.Record(at.Sub(e.call.Due))
		}
	}
	e.hold(l, agent, card, at)
}

func (e *entry) hold(l *ledger, agent string, card *routingv1.Card, at time.Time) {
	revision := number(card.Revision)
	known := false
	for i := range e.holders {
		h := &e.holders[i]
		if h.agent == agent {
			h.revision, known = revision, true
			continue
		}
		if h.revision == revision {
			l.find("contact %s at revision %s is on the screens of %s and %s", card.ContactId, text(revision), h.agent, agent)
		}
		if h.overlap.IsZero() {
			h.overlap = at
		}
	}
	if !known {
		l.counts.Cards++
		e.holders = append(e.holders, holder{agent: agent, revision: revision})
	}
}

// gone notes that a card has left an agent's screen, which has said since verified that what it shows is so. What it
// shows before is under a notice that it may be old.
func (l *ledger) gone(agent, contact string, verified, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.calls[contact]
	if !ok {
		return
	}
	for i, h := range e.holders {
		if h.agent != agent {
			continue
		}
		since := h.overlap
		if verified.After(since) {
			since = verified
		}
		if both := at.Sub(since); !h.overlap.IsZero() && both > overlapLimit {
			l.find("contact %s stayed on the screen of %s for %s while another agent had it", contact, agent, both.Round(time.Millisecond))
		}
		e.holders = append(e.holders[:i], e.holders[i+1:]...)
		return
	}
}

// turnedAway notes that a call's arrival was refused.
func (l *ledger) turnedAway(contact string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.calls[contact]; ok {
		e.refused = true
	}
}

// connectLimit is how long call-routing waits for the answer of an agent who has accepted.
const connectLimit = 10 * time.Second

// answerRefused notes that nobody took the answer of a call. If the switch could not tell it before the offer was taken
// back for want of it, it cannot know how the call ended.
func (l *ledger) answerRefused(contact string, sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.calls[contact]
	if !ok || !e.connected || e.tooLate {
		return
	}
	since := sent
	if !e.accepted.IsZero() && e.accepted.Before(sent) {
		since = e.accepted
	}
	if time.Since(since) < connectLimit {
		return
	}
	e.tooLate = true
	l.counts.TooLate++
}

func (l *ledger) accepting(contact string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.calls[contact]; ok {
		e.accepted = time.Now()
	}
}

func (l *ledger) count(f func(*Counts)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.counts)
}

// fault notes a breach of the contract.
func (l *ledger) fault(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.find(format, args...)
}

// find is fault with the lock held.
func (l *ledger) find(format string, args ...any) {
	l.found++
	if len(l.findings) < maxFindings {
		l.findings = append(l.findings, fmt.Sprintf(format, args...))
	}
}

// failed counts an error by its kind.
func (l *ledger) failed(where string, err error) {
	kind := where + ": " + kindOf(err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errors[kind]++
}

// kindOf cuts an error down to what can be counted.
func kindOf(err error) string {
	var no *Refusal
	var rpc *connect.Error
	switch {
	case err == nil:
		return "ended"
	case errors.As(err, &no):
		return no.Reason
	case errors.As(err, &rpc):
		return rpc.Code().String()
	case errors.Is(err, errCut):
		return "cut"
	}
	if code := websocket.CloseStatus(err); code != -1 {
		return fmt.Sprintf("closed with %d", code)
	}
	s := err.Error()
	return s[strings.LastIndex(s, ": ")+1:]
}
