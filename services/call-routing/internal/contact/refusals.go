package contact

import (
	"fmt"
	"strings"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
)

func (at At) refuse(code refusal.Code, reason, format string, args ...any) *refusal.Refusal {
	return refusal.New(code, reason, format, args...).At(Name(at.ID), at.Revision.GetEpoch(), at.Revision.GetN())
}

func (at At) unknown(cmd Command) *refusal.Refusal {
	r := at.refuse(refusal.NotFound, "CONTACT_UNKNOWN", "%s: there is no contact %s", cmd.Verb, at.ID)
	if cmd.Signal != nil {
		return r.To(fmt.Sprintf("send the signal that offers call %q of switch %q first", cmd.Signal.CallId, cmd.Signal.SwitchId))
	}
	return r.To("it may have ended more than an hour ago: read the agent's workload")
}

func (at At) noQueue(id string) *refusal.Refusal {
	return refusal.New(refusal.NotFound, "QUEUE_UNKNOWN", "there is no queue %q", id).At("queue:"+id, 0, 0).
		To("create the queue, or offer the call to one that is there")
}

func (at At) notYours(c *routingv1.Contact, cmd Command) *refusal.Refusal {
	r := at.refuse(refusal.Denied, "OFFER_NOT_YOURS", "%s: contact %s is not with agent %s but %s", cmd.Verb, at.ID, cmd.Agent, Word(c.State))
	return r.To("read the agent's workload: what is in it can be acted on")
}

func (at At) ended(c *routingv1.Contact, cmd Command) *refusal.Refusal {
	return at.refuse(refusal.Impossible, "CONTACT_ENDED", "%s: contact %s is %s", cmd.Verb, at.ID, Word(c.State)).
		To("nothing moves an ended contact; a new call needs a new call id")
}

func (at At) impossible(c *routingv1.Contact, cmd Command) *refusal.Refusal {
	if Final(c.State) {
		return at.ended(c, cmd)
	}
	return at.refuse(refusal.Impossible, "IMPOSSIBLE", "%s: contact %s is %s", cmd.Verb, at.ID, Word(c.State)).
		To("it can be: " + possible(c.State))
}

func (at At) tooManyLegs() *refusal.Refusal {
	return at.refuse(refusal.Full, "TOO_MANY_LEGS", "contact %s has signals of %d call legs already", at.ID, maxLegs).
		To("number the signals of one leg with one leg id")
}

// Word is the state as people say it.
func Word(s State) string {
	w := strings.TrimPrefix(s.String(), "CONTACT_STATE_")
	return strings.ToLower(strings.ReplaceAll(w, "_", "-"))
}
