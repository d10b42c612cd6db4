package state

import (
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
	"github.com/busyhour/busyhour/services/call-routing/internal/journal"
)

// HealContact writes a contact that was found to differ from the log, with its event, and the whole truth of where it
// stands: nothing of what was found can be relied on.
func HealContact(tx *commit.Tx, r *commit.Record, c *contact.Change) error {
	kept := c.After
	whole, err := Encode(c.After)
	if err != nil {
		return err
	}
	if contact.Final(kept.State) {
		kept = contact.Stub(kept)
	}
	value, err := Encode(kept)
	if err != nil {
		return err
	}
	tx.Put(r, value, journal.Event(c, whole, tx.Now()))
	tx.Deadline(r, contact.Due(kept))
	for _, p := range Places(c.Before) {
		tx.Remove(p.Index, kept.Id)
	}
	for _, p := range Places(kept) { // removals come first
		tx.Add(p.Index, kept.Id, p.Score)
	}
	healWish(tx, kept)
	return nil
}

func healWish(tx *commit.Tx, c *routingv1.Contact) {
	if contact.Unmet(c) {
		tx.Add(Wishes, c.Id, ms(tx.Now()))
		return
	}
	tx.Remove(Wishes, c.Id)
}
