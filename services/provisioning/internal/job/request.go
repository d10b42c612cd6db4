package job

import (
	"slices"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// Requests are the job's items as they go into the log, those first that others wait for. They carry the job's date, so
// that a repeated call writes the same again.
func Requests(j *provisioningv1.Job, items []*provisioningv1.Item) []*provisioningv1.Request {
	all := make([]*provisioningv1.Request, len(items))
	for i, it := range items {
		all[i] = &provisioningv1.Request{
			Tenant: j.GetTenant(), JobId: j.GetId(), Number: uint32(i + 1), Total: j.GetTotal(), Item: it,
			Actor: j.GetActor(), RequestedAt: j.GetCreatedAt(), Priority: j.GetPriority(),
		}
	}
	slices.SortStableFunc(all, func(a, b *provisioningv1.Request) int { return turn(a.Item) - turn(b.Item) })
	for i, r := range all {
		if i > 0 {
			r.After = all[i-1].After
			if turn(r.Item) != turn(all[i-1].Item) {
				r.After = uint32(i)
			}
		}
	}
	return all
}

// turn is when an item's turn comes among those of its job: an agent can only serve a queue that exists, and a queue
// that is served cannot be deleted.
func turn(it *provisioningv1.Item) int {
	switch {
	case it.GetKind() == provisioningv1.Item_KIND_DELETE_QUEUE:
		return 2
	case OfQueue(it):
		return 0
	}
	return 1
}

// Early reports whether the items that this one waits for have not ended, so many of its job having done so.
func Early(r *provisioningv1.Request, ended int64) bool { return ended < int64(r.GetAfter()) }
