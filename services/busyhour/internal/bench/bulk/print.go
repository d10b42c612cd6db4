package bulk

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// Write prints the result for people.
func (r *Result) Write(w io.Writer) {
	fmt.Fprintf(w, "\nA job of %d agents, on %d CPUs, %s/%s, %s, with Kafka, Redis, NATS, the downstream, %d processes of each service and\nthe load beside it. %d places in the downstream for bulk changes: %d a pod, an eighth of them for urgent ones; time-out %g s.\n\n",
		r.Agents, r.Machine.CPUs, r.Machine.OS, r.Machine.Arch, r.Machine.Go, r.Copies, r.Places, r.Concurrency, r.TimeoutS)
	if r.Rate > 0 {
		fmt.Fprintf(w, "At most %g requests a second, of a pod.\n\n", r.Rate)
	}
	fmt.Fprintf(w, "durable after %.2f s, all items waiting for a worker or ended after %.2f s, all ended after %.1f s\n\n", r.AcceptedS, r.AllInS, r.EndedS)
	r.writeStretches(w)
	fmt.Fprintf(w, "\nlag of %s while it ran, %d samples: p50 %.0f, p99 %.0f, max %.0f records; oldest p99 %.2f, max %.2f s; for %.1f s some partitions had nobody\n\n",
		requests, r.Lag.Records.Samples, r.Lag.Records.P50, r.Lag.Records.P99, r.Lag.Records.Max, r.Lag.Age.P99, r.Lag.Age.Max, r.Lag.UnseenS)
	r.writeUrgent(w)
	r.writeCalls(w)
	r.writeRetries(w)
	r.writeChecks(w)
	r.writeBlocking(w)
}

func table(w io.Writer, heading string, rows func(io.Writer)) {
	t := tabwriter.NewWriter(w, 2, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, heading)
	rows(t)
	_ = t.Flush()
}

func (r *Result) writeStretches(w io.Writer) {
	table(w, "downstream\titems\tseconds\tminimum s\tratio\tRetry-After s\titems/s\tCPUs busy\tcard p50 ms\tp99 ms\t", func(t io.Writer) {
		for _, s := range r.Stretches {
			minimum, ratio := "", ""
			if s.MinimumS > 0 {
				minimum, ratio = fmt.Sprintf("%.2f", s.MinimumS), fmt.Sprintf("%.2f", s.Ratio)
			}
			fmt.Fprintf(t, "%s\t%d\t%.2f\t%s\t%s\t%.0f\t%.1f\t%.2f\t%.1f\t%.1f\t\n",
				s.Phase, s.Ended, s.Seconds, minimum, ratio, s.PausesS, over(float64(s.Ended), s.Seconds), s.CPUs, s.Card.P50, s.Card.P99)
		}
	})
	fmt.Fprintln(w, "minimum: items × what one takes in the downstream, with its repetitions and time-outs, ÷ places, without pauses;\nRetry-After: what the downstream asked a pod to pause, those that overlap counted twice")
}

func (r *Result) writeUrgent(w io.Writer) {
	table(w, "urgent, ms\tcount\tdirectory p50\tp99\tmax\tapplied p50\tp99\tmax\tdownstream alone\tfailed\t", func(t io.Writer) {
		for _, u := range r.Urgent {
			if u.Directory.Count == 0 {
				continue
			}
			d, a := u.Directory, u.Applied
			fmt.Fprintf(t, "%s\t%d\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%d\t\n", u.Phase, d.Count, d.P50, d.P99, d.Max, a.P50, a.P99, a.Max, u.FloorMS, u.Failed)
		}
	})
	fmt.Fprintln(w)
}

func (r *Result) writeCalls(w io.Writer) {
	if r.Calls == nil {
		return
	}
	table(w, "signal → card, ms\tcalls\tp50\tp90\tp99\tmax\t", func(t io.Writer) {
		row := func(name string, l simulate.Latency) {
			fmt.Fprintf(t, "%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t\n", name, l.Count, l.P50, l.P90, l.P99, l.Max)
		}
		row("before the job", r.Calls.Before.Latency.Card)
		row("while it ran", r.Calls.During.Latency.Card)
	})
	fmt.Fprintf(w, "%.2f × p50, %.2f × p99\n\n", r.Calls.P50, r.Calls.P99)
}

func (r *Result) writeRetries(w io.Writer) {
	items := 0
	for _, retry := range r.Retries {
		items += retry.Items
	}
	fmt.Fprintf(w, "%d items failed while the downstream misbehaved; asked for again in %d jobs of %d items together\n\n", r.Failed, len(r.Retries), items)
}

func (r *Result) writeChecks(w io.Writer) {
	for _, c := range r.Checks {
		if c.Found == 0 {
			fmt.Fprintf(w, "ok           %s (%d)\n", c.Name, c.Looked)
			continue
		}
		fmt.Fprintf(w, "%d FINDINGS  %s (%d)\n", c.Found, c.Name, c.Looked)
		for _, f := range c.First {
			fmt.Fprintf(w, "  - %s\n", f)
		}
		if more := c.Found - len(c.First); more > 0 {
			fmt.Fprintf(w, "  - and %d more\n", more)
		}
	}
}

func (r *Result) writeBlocking(w io.Writer) {
	if r.Blocking == nil {
		return
	}
	fmt.Fprintf(w, "\nThe old way, a consumer of %d partitions that makes the calls itself and waits:\n\n", r.Blocking.Partitions)
	table(w, "downstream\tseconds\titems\titems/s\tours\tlag at its end\tan urgent one waits s\t", func(t io.Writer) {
		for _, p := range r.Blocking.Phases {
			fmt.Fprintf(t, "%s\t%.1f\t%d\t%.2f\t%.2f\t%d\t%.0f\t\n", p.Phase, p.Seconds, p.Done, p.Rate, r.rate(p.Phase), p.Lag, p.UrgentS)
		}
	})
	if r.Blocking.WholeS == 0 {
		fmt.Fprintln(w, "the job would not end: in some phase nothing moved")
		return
	}
	old := seconds(r.Blocking.WholeS)
	fmt.Fprintf(w, "the job of %d would take %s, and took %s\n", r.Agents, old.Round(time.Second), seconds(r.EndedS).Round(time.Second))
}

// rate of ours in a phase, in items a second.
func (r *Result) rate(phase string) float64 {
	for _, s := range r.Stretches {
		if s.Phase == phase {
			return over(float64(s.Ended), s.Seconds)
		}
	}
	return 0
}
