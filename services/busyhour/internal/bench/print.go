package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// Write prints the result for people.
func (r *Result) Write(w io.Writer) {
	r.Report.Write(w)
	fmt.Fprintf(w, "\nOn %d CPUs, %s/%s, %s, with Kafka, Redis, NATS, %d processes of each service and the load beside it:\n\n",
		r.Machine.CPUs, r.Machine.OS, r.Machine.Arch, r.Machine.Go, r.Copies)
	t := tabwriter.NewWriter(w, 2, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "ms\tcount\tp50\tp90\tp99\tp99.9\tmax\t× floor p50\t× floor p99\t")
	row := func(name string, l simulate.Latency, ratio *Ratio) {
		fmt.Fprintf(t, "%s\t%d\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t", name, l.Count, l.P50, l.P90, l.P99, l.P999, l.Max)
		if ratio != nil {
			fmt.Fprintf(t, "%.1f\t%.1f\t", ratio.P50, ratio.P99)
		} else {
			fmt.Fprint(t, "\t\t")
		}
		fmt.Fprintln(t)
	}
	row("floor, before", r.Floor.Before, nil)
	row("floor, beside the load", r.Floor.During, nil)
	row("floor, after", r.Floor.After, nil)
	row("signal → card", r.Report.Latency.Card, &r.Ratios.Card)
	row("signal → durable ack", r.Report.Latency.Ack, &r.Ratios.Ack)
	_ = t.Flush()
	fmt.Fprintf(w, "\nagainst the floor beside the load: card %.1f × p50, %.1f × p99; ack %.1f × p50, %.1f × p99\n\n",
		r.Ratios.Card.P50During, r.Ratios.Card.P99During, r.Ratios.Ack.P50During, r.Ratios.Ack.P99During)
	t = tabwriter.NewWriter(w, 2, 0, 2, ' ', 0)
	fmt.Fprintln(t, "while calls came in\tCPU s\tof one CPU\tconflicts")
	for _, what := range slices.Sorted(maps.Keys(r.CPU)) {
		fmt.Fprintf(t, "%s\t%.1f\t%.0f %%\t%s\n", what, r.CPU[what], 100*r.CPU[what]/r.Report.Load.Seconds, conflictsText(r.Conflicts[what]))
	}
	_ = t.Flush()
}

func conflictsText(by map[string]float64) string {
	total, parts := 0.0, []string{}
	for _, record := range slices.Sorted(maps.Keys(by)) {
		if by[record] > 0 {
			total += by[record]
			parts = append(parts, fmt.Sprintf("%s %.0f", record, by[record]))
		}
	}
	if total == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f (%s)", total, strings.Join(parts, ", "))
}
