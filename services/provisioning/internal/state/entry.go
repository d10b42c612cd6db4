package state

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/busyhour/busyhour/api/events"
	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
)

// Present is what a record holds of an agent or a queue.
func Present(r *commit.Record) (directory.Present, error) {
	p := directory.Present{Record: r.Name, Epoch: r.Revision.Epoch, N: r.Revision.N}
	if !r.Exists() {
		return p, nil
	}
	p.Entry = &provisioningv1.DirectoryEntry{}
	return p, decode(r, p.Entry)
}

// PutEntry puts a changed entry into the commit: the record, its event and its places in the indexes.
func PutEntry(tx *commit.Tx, r *commit.Record, before directory.Present, e *directory.Entry) error {
	e.Revision, e.Changes = Revision(tx.Next(r)), directory.Changes(before.Entry, e)
	value, err := proto.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode %s: %w", r.Name, err)
	}
	tx.Put(r, value, &commit.Event{
		Topic: topics.DirectoryEvents,
		Key:   EntryKey(tx.Tenant(), r.Name),
		Type:  events.Entry(e, directory.Kind(before, e)), Schema: events.SchemaEntry,
		Data: value,
	})
	move(tx, entryPlaces(before.Entry), entryPlaces(e))
	return nil
}

func entryPlaces(e *directory.Entry) []place {
	switch {
	case e == nil || e.GetDeleted():
		return nil
	case e.GetQueue() != nil:
		return queuePlaces(e.GetQueue())
	}
	return agentPlaces(e.GetAgent())
}

func queuePlaces(q *provisioningv1.Queue) []place {
	places := []place{{Queues, q.GetId(), 0}}
	if q.GetExternalId() != "" {
		places = append(places, place{ExternalQueues(q.GetExternalId()), q.GetId(), 0})
	}
	return places
}

func agentPlaces(a *provisioningv1.Agent) []place {
	places := []place{{Agents, a.GetId(), 0}}
	for _, q := range a.GetQueueIds() {
		places = append(places, place{Serves(q), a.GetId(), 0})
	}
	if a.GetExternalId() != "" {
		places = append(places, place{ExternalAgents(a.GetExternalId()), a.GetId(), 0})
	}
	return places
}

// Revision in the words of the contracts; nil if there is no record.
func Revision(r commit.Revision) *commonv1.Revision {
	if r.IsZero() {
		return nil
	}
	return &commonv1.Revision{Epoch: r.Epoch, N: r.N}
}

func decode(r *commit.Record, into proto.Message) error {
	if err := proto.Unmarshal(r.Value, into); err != nil {
		return fmt.Errorf("record %s at revision %s is not a %s: %w", r.Name, r.Revision, into.ProtoReflect().Descriptor().Name(), err)
	}
	return nil
}
