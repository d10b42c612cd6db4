package flow

import (
	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
	"google.golang.org/protobuf/proto"
)

// Detail is a refusal in the words of the contracts.
func Detail(r *refusal.Refusal) *commonv1.Refusal {
	d := &commonv1.Refusal{Reason: r.Reason, Record: r.Record, Help: r.Help}
	if r.N != 0 || r.Epoch != 0 {
		d.Revision = &commonv1.Revision{Epoch: r.Epoch, N: r.N}
	}
	return d
}

// Detailer is Detail for pkg/edge, which knows no contracts.
func Detailer(r *refusal.Refusal) proto.Message { return Detail(r) }
