package job

import (
	"fmt"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
)

// OfQueue reports whether the item names a queue, and no agent.
func OfQueue(it *provisioningv1.Item) bool {
	switch it.GetKind() {
	case provisioningv1.Item_KIND_UPSERT_QUEUE, provisioningv1.Item_KIND_CREATE_QUEUE, provisioningv1.Item_KIND_UPDATE_QUEUE,
		provisioningv1.Item_KIND_DELETE_QUEUE:
		return true
	}
	return false
}

// Entity that the item is about: "agent/<id>" or "queue/<id>".
func Entity(it *provisioningv1.Item) string {
	if OfQueue(it) {
		return "queue/" + it.GetQueue().GetId()
	}
	return "agent/" + it.GetAgent().GetId()
}

// Key of the item's request in the log: the id of its agent or queue.
func Key(it *provisioningv1.Item) string {
	if OfQueue(it) {
		return it.GetQueue().GetId()
	}
	return it.GetAgent().GetId()
}

// Joins are the queues that the item has its agent serve.
func Joins(it *provisioningv1.Item) []string {
	switch it.GetKind() {
	case provisioningv1.Item_KIND_UPSERT_AGENT, provisioningv1.Item_KIND_CREATE_AGENT, provisioningv1.Item_KIND_UPDATE_AGENT,
		provisioningv1.Item_KIND_JOIN_QUEUES:
		return it.GetAgent().GetQueueIds()
	}
	return nil
}

// makes is the queue that there is once the item is applied; empty if it is about none.
func makes(it *provisioningv1.Item) string {
	if OfQueue(it) && it.GetKind() != provisioningv1.Item_KIND_DELETE_QUEUE {
		return it.GetQueue().GetId()
	}
	return ""
}

func checkItem(it *provisioningv1.Item) []directory.Problem {
	switch it.GetKind() {
	case provisioningv1.Item_KIND_UPSERT_AGENT, provisioningv1.Item_KIND_CREATE_AGENT, provisioningv1.Item_KIND_UPDATE_AGENT:
		return directory.CheckAgent(it.GetAgent())
	case provisioningv1.Item_KIND_DELETE_AGENT, provisioningv1.Item_KIND_ACTIVATE_AGENT, provisioningv1.Item_KIND_DEACTIVATE_AGENT:
		return directory.CheckID(it.GetAgent().GetId())
	case provisioningv1.Item_KIND_SET_SKILLS, provisioningv1.Item_KIND_REMOVE_SKILLS:
		return directory.CheckSkills(it.GetAgent())
	case provisioningv1.Item_KIND_JOIN_QUEUES, provisioningv1.Item_KIND_LEAVE_QUEUES:
		return directory.CheckServed(it.GetAgent())
	case provisioningv1.Item_KIND_UPSERT_QUEUE, provisioningv1.Item_KIND_CREATE_QUEUE, provisioningv1.Item_KIND_UPDATE_QUEUE:
		return directory.CheckWholeQueue(it.GetQueue())
	case provisioningv1.Item_KIND_DELETE_QUEUE:
		return directory.CheckID(it.GetQueue().GetId())
	case provisioningv1.Item_KIND_UNSPECIFIED:
		return []directory.Problem{{Field: "kind", Text: "is missing"}}
	}
	return []directory.Problem{{Field: "kind", Text: fmt.Sprintf("%d is unknown", it.GetKind())}}
}
