package job

import (
	"fmt"
	"testing"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

func ofQueue(kind provisioningv1.Item_Kind, id string) *provisioningv1.Item {
	return &provisioningv1.Item{Kind: kind, Queue: &provisioningv1.Queue{Id: id}}
}

// A queue is made before the agents that serve it, and deleted after they have left; numbers stay as they were sent.
func TestItemsWaitForOneAnother(t *testing.T) {
	o := order("ann", "bob")
	o.Items = append(o.Items, ofQueue(provisioningv1.Item_KIND_DELETE_QUEUE, "old"), ofQueue(provisioningv1.Item_KIND_UPSERT_QUEUE, "new"))
	j, _ := Create(nil, o, noon)
	var got []string
	for _, r := range Requests(j, o.Items) {
		got = append(got, fmt.Sprintf("%d after %d", r.GetNumber(), r.GetAfter()))
	}
	if want := "[4 after 0 1 after 1 2 after 1 3 after 3]"; fmt.Sprint(got) != want {
		t.Errorf("sent %v, want %s", got, want)
	}
	last := &provisioningv1.Request{After: 3}
	if !Early(last, 2) || Early(last, 3) {
		t.Error("three others have to end first")
	}
}

func TestAJobIsOfItsSizesClassUnlessItIsCalledAnother(t *testing.T) {
	for _, tt := range []struct {
		items       int
		asked, want string
	}{
		{1, "UNSPECIFIED", "normal"}, {100, "UNSPECIFIED", "normal"}, {101, "UNSPECIFIED", "bulk"},
		{1, "BULK", "bulk"}, {10_000, "URGENT", "urgent"},
	} {
		asked := provisioningv1.Priority(provisioningv1.Priority_value["PRIORITY_"+tt.asked])
		if got := PriorityName(PriorityOf(tt.items, asked)); got != tt.want {
			t.Errorf("%d items, asked for %s: %s, want %s", tt.items, tt.asked, got, tt.want)
		}
	}
}
