package command

import (
	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
)

// Detail is a refusal as callers get it.
func Detail(r *refusal.Refusal) proto.Message { return detail(r) }

func detail(r *refusal.Refusal) *commonv1.Refusal {
	d := &commonv1.Refusal{Reason: r.Reason, Record: r.Record, Help: r.Help}
	if r.Epoch != 0 || r.N != 0 {
		d.Revision = &commonv1.Revision{Epoch: r.Epoch, N: r.N}
	}
	return d
}

// final reports whether an error is a refusal that stands however often the same is asked.
func final(err error) (*refusal.Refusal, bool) {
	r, ok := refusal.As(err)
	return r, ok && r.Code != refusal.Unavailable
}
