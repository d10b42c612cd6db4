package check

import (
	"cmp"
	"slices"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
)

// holding is one agent's hold on a contact, from the event that reserved them to the one that let them go.
type holding struct {
	contact *record
	channel string
	// reserved is the event that made it, and workload the agent's workload revision that it made.
	reserved *event
	workload history.Revision
	// released is the first event that counts and in which the contact is no longer the agent's by this reservation; nil:
	// none.
	released *event
	// fact: the switch made it by connecting the two, telling again what was decided in a time that is not promised. It is
	// no decision of ours, and no offer.
	fact bool
	// next is the event behind reserved in the chain, at which the latter had happened; nil: none.
	next, afterRelease *event
}

// holdings of all agents, by agent and in the order of their reservations.
func (b *book) holdings() map[id][]*holding {
	all := map[id][]*holding{}
	for _, rec := range b.contacts() {
		for i, e := range rec.chain {
			if e.Contact == nil || e.Contact.Agent == "" || i > 0 && sameHold(rec.chain[i-1], e) {
				continue
			}
			h := &holding{contact: rec, channel: e.Contact.Channel, reserved: e, workload: e.Contact.Workload, next: after(rec.chain, i)}
			h.fact = e.Contact.Kind == "connected" && b.together.Cover(e.Time)
			for j := i + 1; j < len(rec.chain); j++ {
				if !sameHold(e, rec.chain[j]) {
					h.released, h.afterRelease = rec.chain[j], after(rec.chain, j)
					break
				}
			}
			agent := id{tenant: rec.tenant, name: e.Contact.Agent}
			all[agent] = append(all[agent], h)
		}
	}
	for _, list := range all {
		slices.SortStableFunc(list, func(x, y *holding) int {
			return cmp.Or(cmp.Compare(x.reserved.Revision.Epoch, y.reserved.Revision.Epoch), cmp.Compare(x.workload.Number(), y.workload.Number()))
		})
	}
	return all
}

func sameHold(a, b *event) bool {
	return a.Contact != nil && b.Contact != nil && a.Contact.Agent == b.Contact.Agent && a.Contact.Workload == b.Contact.Workload
}

func after(chain []*event, i int) *event {
	if i+1 < len(chain) {
		return chain[i+1]
	}
	return nil
}

// by is the latest moment at which an event can have happened: when it was read, or when the next change of the record
// was decided on it.
func by(e, next *event) time.Duration {
	if next != nil && next.Time >= e.Time && next.Time < e.read {
		return next.Time
	}
	return max(e.read, e.Time)
}

// stillHeld says whether hold h certainly lasted when the same agent was reserved again. Where an epoch ended in between,
// the release may have died with it: then nobody knows.
func (b *book) stillHeld(h, again *holding) bool {
	epoch := again.reserved.Revision.Epoch
	switch {
	case again.workload.Epoch == h.workload.Epoch && again.workload.N == h.workload.N+1:
		return true // nothing has changed in between
	case h.released == nil:
		return !b.ended(h.contact.tenant, epoch)
	case h.released.Revision.Epoch == epoch:
		return h.released.Time > again.reserved.Time+slack
	}
	return false
}

// ended says whether that epoch of the tenant's contacts has ended.
func (b *book) ended(tenant string, epoch uint32) bool {
	for later := range b.reigns[owner{tenant, "call-routing"}] {
		if later > epoch {
			return true
		}
	}
	return false
}
