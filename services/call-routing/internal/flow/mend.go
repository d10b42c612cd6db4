package flow

import (
	"context"
	"time"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

// placed is a contact as just read, and where it stands.
type placed struct {
	record  *commit.Record
	contact *routingv1.Contact
	places  []state.Place
	in      []*bool // of places
	due     *bool
}

// Mend puts contacts back where their records say that they stand, their deadlines above all: without one nothing would
// ever move them. Only a hand in Redis takes them away. It returns how many contacts that were.
func (f *Flow) Mend(ctx context.Context, tenant string, records []string) (mended int, err error) {
	_, err = f.store.Do(ctx, tenant, "", func(ctx context.Context, tx *commit.Tx) error {
		mended = 0
		list, err := readPlaced(ctx, tx, records)
		if err != nil {
			return err
		}
		for _, p := range list {
			if p.mend(tx) {
				mended++
			}
		}
		return nil
	})
	return mended, err
}

// readPlaced reads the records, then where they stand. In between they may change; then the guard fails.
func readPlaced(ctx context.Context, tx *commit.Tx, records []string) ([]*placed, error) {
	list := make([]*placed, len(records))
	for i, name := range records {
		list[i] = &placed{record: tx.Record(name)}
	}
	if err := tx.Fetch(ctx); err != nil {
		return nil, err
	}
	for _, p := range list {
		var err error
		if p.contact, err = state.ReadContact(p.record); err != nil {
			return nil, err
		}
		p.places = state.Places(p.contact)
		for _, place := range p.places {
			p.in = append(p.in, tx.In(place.Index, p.contact.Id))
		}
		p.due = tx.Due(p.record)
	}
	return list, tx.Fetch(ctx)
}

func (p *placed) mend(tx *commit.Tx) bool {
	if p.contact == nil {
		if *p.due {
			tx.Guard(p.record)
			tx.Deadline(p.record, time.Time{})
		}
		return *p.due
	}
	wrong := !*p.due
	for i, place := range p.places {
		if !*p.in[i] {
			tx.Add(place.Index, p.contact.Id, place.Score)
			wrong = true
		}
	}
	if wrong {
		tx.Guard(p.record)
		tx.Deadline(p.record, contact.Due(p.contact))
	}
	return wrong
}
