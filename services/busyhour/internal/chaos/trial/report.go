package trial

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/check"
	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/nemesis"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// Report of a run.
type Report struct {
	At      time.Time `json:"at"`
	Seed    uint64    `json:"seed"`
	Redis   string    `json:"redis"`
	Minutes float64   `json:"minutes"`
	// Faults as they went, and how many of each kind.
	Faults  []nemesis.Struck `json:"faults"`
	ByKind  map[string]int   `json:"faults_by_kind"`
	NotDone int              `json:"faults_not_done"`
	// Load by tenant.
	Load map[string]*simulate.Report `json:"load"`
	// Closures of gates, by service.
	Closures map[string]Closures `json:"closures"`
	Checks   *check.Report       `json:"checks"`
	// Lost are acknowledged signals of which the log knows nothing; Double are agents with more than they can hold.
	Lost   int `json:"acknowledged_lost"`
	Double int `json:"double_offers"`
	// Unpromised are calls that were connected while Kafka was away, and of which Redis knew nothing afterwards.
	Unpromised int `json:"connected_while_kafka_was_away_and_forgotten"`
	// Findings of all checks, of the simulator's audit, and of the processes. A clean run has none.
	Findings []string `json:"findings"`
}

func newReport(cfg Config) *Report {
	return &Report{
		At: time.Now().UTC(), Seed: cfg.Seed, Redis: string(cfg.layout()), Minutes: cfg.Span.Minutes(),
		ByKind: map[string]int{}, Load: map[string]*simulate.Report{}, Findings: []string{},
	}
}

// Clean says that nothing was found.
func (r *Report) Clean() bool { return len(r.Findings) == 0 }

func (r *Report) find(what string) { r.Findings = append(r.Findings, what) }

func (r *Report) faults(struck []nemesis.Struck) {
	r.Faults = struck
	for _, s := range struck {
		if s.Failed != "" {
			r.NotDone++
			continue
		}
		r.ByKind[s.Kind]++
	}
}

// judged takes what the checks found.
func (r *Report) judged(c *check.Report) {
	r.Checks = c
	for _, f := range c.Findings() {
		r.find(f.String())
		switch f.Check {
		case "acknowledged":
			r.Lost++
		case "capacity", "agents":
			r.Double++
		}
	}
}

func (r *Report) save(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// Write prints the report for people.
func (r *Report) Write(w io.Writer) {
	done := 0
	for _, n := range r.ByKind {
		done += n
	}
	fmt.Fprintf(w, "\nchaos, seed %d, Redis as %s, %g minutes: %d faults of %d kinds", r.Seed, r.Redis, r.Minutes, done, len(r.ByKind))
	if r.NotDone > 0 {
		fmt.Fprintf(w, ", %d that could not be done", r.NotDone)
	}
	fmt.Fprint(w, "\n\n")
	t := tabwriter.NewWriter(w, 2, 0, 2, ' ', 0)
	for _, k := range slices.Sorted(maps.Keys(r.ByKind)) {
		fmt.Fprintf(t, "  %d\t%s\t%s\n", r.ByKind[k], k, nemesis.Says(k))
	}
	_ = t.Flush()
	for _, tenant := range slices.Sorted(maps.Keys(r.Load)) {
		r.Load[tenant].Write(w)
	}
	r.writeChecks(w)
	if r.Clean() {
		fmt.Fprintln(w, "\nCLEAN: nothing found")
		return
	}
	fmt.Fprintf(w, "\n%d FINDINGS\n", len(r.Findings))
	for _, f := range r.Findings[:min(shown, len(r.Findings))] {
		fmt.Fprintln(w, "  - "+f)
	}
	if more := len(r.Findings) - shown; more > 0 {
		fmt.Fprintf(w, "  - and %d more, in the report\n", more)
	}
}

// shown findings; the report's file has all.
const shown = 60

func (r *Report) writeChecks(w io.Writer) {
	n := r.Checks.Figures
	fmt.Fprintf(w, "\noperations: %d signals, %d acknowledged; %d commands; %d views of screens; %d events, %d of them void; %d contacts; %d epochs\n",
		n.Signals, n.Acknowledged, n.Commands, n.Views, n.Events, n.Void, n.Contacts, n.Epochs)
	fmt.Fprintf(w, "acknowledged signals lost: %d; double offers: %d\n", r.Lost, r.Double)
	if r.Unpromised > 0 {
		fmt.Fprintf(w, "not promised: %d calls were connected while Kafka was away, and forgotten with Redis\n", r.Unpromised)
	}
	fmt.Fprintf(w, "oldest overdue state: %.1f s while nothing was broken, %.1f s ever\n", n.OldestOverdue, n.OldestOverdueEver)
	for _, service := range slices.Sorted(maps.Keys(r.Closures)) {
		c := r.Closures[service]
		fmt.Fprintf(w, "gate of %s: closed %d times, median %.1f s, longest %.1f s\n", service, c.Count, c.Median, c.Longest)
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 2, 0, 2, ' ', 0)
	for _, c := range r.Checks.Results {
		verdict := "ok"
		if n := len(c.Findings); n > 0 {
			verdict = fmt.Sprintf("%d FINDINGS", n)
		}
		fmt.Fprintf(t, "  %s\t%s\t%d judged\t%d open\t%s\n", c.Name, verdict, c.Judged, c.Open, c.Says)
	}
	_ = t.Flush()
}
