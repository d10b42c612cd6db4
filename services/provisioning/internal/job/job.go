package job

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
)

// ID of the job that a tenant asks for under a request id: "j-" and 26 characters. It follows from the two, so asking
// again finds the same job, also after Redis was lost.
func ID(tenant, requestID string) string {
	sum := sha256.Sum256([]byte(tenant + "\x00" + requestID))
	return "j-" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:26]
}

// Order is a job as somebody asks for it.
type Order struct {
	Tenant, RequestID, Actor string
	Items                    []*provisioningv1.Item
}

// Create decides on an order, given the job that stands under its id, if there is one. It returns the job to be
// written, or nil if it was there already with the same items.
func Create(have *provisioningv1.Job, o Order, now time.Time) (*provisioningv1.Job, error) {
	id, digest := ID(o.Tenant, o.RequestID), Digest(o.Items)
	if have == nil {
		return &provisioningv1.Job{
			Id: id, Tenant: o.Tenant, RequestId: o.RequestID, Actor: o.Actor, CreatedAt: timestamppb.New(now),
			Total: uint32(len(o.Items)), Digest: digest,
		}, nil
	}
	if !bytes.Equal(have.GetDigest(), digest) {
		return nil, refusal.New(refusal.Exists, "REQUEST_ID_TAKEN",
			"request id %q was used at %s for a job of %d items, and these %d are not the same",
			o.RequestID, have.GetCreatedAt().AsTime().Format(time.RFC3339), have.GetTotal(), len(o.Items)).
			To("take a new request id")
	}
	return nil, nil
}

// Accept says that every item of the job is durable in the log; nil if that was said before.
func Accept(have *provisioningv1.Job, now time.Time) *provisioningv1.Job {
	if have.GetAcceptedAt() != nil {
		return nil
	}
	j := proto.CloneOf(have)
	j.AcceptedAt = timestamppb.New(now)
	return j
}

// Requests are the job's items as they go into the log. They carry the job's date, so that a repeated call writes the
// same again.
func Requests(j *provisioningv1.Job, items []*provisioningv1.Item) []*provisioningv1.Request {
	all := make([]*provisioningv1.Request, len(items))
	for i, it := range items {
		all[i] = &provisioningv1.Request{
			Tenant: j.GetTenant(), JobId: j.GetId(), Number: uint32(i + 1), Total: j.GetTotal(), Item: it,
			Actor: j.GetActor(), RequestedAt: j.GetCreatedAt(),
		}
	}
	return all
}

// Count fills in how many items have ended.
func Count(j *provisioningv1.Job, applied, failed int64) *provisioningv1.Job {
	j = proto.CloneOf(j)
	j.Applied, j.Failed = uint32(applied), uint32(failed)
	j.Pending = j.GetTotal() - min(j.GetTotal(), j.Applied+j.Failed)
	return j
}
