package simulate

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// Report is what a simulation found.
type Report struct {
	Load    LoadFigures    `json:"load"`
	Calls   Counts         `json:"calls"`
	Ends    map[string]int `json:"final_states"`
	Latency Latencies      `json:"latency"`
	Stream  StreamStats    `json:"signals"`
	Screens ScreenFigures  `json:"screens"`
	Errors  map[string]int `json:"errors"`
	Audit   Findings       `json:"audit"`
}

// LoadFigures say what was played.
type LoadFigures struct {
	Tenant  string  `json:"tenant"`
	BHCC    float64 `json:"bhcc"`
	Agents  int     `json:"agents"`
	Known   int     `json:"agents_known"`
	Written int     `json:"agents_provisioned"`
	Seconds float64 `json:"seconds"`
	TalkS   float64 `json:"mean_talk_s"`
	Seed    uint64  `json:"seed"`
}

// Latencies are measured from when a thing was to happen by plan, so that slowness cannot hide itself.
type Latencies struct {
	// Card: from the call to the card on the first agent's screen, where an agent was free.
	Card Latency `json:"signal_to_card"`
	// Waited: the same, where none was.
	Waited Latency `json:"signal_to_card_after_waiting"`
	// Ack: from a signal to its acknowledgement, that is its event in Kafka with acks=all.
	Ack Latency `json:"signal_to_durable_ack"`
	// Connect: from the agent's click to the wish to connect at the switch; waits for Kafka, too.
	Connect Latency `json:"accept_to_connect"`
}

// ScreenFigures sum up all screens.
type ScreenFigures struct {
	Connects int `json:"connects"`
	Resyncs  int `json:"resyncs"`
	Frames   int `json:"frames"`
}

// Findings of the audit.
type Findings struct {
	Calls int `json:"calls_checked"`
	Found int `json:"findings"`
	// First findings in words.
	First []string `json:"first,omitempty"`
}

// Clean says that the audit found nothing.
func (r *Report) Clean() bool { return r.Audit.Found == 0 }

func (l *load) report(ends map[string]int) *Report {
	r := &Report{
		Load: LoadFigures{
			Tenant: l.cfg.Tenant, BHCC: l.cfg.BHCC, Agents: l.cfg.Agents, Known: l.cfg.Known, Written: l.written,
			Seconds: l.span.Seconds(), TalkS: l.cfg.Habits.Talk.Seconds(), Seed: l.cfg.Seed,
		},
		Ends: ends,
		Latency: Latencies{
			Card: l.ledger.card.Latency(), Waited: l.ledger.waited.Latency(), Ack: l.ledger.ack.Latency(), Connect: l.ledger.connect.Latency(),
		},
	}
	for _, sw := range l.switches {
		r.Stream.add(sw.Stream().Stats())
	}
	for _, a := range l.agents {
		s := a.screen.Stats()
		r.Screens.Connects += s.Connects
		r.Screens.Resyncs += s.Resyncs
		r.Screens.Frames += s.Frames
	}
	l.ledger.mu.Lock()
	defer l.ledger.mu.Unlock()
	r.Calls, r.Errors = l.ledger.counts, maps.Clone(l.ledger.errors)
	r.Audit = Findings{Calls: len(l.ledger.calls), Found: l.ledger.found, First: slices.Clone(l.ledger.findings)}
	return r
}

func (s *StreamStats) add(o StreamStats) {
	s.Signals += o.Signals
	s.Duplicates += o.Duplicates
	s.Resent += o.Resent
	s.Connects += o.Connects
	s.Wishes += o.Wishes
	s.Stale += o.Stale
	s.Open += o.Open
}

// errorsText lists the errors counted so far, most frequent first.
func (l *ledger) errorsText() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.errors) == 0 {
		return "no errors"
	}
	return listed(l.errors)
}

func listed(counts map[string]int) string {
	var parts []string
	for _, k := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if d := counts[b] - counts[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	}) {
		parts = append(parts, fmt.Sprintf("%s %d×", k, counts[k]))
	}
	return strings.Join(parts, ", ")
}

// name of a contact's state, as people write it.
func name(s routingv1.ContactState) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(s.String(), "CONTACT_STATE_")), "_", "-")
}

