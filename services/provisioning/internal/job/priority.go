package job

import (
	"strings"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// smallJob has at most so many items, and is not bulk unless it is called so.
const smallJob = 100

// Priorities, the lowest first.
var Priorities = []provisioningv1.Priority{
	provisioningv1.Priority_PRIORITY_BULK, provisioningv1.Priority_PRIORITY_NORMAL, provisioningv1.Priority_PRIORITY_URGENT,
}

// PriorityOfRequest is the class of a request, of which another team may not have said one.
func PriorityOfRequest(r *provisioningv1.Request) provisioningv1.Priority {
	return PriorityOf(int(r.GetTotal()), r.GetPriority())
}

// PriorityOf is the class of a job of so many items for which this one was asked.
func PriorityOf(items int, asked provisioningv1.Priority) provisioningv1.Priority {
	switch {
	case asked != provisioningv1.Priority_PRIORITY_UNSPECIFIED:
		return asked
	case items <= smallJob:
		return provisioningv1.Priority_PRIORITY_NORMAL
	}
	return provisioningv1.Priority_PRIORITY_BULK
}

// PriorityName is the class as people and metrics name it: bulk, normal, urgent.
func PriorityName(p provisioningv1.Priority) string {
	return strings.ToLower(strings.TrimPrefix(p.String(), "PRIORITY_"))
}
