// Package flow is the sentence that this service is: a wish comes in, we decide, we keep the new presence, the log hears
// of it, and the people concerned are told.
package flow

import (
	"context"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/agent-presence/internal/agent"
	"github.com/busyhour/busyhour/services/agent-presence/internal/push"
	"github.com/busyhour/busyhour/services/agent-presence/internal/state"
)

// Flow carries out wishes.
type Flow struct {
	store *commit.Store
	push  *push.Push
	rules agent.Rules
}

// New makes a Flow.
func New(store *commit.Store, push *push.Push, rules agent.Rules) *Flow {
	return &Flow{store: store, push: push, rules: rules}
}

// Outcome of a wish: the presence as it is now, and what became of the record.
type Outcome struct {
	Presence *presencev1.Presence
	commit.Result
}

// Do carries out a wish. op is the id of the operation: with the same one again, the answer is the first outcome. A
// refusal names the record; the outcome then says at which revision.
func (f *Flow) Do(ctx context.Context, tenant, id, op string, wish agent.Wish) (Outcome, error) {
	var presence *presencev1.Presence
	result, err := f.store.Do(ctx, tenant, op, func(ctx context.Context, tx *commit.Tx) (err error) {
		presence, err = f.decide(ctx, tx, tenant, id, op, wish)
		return err
	})
	out := Outcome{presence, result}
	if err == nil && (result.Changed || result.Duplicate) {
		f.push.Presence(ctx, presence, result.Revision, result.Previous)
	}
	return out, err
}

func (f *Flow) decide(ctx context.Context, tx *commit.Tx, tenant, id, op string, wish agent.Wish) (*presencev1.Presence, error) {
	loaded := state.Ask(tx, id)
	if err := tx.Fetch(ctx); err != nil {
		return nil, err
	}
	known, err := loaded.Known(tenant)
	if err != nil {
		return nil, err
	}
	if op != "" && loaded.Op() == op && known.Presence != nil {
		return known.Presence, nil
	}
	change, err := agent.Decide(known, wish, tx.Now(), f.rules)
	if no, ok := refusal.As(err); ok {
		r := loaded.Revision()
		return nil, no.At(state.Name(id), r.Epoch, r.N)
	}
	if err != nil || change == nil {
		return known.Present(), err
	}
	return change.After, loaded.Keep(tx, change)
}

// WhenDurable calls done when the outcome rests on nothing that could still be lost.
func (f *Flow) WhenDurable(tenant string, out Outcome, done func(error)) {
	f.store.WhenDurable(tenant, out.Result, done)
}
