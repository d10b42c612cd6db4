package topics

import (
	"fmt"
	"strings"
	"testing"
)

// What the table lets a topic grow to is what the plan says in words.
func TestTheWordsAndTheTableOfGrowthAgree(t *testing.T) {
	for _, p := range Plan() {
		var to int32
		if n, _ := fmt.Sscanf(p.Growth, "to %d", &to); n == 1 && p.Limit() != to {
			t.Errorf("%s grows %q, the table has %d", p.Name, p.Growth, p.Limit())
		}
		if strings.HasPrefix(p.Growth, "none") && p.Limit() != p.Partitions {
			t.Errorf("%s grows %q, the table has %d", p.Name, p.Growth, p.Limit())
		}
		if p.MayGrow() != (p.Cleanup != Compact || StateOf(EventsOf(p.Name)) == p.Name) {
			t.Errorf("%s may grow: %v", p.Name, p.MayGrow())
		}
		if epochs, ok := Find(EpochsOf(p.Name)); !ok || epochs.MayGrow() {
			t.Errorf("the epochs of %s are not in the plan, or may grow", p.Name)
		}
		if state := StateOf(p.Name); state != "" {
			if s, ok := Find(state); !ok || s.Limit() != p.Limit() || s.Partitions != p.Partitions || EventsOf(state) != p.Name {
				t.Errorf("%s and %s do not go together", p.Name, state)
			}
		}
	}
}
