package state

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
)

// Read decodes a record; nil if it does not exist.
func Read[M any, P interface {
	*M
	proto.Message
}](r *commit.Record) (P, error) {
	if !r.Exists() {
		return nil, nil
	}
	m := P(new(M))
	if err := proto.Unmarshal(r.Value, m); err != nil {
		return nil, fmt.Errorf("record %s/%s at revision %s cannot be decoded: %w", r.Service, r.Name, r.Revision, err)
	}
	return m, nil
}

// ReadContact decodes a contact.
func ReadContact(r *commit.Record) (*routingv1.Contact, error) { return Read[routingv1.Contact](r) }

// ReadWorkload decodes a workload.
func ReadWorkload(r *commit.Record) (*routingv1.Workload, error) { return Read[routingv1.Workload](r) }

// ReadPresence decodes a presence.
func ReadPresence(r *commit.Record) (*presencev1.Presence, error) {
	return Read[presencev1.Presence](r)
}

// ReadQueue decodes a queue; nil if it is not in the directory, or no longer.
func ReadQueue(r *commit.Record) (*provisioningv1.Queue, error) {
	e, err := Read[provisioningv1.DirectoryEntry](r)
	if err != nil || e.GetDeleted() {
		return nil, err
	}
	return e.GetQueue(), nil
}

// ReadAgent decodes an agent; nil if they are not in the directory, or no longer.
func ReadAgent(r *commit.Record) (*provisioningv1.Agent, error) {
	e, err := Read[provisioningv1.DirectoryEntry](r)
	if err != nil || e.GetDeleted() {
		return nil, err
	}
	return e.GetAgent(), nil
}

// Revision is a revision as contracts write it; nil if the record does not exist.
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

// The stored bytes of a record are compared with what the log gives, so one value must always give the same.
var stored = proto.MarshalOptions{Deterministic: true}

// Encode gives the stored bytes of a record. Nothing in a record of ours can fail to encode: what came from outside was
// validated, invalid UTF-8 included.
func Encode(m proto.Message) ([]byte, error) { return stored.Marshal(m) }
