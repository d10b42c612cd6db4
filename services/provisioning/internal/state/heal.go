package state

import (
	"google.golang.org/protobuf/proto"

	"github.com/busyhour/busyhour/api/events"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/commit"
)

// Heal writes a record that was found to differ from the log, with its event and its places. It reports false if the
// value is none of a record of that name.
func Heal(tx *commit.Tx, r *commit.Record, value []byte) (bool, error) {
	if len(value) == 0 {
		return false, nil
	}
	switch {
	case IsItem(r.Name):
		o := &provisioningv1.Outcome{}
		if proto.Unmarshal(value, o) != nil || Item(o.GetJobId(), o.GetNumber()) != r.Name {
			return false, nil
		}
		return true, PutItem(tx, r, o)
	case isJob(r.Name):
		j := &provisioningv1.Job{}
		if proto.Unmarshal(value, j) != nil || Job(j.GetId()) != r.Name {
			return false, nil
		}
		return true, PutJob(tx, r, j, events.Healed)
	}
	e := &provisioningv1.DirectoryEntry{}
	if proto.Unmarshal(value, e) != nil || nameOf(e) != r.Name {
		return false, nil
	}
	return true, healEntry(tx, r, e)
}

func nameOf(e *provisioningv1.DirectoryEntry) string {
	if q := e.GetQueue(); q != nil {
		return Queue(q.GetId())
	}
	return Agent(e.GetAgent().GetId())
}

func healEntry(tx *commit.Tx, r *commit.Record, e *provisioningv1.DirectoryEntry) error {
	found := &provisioningv1.DirectoryEntry{}
	if proto.Unmarshal(r.Value, found) == nil && nameOf(found) == r.Name {
		move(tx, entryPlaces(found), nil)
	}
	e.Revision, e.Changes = Revision(tx.Next(r)), nil
	value, err := proto.Marshal(e)
	if err != nil {
		return err
	}
	tx.Put(r, value, &commit.Event{
		Topic: topics.DirectoryEvents, Key: EntryKey(tx.Tenant(), r.Name),
		Type: events.Entry(e, events.Healed), Schema: events.SchemaEntry, Data: value,
	})
	move(tx, nil, entryPlaces(e)) // removals come first
	return nil
}
