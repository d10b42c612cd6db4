package flow

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/rebuild"
	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
	"github.com/busyhour/busyhour/services/call-routing/internal/push"
	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

// Heal makes a contact what the log says, or tells the log what Redis has, if the contact still stands where the audit
// found it. The agents concerned get their cards right too.
func (f *Flow) Heal(ctx context.Context, h rebuild.Healing) error {
	id := state.ContactID(h.Record)
	var err error
	if late := f.lanes.Do(ctx, contactLane(h.Tenant, id), func() { err = f.heal(ctx, h, id) }); late != nil {
		return late
	}
	return err
}

func (f *Flow) heal(ctx context.Context, h rebuild.Healing, id string) error {
	var told []*push.Workload
	result, d, err := f.commit(ctx, h.Tenant, operation("heal"), func(ctx context.Context, tx *commit.Tx, d *decision) (err error) {
		told, err = heal(ctx, tx, d, h, id)
		return err
	})
	if err != nil || d.change == nil {
		return err
	}
	for _, w := range told {
		f.push.Workload(ctx, h.Tenant, w)
		f.LookAt(ctx, h.Tenant, w.Agent)
	}
	f.tell(ctx, h.Tenant, result, d)
	f.metrics.moved(d.change)
	if d.waits() {
		f.seek(context.WithoutCancel(ctx), h.Tenant, d.change.After.QueueId, id, time.Time{})
	}
	return nil
}

func heal(ctx context.Context, tx *commit.Tx, d *decision, h rebuild.Healing, id string) ([]*push.Workload, error) {
	r := tx.Record(h.Record)
	if err := tx.Fetch(ctx); err != nil || r.Revision != h.Redis {
		return nil, err
	}
	stored, logged := contactIn(r.Value, id), contactIn(h.Value, id)
	truth := logged
	if stored != nil && (h.RedisKnows() || logged == nil) {
		truth = stored
	}
	if truth == nil { // nobody can read it, and the log has never heard of it
		tx.Delete(r)
		return nil, nil
	}
	tx.Beyond(r, h.Log)
	d.change, d.revision = contact.Heal(stored, truth, state.Revision(tx.Next(r)), h.Note()), tx.Next(r)
	if err := state.HealContact(tx, r, d.change); err != nil {
		return nil, err
	}
	return healWorkloads(ctx, tx, d.change)
}

// contactIn decodes a contact; nil if it is none, or another one.
func contactIn(value []byte, id string) *routingv1.Contact {
	c := &routingv1.Contact{}
	if len(value) == 0 || proto.Unmarshal(value, c) != nil || c.Id != id {
		return nil
	}
	return c
}

func healWorkloads(ctx context.Context, tx *commit.Tx, c *contact.Change) (told []*push.Workload, err error) {
	records := map[string]*commit.Record{}
	for _, agent := range c.Agents() {
		records[agent] = tx.Record(state.Workload(agent))
	}
	if len(records) == 0 {
		return nil, nil
	}
	if err := tx.Fetch(ctx); err != nil {
		return nil, err
	}
	for agent, r := range records {
		before, err := state.ReadWorkload(r)
		if err != nil {
			return nil, err
		}
		after := contact.Rightful(before, agent, c.After, c.Revision, tx.Now())
		if after == nil {
			tx.Guard(r)
			continue
		}
		leap(tx, r, commit.Revision{})
		d := &decision{}
		if err := keepWorkload(tx, d, r, after); err != nil {
			return nil, err
		}
		told = append(told, d.workload)
		tx.Add(state.Doubtful, agent, 0) // the card may be one too many by now
	}
	return told, nil
}
