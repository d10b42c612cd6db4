package check

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
)

func (k number) String() string {
	if k.n == 0 {
		return fmt.Sprintf("signal %q", k.id)
	}
	if k.leg == "" {
		return fmt.Sprintf("signal %d", k.n)
	}
	return fmt.Sprintf("signal %d of leg %q", k.n, k.leg)
}

func (f *fate) String() string { return f.number.String() + " (" + f.kind + ")" }

// final says whether a contact in that state has ended.
func final(state string) bool {
	switch state {
	case "completed", "abandoned", "overflowed", "failed", "lost":
		return true
	}
	return false
}

// inHand says whether a contact in that state holds an agent.
func inHand(state string) bool {
	switch state {
	case "offered", "connecting", "connected", "held", "wrap-up":
		return true
	}
	return false
}

func (h *holding) String() string {
	return fmt.Sprintf("%s (%s at %s, workload %s)", h.contact.name, h.reserved.Revision, h.reserved.at(), h.workload)
}

func list(cards []history.Card) string {
	words := make([]string, len(cards))
	for i, c := range cards {
		words[i] = c.Contact + " " + c.Revision.String() + " " + c.State
	}
	return strings.Join(words, ", ")
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, " and ")
}

func sortedIDs[V any](m map[id]V) []id {
	return slices.SortedFunc(maps.Keys(m), func(x, y id) int {
		return cmp.Or(cmp.Compare(x.tenant, y.tenant), cmp.Compare(x.service, y.service), cmp.Compare(x.name, y.name))
	})
}
