package commit

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/busyhour/busyhour/pkg/refusal"
)

// waiting is what the mark says that the outboxes hold.
func (w *world) waiting() int64 {
	w.Helper()
	text, err := w.redis.HGet(w.Context(), MarkKey(w.tenant, "shop"), "outbox").Result()
	if err != nil {
		w.Fatal(err)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		w.Fatal(err)
	}
	return n
}

// held is what the outbox of a record holds indeed.
func (w *world) held(name string) (bytes int64) {
	w.Helper()
	entries, err := w.redis.LRange(w.Context(), Key(w.tenant, "shop", 1, outboxOf(name)), 0, -1).Result()
	if err != nil {
		w.Fatal(err)
	}
	for _, e := range entries {
		bytes += int64(len(e))
	}
	return bytes
}

// growing makes a new record; putting changes one that lives.
func growing(name, value string) func(context.Context, *Tx) error {
	return func(ctx context.Context, tx *Tx) error {
		tx.Grow()
		return putting(name, value)(ctx, tx)
	}
}

func testNewWorkIsRefusedFirst(t *testing.T, w *world) {
	w.store.outboxLimit = 1000
	w.log.hold() // Kafka is away
	do := func(decide func(context.Context, *Tx) error) error {
		_, err := w.store.Do(t.Context(), w.tenant, "", decide)
		return err
	}
	if err := do(growing("cup:1", "full")); err != nil {
		t.Fatal(err)
	}
	if got, want := w.waiting(), w.held("cup:1"); got != want || got == 0 {
		t.Errorf("the mark counts %d bytes, the outbox holds %d", got, want)
	}
	big := strings.Repeat("x", 400)
	if err := do(growing("cup:2", big)); err != nil {
		t.Fatal(err)
	}
	err := do(growing("cup:3", big))
	if r, ok := refusal.As(err); !ok || r.Reason != "OUTBOX_FULL" || r.Code != refusal.Unavailable || !NoRoom(err) {
		t.Fatalf("new work above the bound: %v", err)
	}
	if value, _ := w.get(w.store, "cup:3"); value != "" {
		t.Errorf("refused, and yet there: %q", value)
	}
	if err := do(putting("cup:1", "half")); err != nil {
		t.Errorf("what lives has a reserve: %v", err)
	}
	if err := do(putting("cup:1", big)); !NoRoom(err) {
		t.Errorf("the reserve has a bound too: %v", err)
	}
	w.log.release(nil) // Kafka is back
	w.emptyOutbox()
	if got := w.waiting(); got != 0 {
		t.Errorf("the mark counts %d bytes in empty outboxes", got)
	}
	if err := do(growing("cup:3", big)); err != nil {
		t.Errorf("new work after the drain: %v", err)
	}
}

func testBytesAreCountedAnewInANewEpoch(t *testing.T, w *world) {
	w.log.hold()
	w.put(w.store, "op1", "cup:1", "full")
	w.openEpoch(w.store, 2)
	if got := w.waiting(); got != 0 {
		t.Errorf("a new epoch begins with %d bytes", got)
	}
	w.log.release(nil) // what arrives late is taken out of the old namespace, where nobody counts
	w.store.outbox.remove([]removal{{w.tenant, 1, "cup:1", Revision{1, 1}}})
	if got := w.waiting(); got != 0 {
		t.Errorf("what the old epoch drained was taken from the new count: %d", got)
	}
}

func testRepeatsCountOnce(t *testing.T, w *world) {
	w.log.hold()
	w.put(w.store, "op1", "cup:1", "full")
	before := w.waiting()
	w.put(w.store, "op1", "cup:1", "full") // a duplicate
	if got := w.waiting(); got != before {
		t.Errorf("a duplicate raised the count from %d to %d", before, got)
	}
	w.log.release(errors.New("away"))
	gone := removal{w.tenant, 1, "cup:1", Revision{1, 1}}
	w.store.outbox.remove([]removal{gone})
	w.store.outbox.remove([]removal{gone}) // by two pods
	if got := w.waiting(); got != 0 {
		t.Errorf("removed twice, the count is %d", got)
	}
}