// Write prints the report for people.
func (r *Report) Write(w io.Writer) {
	fmt.Fprintf(w, "\n%s: %g BHCC for %s, %d agents at their screens (%d known), mean talk %.1f s, seed %d\n\n",
		r.Load.Tenant, r.Load.BHCC, (time.Duration(r.Load.Seconds * float64(time.Second))).Round(time.Second), r.Load.Agents, r.Load.Known, r.Load.TalkS, r.Load.Seed)
	t := tabwriter.NewWriter(w, 2, 0, 2, ' ', 0)
	fmt.Fprintf(t, "calls\toffered %d, answered %d; ended as: %s\n", r.Calls.Placed, r.Calls.Connected, listed(r.Ends))
	fmt.Fprintf(t, "offers\t%d cards: %d accepted, %d declined, %d left alone\n", r.Calls.Cards, r.Calls.Accepted, r.Calls.Declined, r.Calls.Ignored)
	if r.Calls.TooLate > 0 {
		fmt.Fprintf(t, "\t%d calls whose answer could not be told before their offer was taken back\n", r.Calls.TooLate)
	}
	if r.Calls.Torn > 0 {
		fmt.Fprintf(t, "\t%d calls taken back from an agent they were connected with\n", r.Calls.Torn)
	}
	fmt.Fprintf(t, "signals\t%d, and %d deliberate duplicates, %d resent, %d connections, %d not acknowledged\n",
		r.Stream.Signals, r.Stream.Duplicates, r.Stream.Resent, r.Stream.Connects, r.Stream.Open)
	fmt.Fprintf(t, "screens\t%d connections, %d frames, %d resyncs\n", r.Screens.Connects, r.Screens.Frames, r.Screens.Resyncs)
	if r.Calls.Strangers > 0 {
		fmt.Fprintf(t, "\t%d cards of calls that somebody else placed\n", r.Calls.Strangers)
	}
	errors := "none"
	if len(r.Errors) > 0 {
		errors = listed(r.Errors)
	}
	fmt.Fprintf(t, "errors\t%s\n", errors)
	_ = t.Flush()
	fmt.Fprintln(w)
	t = tabwriter.NewWriter(w, 2, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "latency, ms\tcount\tp50\tp90\tp99\tp99.9\tmax\t")
	for _, row := range []struct {
		name string
		l    Latency
	}{
		{"signal → card", r.Latency.Card},
		{"signal → card, no agent free", r.Latency.Waited},
		{"signal → durable ack", r.Latency.Ack},
		{"accept → connect at the switch", r.Latency.Connect},
	} {
		if row.l.Count > 0 {
			fmt.Fprintf(t, "%s\t%d\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t\n", row.name, row.l.Count, row.l.P50, row.l.P90, row.l.P99, row.l.P999, row.l.Max)
		}
	}
	_ = t.Flush()
	fmt.Fprintln(w)
	r.Audit.write(w)
}

// maxPrinted findings; the report in JSON has more.
const maxPrinted = 50

func (f *Findings) write(w io.Writer) {
	if f.Found == 0 {
		fmt.Fprintf(w, "audit: %d calls, each ended in exactly one final state; no card left, none on two screens, nobody had two calls, every signal acknowledged\n", f.Calls)
		return
	}
	fmt.Fprintf(w, "audit: %d FINDINGS in %d calls\n", f.Found, f.Calls)
	printed := f.First[:min(len(f.First), maxPrinted)]
	for _, s := range printed {
		fmt.Fprintf(w, "  - %s\n", s)
	}
	if more := f.Found - len(printed); more > 0 {
		fmt.Fprintf(w, "  - and %d more\n", more)
	}
}

// Progress is how a load goes.
type Progress struct {
	Elapsed                               time.Duration
	Placed, Waiting, Connected, Over, Bad int
	Card                                  Latency
	Faults                                int
}

func (l *load) snapshot() Progress {
	p := Progress{Elapsed: time.Since(l.began), Card: l.ledger.card.Latency()}
	l.ledger.mu.Lock()
	defer l.ledger.mu.Unlock()
	n := &l.ledger.counts
	p.Placed, p.Waiting, p.Over, p.Faults = n.Placed, n.Waiting, n.Over, l.ledger.found
	p.Connected = n.Talking
	for _, e := range l.ledger.errors {
		p.Bad += e
	}
	return p
}

// String is one line.
func (p Progress) String() string {
	return fmt.Sprintf("%4.0f s  calls %d in, %d waiting, %d connected, %d done  signal→card p50 %.1f ms p99 %.1f ms  %d errors, %d findings",
		p.Elapsed.Seconds(), p.Placed, p.Waiting, p.Connected, p.Over, p.Card.P50, p.Card.P99, p.Bad, p.Faults)
}
