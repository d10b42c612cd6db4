package state

import (
	"fmt"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"google.golang.org/protobuf/proto"
)

// Revision in the words of the contracts; nil if there is no record.
func Revision(r commit.Revision) *commonv1.Revision {
	if r.IsZero() {
		return nil
	}
	return &commonv1.Revision{Epoch: r.Epoch, N: r.N}
}

// RevisionOf is the inverse of Revision.
func RevisionOf(r *commonv1.Revision) commit.Revision {
	return commit.Revision{Epoch: r.GetEpoch(), N: r.GetN()}
}

// View is what a screen shows of an agent, as it was read. Nothing is decided on it.
type View struct {
	tx                        *commit.Tx
	presence, workload, entry *commit.Record
}

// AskView asks for all that a screen shows.
func AskView(tx *commit.Tx, id string) *View {
	v := AskBeat(tx, id)
	v.entry = AskEntry(tx, id)
	return v
}

// AskBeat asks for what changes while a screen is open.
func AskBeat(tx *commit.Tx, id string) *View {
	return &View{tx: tx, presence: tx.Record(Name(id)), workload: tx.Foreign(routing, "workload:"+id)}
}

// Presence, nil if there is none, and its revision.
func (v *View) Presence() (*presencev1.Presence, commit.Revision, error) {
	p, err := Presence(v.presence)
	return p, v.presence.Revision, err
}

// Workload, nil if there is none, and its revision.
func (v *View) Workload() (*routingv1.Workload, commit.Revision, error) {
	if !v.workload.Exists() {
		return nil, commit.Revision{}, nil
	}
	w := &routingv1.Workload{}
	err := decode(v.workload, w)
	return w, v.workload.Revision, err
}

// Reign is the epoch of call-routing that the workload was looked for in.
func (v *View) Reign() uint32 { return v.tx.EpochOf(routing) }

// Listed is the agent in the directory; nil if it has none.
func (v *View) Listed() (*provisioningv1.Agent, error) { return Listed(v.entry) }

// AskEntry asks for an agent's entry in the directory alone.
func AskEntry(tx *commit.Tx, id string) *commit.Record { return tx.Foreign(provisioning, "agent:"+id) }

// AskPresence asks for a presence alone.
func AskPresence(tx *commit.Tx, id string) *commit.Record { return tx.Record(Name(id)) }

// Presence in a record; nil if there is none.
func Presence(r *commit.Record) (*presencev1.Presence, error) {
	if !r.Exists() {
		return nil, nil
	}
	p := &presencev1.Presence{}
	if err := decode(r, p); err != nil {
		return nil, err
	}
	return p, nil
}

// Listed is the agent in an entry of the directory; nil if there is none, or no longer.
func Listed(r *commit.Record) (*provisioningv1.Agent, error) {
	if !r.Exists() {
		return nil, nil
	}
	e := &provisioningv1.DirectoryEntry{}
	if err := decode(r, e); err != nil {
		return nil, err
	}
	if e.Deleted {
		return nil, nil
	}
	return e.GetAgent(), nil
}

func decode(r *commit.Record, m proto.Message) error {
	if err := proto.Unmarshal(r.Value, m); err != nil {
		return fmt.Errorf("record %s of %s at revision %s cannot be read as %s: %w", r.Name, r.Service, r.Revision, m.ProtoReflect().Descriptor().Name(), err)
	}
	return nil
}
