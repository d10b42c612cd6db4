package history

import (
	"cmp"
	"slices"
)

// sort puts events into the order of the log, and leaves out those that were recorded twice: a reader that rejoins its
// group reads some again.
func (h *History) sort() {
	slices.SortStableFunc(h.Events, func(a, b At[Event]) int { return inLog(a.It, b.It) })
	h.Events = slices.CompactFunc(h.Events, func(a, b At[Event]) bool { return inLog(a.It, b.It) == 0 })
}

func inLog(a, b Event) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
}
