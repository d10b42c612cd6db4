package directory

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
)

// Entry is an agent or a queue as it stands in the directory, or as somebody wishes it to stand there.
type Entry = provisioningv1.DirectoryEntry

// Present is what the directory holds under a name now.
type Present struct {
	// Record is the name, for instance "agent:ann".
	Record   string
	Epoch, N uint32
	// Entry is nil if there never was one. A deleted one stays, so that a revision is never used twice.
	Entry *Entry
}

// Live reports whether there is an agent or a queue of that name.
func (p Present) Live() bool { return p.Entry != nil && !p.Entry.GetDeleted() }

// AgentEntry is the wish that the agent stand in the directory so.
func AgentEntry(tenant, actor string, a *provisioningv1.Agent) *Entry {
	return &Entry{Tenant: tenant, Actor: actor, Entry: &provisioningv1.DirectoryEntry_Agent{Agent: normalAgent(a)}}
}

// QueueEntry is the wish that the queue stand in the directory so.
func QueueEntry(tenant, actor string, q *provisioningv1.Queue) *Entry {
	return &Entry{Tenant: tenant, Actor: actor, Entry: &provisioningv1.DirectoryEntry_Queue{Queue: normalQueue(q)}}
}

// NoAgent is the wish that there be no agent of that id.
func NoAgent(tenant, actor, id string) *Entry {
	return &Entry{Tenant: tenant, Actor: actor, Deleted: true, Entry: &provisioningv1.DirectoryEntry_Agent{Agent: &provisioningv1.Agent{Id: id}}}
}

// NoQueue is the wish that there be no queue of that id.
func NoQueue(tenant, actor, id string) *Entry {
	return &Entry{Tenant: tenant, Actor: actor, Deleted: true, Entry: &provisioningv1.DirectoryEntry_Queue{Queue: &provisioningv1.Queue{Id: id}}}
}

// The moves of an entry. Each returns the entry to be written, or nil if it stands there already.
//
//	         nothing   live      deleted
//	Create   written   EXISTS    written
//	Replace  NOT_FOUND written   NOT_FOUND
//	Upsert   written   written   written
//	Delete   NOT_FOUND deleted   NOT_FOUND
//	Remove   nothing   deleted   nothing
//
// Whatever the move, a wish from before the latest change is refused as SUPERSEDED: newer wins.

// Create refuses if there is one of that name.
func Create(p Present, wish *Entry, now time.Time) (*Entry, error) {
	if p.Live() {
		return nil, refusal.New(refusal.Exists, "EXISTS", "there is one of that id already").
			At(p.Record, p.Epoch, p.N).To("update it, or take another id")
	}
	return write(p, wish, now)
}

// Replace refuses if there is none.
func Replace(p Present, wish *Entry, now time.Time) (*Entry, error) {
	if err := Existing(p); err != nil {
		return nil, err
	}
	return Upsert(p, wish, now)
}

// Upsert writes whether there is one or not.
func Upsert(p Present, wish *Entry, now time.Time) (*Entry, error) {
	if p.Live() && sameContent(p.Entry, wish) {
		return nil, nil
	}
	return write(p, wish, now)
}

// Delete refuses if there is none.
func Delete(p Present, wish *Entry, now time.Time) (*Entry, error) {
	if !p.Live() {
		return nil, missing(p)
	}
	return Remove(p, wish, now)
}

// Remove makes sure that there is none. The wish is NoAgent or NoQueue; it stays behind.
func Remove(p Present, wish *Entry, now time.Time) (*Entry, error) {
	if !p.Live() {
		return nil, nil
	}
	return write(p, wish, now)
}

// Unmoved refuses if the caller has seen another revision than the one that stands there, a deletion too; nil: they have
// seen none.
func Unmoved(p Present, seen *commonv1.Revision) error {
	switch {
	case seen == nil || seen.GetEpoch() == p.Epoch && seen.GetN() == p.N:
		return nil
	case !p.Live():
		return missing(p)
	}
	return refusal.New(refusal.Impossible, "STALE", "if_revision is %d.%d, but it stands at %d.%d: somebody changed it meanwhile",
		seen.GetEpoch(), seen.GetN(), p.Epoch, p.N).At(p.Record, p.Epoch, p.N).To("read it again and repeat the change")
}

// Existing refuses what is not there.
func Existing(p Present) error {
	if !p.Live() {
		return missing(p)
	}
	return nil
}

// write dates the wish. A wish without a date of its own is of now. Time never runs back on an entry.
func write(p Present, wish *Entry, now time.Time) (*Entry, error) {
	if before := p.Entry.GetAt(); before != nil && now.Before(before.AsTime()) {
		now = before.AsTime()
	}
	if asked, latest := wish.GetRequestedAt(), p.Entry.GetRequestedAt(); asked != nil && latest != nil && asked.AsTime().Before(latest.AsTime()) {
		return nil, refusal.New(refusal.Impossible, "SUPERSEDED", "this was asked for at %s, and a change asked for later, at %s, has been made",
			clock(asked), clock(latest)).At(p.Record, p.Epoch, p.N).To("ask again if it still holds")
	}
	e := proto.CloneOf(wish)
	e.At = timestamppb.New(now)
	if e.RequestedAt == nil {
		e.RequestedAt = e.At
	}
	return e, nil
}

func missing(p Present) error {
	no := refusal.New(refusal.NotFound, "NOT_FOUND", "there is none of that id").At(p.Record, p.Epoch, p.N)
	if p.Entry != nil {
		no.Message = "it was deleted at " + clock(p.Entry.GetAt())
	}
	return no.To("look for it in the list; ids are case-sensitive")
}

func clock(t *timestamppb.Timestamp) string { return t.AsTime().Format(time.RFC3339Nano) }

func sameContent(a, b *Entry) bool {
	return proto.Equal(a.GetAgent(), b.GetAgent()) && proto.Equal(a.GetQueue(), b.GetQueue())
}

// Kind of change that writing e makes: created, updated or deleted.
func Kind(p Present, e *Entry) string {
	switch {
	case e.GetDeleted():
		return "deleted"
	case p.Live():
		return "updated"
	}
	return "created"
}
