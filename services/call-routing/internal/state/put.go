package state

import (
	"slices"
	"time"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
	"github.com/busyhour/busyhour/services/call-routing/internal/journal"
)

// FirstResend is when an unacknowledged wish is told to the switch again.
const FirstResend = 200 * time.Millisecond

// PutContact writes a change of a contact, with its event, its places, its deadline and its queue's counters.
func PutContact(tx *commit.Tx, r *commit.Record, c *contact.Change) error {
	if c.Forget {
		tx.Deadline(r, time.Time{})
		tx.Delete(r)
		move(tx, c.Before, nil)
		return nil
	}
	whole, err := Encode(c.After)
	if err != nil {
		return err
	}
	kept, after := whole, c.After
	if contact.Final(after.State) {
		after = contact.Stub(after)
		if kept, err = Encode(after); err != nil {
			return err
		}
	}
	tx.Put(r, kept, journal.Event(c, whole, tx.Now()))
	move(tx, c.Before, after)
	if due := contact.Due(after); c.Before == nil || !due.Equal(contact.Due(c.Before)) {
		tx.Deadline(r, due)
	}
	count(tx, c)
	return nil
}

// move writes the difference between where the contact stood and where it stands.
func move(tx *commit.Tx, before, after *routingv1.Contact) {
	was, is := Places(before), Places(after)
	for _, p := range was {
		if !slices.ContainsFunc(is, func(q Place) bool { return q.Index == p.Index }) {
			tx.Remove(p.Index, before.Id)
		}
	}
	for _, p := range is {
		if !slices.Contains(was, p) {
			tx.Add(p.Index, after.Id, p.Score)
		}
	}
	moveWish(tx, before, after)
}

// moveWish lists a new wish to be told again soon. One that the switch has taken stays out of the list for as long as it
// stays the same.
func moveWish(tx *commit.Tx, before, after *routingv1.Contact) {
	listed := before != nil && contact.Unmet(before)
	if after == nil || !contact.Unmet(after) {
		if listed {
			tx.Remove(Wishes, before.Id)
		}
		return
	}
	if !listed || RevisionOf(before.Wanted.Revision) != RevisionOf(after.Wanted.Revision) {
		tx.Add(Wishes, after.Id, ms(tx.Now().Add(FirstResend)))
	}
}

func count(tx *commit.Tx, c *contact.Change) {
	queue := c.After.QueueId
	if c.Before == nil {
		tx.Increment(CalledTotal(queue), 1)
	}
	switch c.Kind {
	case routingv1.ContactEvent_KIND_ABANDONED:
		tx.Increment(AbandonedTotal(queue), 1)
	case routingv1.ContactEvent_KIND_CONNECTED:
		tx.Increment(AnsweredTotal(queue), 1)
		if contact.InTarget(c.After) {
			tx.Increment(InTargetTotal(queue), 1)
		}
	}
}

// PutWorkload writes what an agent holds. No event tells of it: contacts say who holds them.
func PutWorkload(tx *commit.Tx, r *commit.Record, w *routingv1.Workload) ([]byte, error) {
	b, err := Encode(w)
	if err != nil {
		return nil, err
	}
	tx.Put(r, b, nil)
	return b, nil
}
