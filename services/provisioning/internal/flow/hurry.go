package flow

import (
	"context"
	"slices"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
)

// hurried at once, in one commit.
const hurried = 200

// hurry makes the requests of a job that is not bulk items as soon as they are in the log. So they wait neither for
// thousands that stand before them there, nor until somebody has the partitions of a pod that died. It saves time, no
// more: who reads the requests takes them in again, and finds that they are.
func (f *Flow) hurry(ctx context.Context, requests []*provisioningv1.Request) {
	if f.queue == nil || len(requests) == 0 || job.PriorityOfRequest(requests[0]) == provisioningv1.Priority_PRIORITY_BULK {
		return
	}
	tenant := requests[0].GetTenant()
	for some := range slices.Chunk(requests, hurried) {
		taken, err := f.Take(ctx, tenant, some)
		if err != nil || f.queue(ctx, tenant, taken) != nil {
			return
		}
	}
}
