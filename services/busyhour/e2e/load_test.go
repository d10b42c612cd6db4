//go:build stack

package e2e

import (
	"bytes"
	"testing"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// A busy hour for 20 seconds: nothing is lost and nothing doubled, by the simulator's audit and by what Kafka was told.
func TestABusyHour(t *testing.T) {
	ctx := within(t, 3*time.Minute)
	cfg := simulate.DefaultLoad()
	cfg.Targets, cfg.Tenant, cfg.Agents, cfg.Span, cfg.Switches, cfg.Queues = w.fleet.Targets(), w.tenant("load"), 200, 20*time.Second, 2, 2
	seen := map[string]*simulate.Call{}
	cfg.Placed = func(c *simulate.Call) { seen[c.Contact] = c }
	report, err := simulate.Run(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	report.Write(&text)
	t.Log(text.String())
	if !report.Clean() {
		t.Errorf("the audit has %d findings", report.Audit.Found)
	}
	if report.Calls.Placed < 300 || report.Calls.Connected < report.Calls.Placed/2 || report.Stream.Duplicates == 0 {
		t.Errorf("the load is not what it should be: %+v, %+v", report.Calls, report.Stream)
	}
	for contact := range seen {
		if err := w.journal.await(ctx, func() bool { return w.journal.ends(contact) > 0 }); err != nil {
			t.Fatalf("Kafka does not hear that contact %s ends, but %v", contact, kinds(w.journal.story(contact)))
		}
		if n := w.journal.ends(contact); n != 1 {
			t.Errorf("contact %s ended %d times: %v", contact, n, kinds(w.journal.story(contact)))
		}
		if err := w.journal.inOrder(contact); err != nil {
			t.Error(err)
		}
	}
}
