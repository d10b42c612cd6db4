package commit

import (
	"context"
	"fmt"
	"testing"

	"github.com/busyhour/busyhour/pkg/refusal"
)

func testWalk(t *testing.T, w *world) {
	const many = 2*walkSize + 7
	for i := range many {
		w.put(w.store, "", fmt.Sprintf("cup:%d", i), "full")
	}
	w.indexOnly("shelf", "cup:0")
	w.log.hold()
	w.put(w.store, "", "cup:0", "empty")

	found, open := map[string]string{}, map[string]bool{}
	err := w.store.Walk(t.Context(), w.tenant, func(part []Stored) error {
		for _, r := range part {
			found[r.Name] = string(r.Value)
			open[r.Name] = r.Unpublished
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != many || found["cup:0"] != "empty" || found["cup:9"] != "full" {
		t.Errorf("found %d records, cup:0 %q, cup:9 %q", len(found), found["cup:0"], found["cup:9"])
	}
	if !open["cup:0"] {
		t.Error("cup:0 is published, but the log does not have it")
	}

	list, err := w.store.Stored(t.Context(), w.tenant, []string{"cup:1", "cup:none"})
	if err != nil || !list[0].Exists() || list[1].Exists() {
		t.Errorf("%v, %v", list, err)
	}
	w.store.Shut(w.tenant, 99, "a test")
	err = w.store.Walk(t.Context(), w.tenant, func([]Stored) error { return nil })
	if no, ok := refusal.As(err); !ok || no.Code != refusal.Unavailable {
		t.Errorf("a closed tenant is walked: %v", err)
	}
}

// indexOnly makes a commit of an index and a counter, which are no records.
func (w *world) indexOnly(index, member string) {
	w.Helper()
	_, err := w.store.Do(w.Context(), w.tenant, "", func(_ context.Context, tx *Tx) error {
		tx.Add(index, member, 1)
		tx.Increment("moves", 1)
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
}
