package simulate

import (
	"context"
	"strings"
	"testing"
	"time"
)

// small is two seconds of a quick load.
func small(b *fake) LoadConfig {
	cfg := DefaultLoad()
	cfg.Targets, cfg.BHCC, cfg.Agents, cfg.Span, cfg.Closing = At(b.url), 180_000, 40, 2*time.Second, 200*time.Millisecond
	cfg.Habits = Habits{Think: 50 * time.Millisecond, WrapUp: 50 * time.Millisecond, Declines: 0.1, Ends: 0.3}
	cfg.Abandons = 0.1
	cfg.Duplicates = 0.1
	return cfg
}

func TestLoadOnASoundSystemIsClean(t *testing.T) {
	b := newFake(t, faults{})
	r, err := Run(t.Context(), small(b))
	if err != nil {
		t.Fatal(err)
	}
	if !r.Clean() {
		t.Errorf("findings on a sound system: %q", r.Audit.First)
	}
	switch {
	case r.Calls.Placed < 50, r.Calls.Connected < 30, r.Ends["abandoned"] == 0, r.Calls.Declined == 0, r.Calls.Ended == 0, r.Stream.Duplicates == 0:
		t.Errorf("the load does not do what it should: %+v %v %+v", r.Calls, r.Ends, r.Stream)
	case r.Ends["completed"]+r.Ends["abandoned"] != r.Calls.Placed:
		t.Errorf("%d calls, but ends %v", r.Calls.Placed, r.Ends)
	case r.Latency.Card.Count == 0 || r.Latency.Ack.Count != int64(r.Stream.Signals):
		t.Errorf("%d signals, but latencies of %d; of %d cards", r.Stream.Signals, r.Latency.Ack.Count, r.Latency.Card.Count)
	}
}

func TestLoadResendsWhatACutStreamLeftOpen(t *testing.T) {
	b := newFake(t, faults{cut: 3})
	r, err := Run(t.Context(), small(b))
	if err != nil {
		t.Fatal(err)
	}
	if !r.Clean() || r.Stream.Resent == 0 || r.Stream.Connects <= 4 {
		t.Errorf("%d resent on %d connections, findings %q", r.Stream.Resent, r.Stream.Connects, r.Audit.First)
	}
}

func TestLoadThatIsCutOffStillReports(t *testing.T) {
	b := newFake(t, faults{})
	cfg := small(b)
	cfg.Span = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	cfg.Progress = func(Progress) { cancel() }
	r, err := Run(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Clean() || r.Calls.Placed == 0 || r.Load.Seconds > 10 {
		t.Errorf("%d calls in %.0f s, findings %q", r.Calls.Placed, r.Load.Seconds, r.Audit.First)
	}
}

// A simulator that finds nothing is worth something only if it finds what is there.
func TestAuditFinds(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults faults
		finds  string
	}{
		{"a contact on two screens", faults{offerTwice: true}, "is on the screens of"},
		{"two voice cards", faults{twoCards: true}, "2 voice cards at once"},
		{"contacts that do not end", faults{lose: true}, "did not end: offered"},
		{"cards that stay", faults{keepCard: true}, "is left on the screen of"},
		{"signals without acknowledgement", faults{forgetAcks: true}, "are not acknowledged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newFake(t, c.faults)
			cfg := small(b)
			cfg.Span, cfg.Patient = time.Second, 500*time.Millisecond
			r, err := Run(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(strings.Join(r.Audit.First, "\n"), c.finds) {
				t.Errorf("the audit does not say %q but %q", c.finds, r.Audit.First)
			}
		})
	}
}

func TestALoadThatCannotBeIsRefused(t *testing.T) {
	cfg := DefaultLoad()
	cfg.Targets, cfg.BHCC, cfg.Agents = Targets{Routing: []string{"localhost:8080"}}, -1, 0
	_, err := Run(t.Context(), cfg)
	for _, want := range []string{"bhcc -1", "agents 0", `address "localhost:8080" of call-routing`, "no address for agent-presence"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
	cfg = DefaultLoad()
	cfg.Targets, cfg.Agents = At("http://127.0.0.1:1"), 20
	if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "20 agents cannot take 80000 calls an hour") {
		t.Errorf("too few agents: %v", err)
	}
}
