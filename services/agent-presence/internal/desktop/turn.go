package desktop

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/agent-presence/internal/agent"
	"github.com/busyhour/busyhour/services/agent-presence/internal/flow"
	"github.com/busyhour/busyhour/services/agent-presence/internal/state"
	"go.uber.org/zap"
)

// What a desk commits, it commits one thing at a time, in its turn. So on one pod, what a screen's old socket says can
// never come behind what its new one said; between pods, the record tells whose screen it is.

// maxCommit is how long a desk tries to get something committed before it leaves that to the repair.
const maxCommit = 5 * time.Second

func (d *desk) takeTurn(ctx context.Context) error {
	select {
	case d.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the turn of agent %s: %w", d.key.agent, ctx.Err())
	}
}

func (d *desk) giveTurn() { <-d.turn }

// join brings a screen in: the record first, then the snapshot. The subscription stands already, so nothing is missed
// between the two.
func (d *desk) join(ctx context.Context, s *screen) error {
	if err := d.takeTurn(ctx); err != nil {
		return err
	}
	defer d.giveTurn()
	d.replace(s)
	if err := d.assert(ctx, s); err != nil {
		d.depart(s.id) // the outcome may be unknown
		return err
	}
	v, err := d.read(ctx)
	if err != nil {
		d.depart(s.id)
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seeView(v)
	d.add(s)
	return nil
}

// replace closes the older socket of a screen that came back before it was missed.
func (d *desk) replace(by *screen) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, old := range slices.Clone(d.screens) {
		if old.id == by.id {
			d.drop(old)
			old.close(edge.CloseReplaced, "this screen logged in again")
		}
	}
}

// assert says that the screen is here. It needs the turn.
func (d *desk) assert(ctx context.Context, s *screen) error {
	out, err := d.commit(ctx, agent.Join{Screen: s.id, Pod: d.server.pod})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s.epoch = out.Epoch
	return nil
}

// leave takes a screen out whose socket has ended. A screen that was replaced is out already.
func (d *desk) leave(ctx context.Context, s *screen) {
	d.mu.Lock()
	was := d.drop(s)
	if was {
		d.departed = append(d.departed, s.id)
	}
	d.mu.Unlock()
	if !was {
		return
	}
	if err := d.takeTurn(ctx); err != nil {
		return // the repair will see who has departed
	}
	defer d.giveTurn()
	if err := d.settle(ctx); err != nil {
		d.server.log.Info("screen lost, but not yet by the record", append(d.fields(), zap.Error(err))...)
	}
}

// logOut takes a screen out because the agent said so.
func (d *desk) logOut(ctx context.Context, s *screen) error {
	if err := d.takeTurn(ctx); err != nil {
		return err
	}
	defer d.giveTurn()
	if _, err := d.commit(ctx, agent.LogOut{Screen: s.id, Pod: d.server.pod}); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drop(s)
	return nil
}

// repair makes the record say who is here, and sends every screen the whole. It is what follows a new epoch, a commit
// that failed, and a pod that others took for dead.
func (d *desk) repair(ctx context.Context) error {
	if err := d.takeTurn(ctx); err != nil {
		return err
	}
	defer d.giveTurn()
	if err := d.settle(ctx); err != nil {
		return err
	}
	for _, s := range d.present() {
		err := d.assert(ctx, s)
		if no, ok := refusal.As(err); ok && no.Code != refusal.Unavailable {
			d.turnOut(s, no)
		} else if err != nil {
			return err
		}
	}
	v, err := d.read(ctx)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seeView(v)
	d.snapshots("repair")
	if v.verified {
		d.tell(verified())
	}
	return nil
}

// turnOut closes a screen that has no right to be here any more.
func (d *desk) turnOut(s *screen, no *refusal.Refusal) {
	d.mu.Lock()
	d.drop(s)
	d.mu.Unlock()
	s.answer(refused("", no))
	s.close(edge.CloseCode(no))
}

func (d *desk) present() []*screen {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.screens)
}

func (d *desk) depart(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.departed = append(d.departed, id)
}

// settle has the record lose the screens that are gone. It needs the turn.
func (d *desk) settle(ctx context.Context) error {
	d.mu.Lock()
	gone := append(slices.Clone(d.departed), d.strangers()...)
	d.mu.Unlock()
	for _, id := range gone {
		if _, err := d.commit(ctx, agent.Lose{Screen: id, Pod: d.server.pod}); err != nil {
			return err
		}
		d.mu.Lock()
		d.departed = slices.DeleteFunc(d.departed, func(o string) bool { return o == id })
		d.mu.Unlock()
	}
	return nil
}

// commit carries out a wish and shows what came of it at once; the push that follows is then not newer. It needs the
// turn.
func (d *desk) commit(ctx context.Context, wish agent.Wish) (flow.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, maxCommit)
	defer cancel()
	out, err := d.server.flow.Do(ctx, d.key.tenant, d.key.agent, newID(), wish)
	if err != nil {
		return out, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seePresence(out.Presence, out.Revision)
	return out, nil
}

// view is what was read of an agent.
type view struct {
	verified bool
	name     string
	presence presenceSeen
	workload workloadSeen
	reign    uint32 // the epoch that the workload was looked for in
}

func (d *desk) read(ctx context.Context) (*view, error) {
	v := &view{}
	verified, err := d.server.store.Read(ctx, d.key.tenant, func(ctx context.Context, tx *commit.Tx) error {
		asked := state.AskView(tx, d.key.agent)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		d.server.clock.set(tx.Now())
		listed, err := asked.Listed()
		if err != nil {
			return err
		}
		v.name = listed.GetName()
		return v.take(asked)
	})
	if err != nil {
		return nil, fmt.Errorf("read what agent %s/%s is to see: %w", d.key.tenant, d.key.agent, err)
	}
	v.verified = verified
	return v, nil
}

func (v *view) take(asked *state.View) (err error) {
	if v.presence.value, v.presence.revision, err = asked.Presence(); err != nil {
		return err
	}
	v.workload.value, v.workload.revision, err = asked.Workload()
	v.reign = asked.Reign()
	return err
}

func (d *desk) fields() []zap.Field {
	return []zap.Field{zap.String("tenant", d.key.tenant), zap.String("agent", d.key.agent)}
}
