package trial

import (
	"errors"
	"reflect"
	"strings"
	"sync"
	"time"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/check"
	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// people writes down what one tenant's switches and agents did and saw.
type people struct {
	tenant string
	to     *history.Recorder

	mu    sync.Mutex
	shown map[string]history.View // by agent
	// forgotten says when the answer of a contact's call was last refused: the offer that led to it is not known any more.
	forgotten map[string]time.Duration
}

func newPeople(tenant string, to *history.Recorder) *people {
	return &people{tenant: tenant, to: to, shown: map[string]history.View{}, forgotten: map[string]time.Duration{}}
}

func (p *people) watch() simulate.Watch {
	return simulate.Watch{
		Sent:  func(s simulate.Sent) { p.signal(history.Sent, s, "") },
		Acked: func(s simulate.Sent) { p.signal(history.Acknowledged, s, "") },
		Refused: func(s simulate.Sent, r *routingv1.SignalRefused) {
			p.signal(history.Refused, s, r.GetRefusal().GetReason())
			p.refused(s)
		},
		Shown: p.screen, Asked: p.asked,
	}
}

func (p *people) signal(did string, s simulate.Sent, reason string) {
	contact := simulate.ContactID(p.tenant, s.Signal.SwitchId, s.Signal.CallId)
	one := history.SignalOf(did, contact, s.Signal)
	one.Stream, one.Position, one.Reason = s.Stream, s.Position, reason
	p.to.Record(history.Record{Signal: &one})
}

func (p *people) refused(s simulate.Sent) {
	if s.Signal.Kind != routingv1.SignalKind_SIGNAL_KIND_ANSWERED {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgotten[simulate.ContactID(p.tenant, s.Signal.SwitchId, s.Signal.CallId)] = p.to.Now()
}

// forgot says whether a finding of the simulator is about a call whose answer was refused when that was to be expected, and
// that therefore ended otherwise than its switch saw.
func (p *people) forgot(finding string, together check.Together) bool {
	if !strings.Contains(finding, "though its switch saw it end as") {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for contact, at := range p.forgotten {
		if strings.Contains(finding, contact) && together.Cover(at) {
			return true
		}
	}
	return false
}

// screen writes a view down if it is another than before.
func (p *people) screen(s simulate.Shown) {
	v := history.View{
		Tenant: p.tenant, Agent: s.Agent, Screen: s.View.ScreenID, Connected: s.Connected, Verified: s.View.Verified,
		Workload: history.Numbered(s.View.Workload), Presence: history.Numbered(s.View.PresenceAt),
		Status:     history.StatusOf(s.View.Presence.GetStatus()),
		Connection: history.ConnectionOf(s.View.Presence.GetConnection()),
	}
	v.Epoch = v.Workload.Epoch
	for _, c := range s.View.Cards {
		v.Cards = append(v.Cards, history.CardOf(c))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if reflect.DeepEqual(v, p.shown[s.Agent]) {
		return
	}
	p.shown[s.Agent] = v
	p.to.Record(history.Record{View: &v})
}

func (p *people) asked(a simulate.Asked) {
	c := history.Command{
		Tenant: p.tenant, Agent: a.Agent, Contact: a.Contact, Verb: strings.ReplaceAll(a.Verb, " ", "-"),
		Called: p.to.MomentOf(a.Called), Returned: p.to.Now(), Outcome: history.Done,
	}
	if a.Contact == "" {
		c.Status = history.StatusOf(a.Status)
	}
	var no *simulate.Refusal
	switch {
	case errors.As(a.Err, &no):
		c.Outcome, c.Reason = outcomeOf(no), no.Reason
	case a.Err != nil:
		c.Outcome, c.Reason = history.Unknown, a.Err.Error()
	}
	p.to.Record(history.Record{Command: &c})
}

// outcomeOf a refusal. Behind a server that was away the command may have been carried out, its answer lost.
func outcomeOf(no *simulate.Refusal) string {
	switch no.Reason {
	case "UNAVAILABLE", "STORE_AWAY", "DRAINING":
		return history.Unknown
	}
	return history.NotDone
}
