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
	// Priority, unspecified: by the number of items.
	Priority provisioningv1.Priority
	// File that the items are from; nil if they are from none.
	File *provisioningv1.File
	// RetryOf is the job whose failed items these are; empty if it is of none.
	RetryOf string
}

// Create decides on an order, given the job that stands under its id, if there is one. It returns the job to be
// written, or nil if it was there already with the same items.
func Create(have *provisioningv1.Job, o Order, now time.Time) (*provisioningv1.Job, error) {
	id, digest := ID(o.Tenant, o.RequestID), Digest(o.Items)
	if have == nil {
		return &provisioningv1.Job{
			Id: id, Tenant: o.Tenant, RequestId: o.RequestID, Actor: o.Actor, CreatedAt: timestamppb.New(now),
			Total: uint32(len(o.Items)), Digest: digest, Priority: PriorityOf(len(o.Items), o.Priority),
			File: o.File, RetryOf: o.RetryOf,
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
