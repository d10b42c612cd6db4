package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

func newSimulate() *cobra.Command {
	cfg := simulate.DefaultLoad()
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Play a busy hour against a running instance, and audit how every call ended",
		Long: `Plays switches and agents through the public APIs: calls come at random at the rate given, whether the last one was
slow or not; agents accept, decline, hold, hang up and wrap up; customers lose patience; signals are sent twice on
purpose. Queues and agents named sim-… are made if they are missing. Ctrl-C ends it early, with the report.

Ends with exit code 1 if the audit finds something.`,
		Args: cobra.NoArgs,
	}
	t, out := targetFlags(c), outputFlag(c)
	minutes := c.Flags().Float64("minutes", 2, "how long calls come in")
	progress := c.Flags().Bool("progress", terminal(os.Stderr), "print a line each second")
	loadFlags(c, &cfg)
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg.Targets, cfg.Span = t.get(), time.Duration(*minutes*float64(time.Minute))
		if *progress {
			cfg.Progress = progressTo(c.ErrOrStderr(), terminal(os.Stderr))
		}
		report, err := simulate.Run(c.Context(), cfg)
		if err != nil {
			return err
		}
		if err := writeReport(c.OutOrStdout(), report, out.json()); err != nil {
			return err
		}
		if !report.Clean() {
			return fmt.Errorf("the audit has %d findings", report.Audit.Found)
		}
		return nil
	}
	return c
}

func loadFlags(c *cobra.Command, cfg *simulate.LoadConfig) {
	f := c.Flags()
	f.StringVar(&cfg.Tenant, "tenant", cfg.Tenant, "tenant to load")
	f.Float64Var(&cfg.BHCC, "bhcc", cfg.BHCC, "calls per hour")
	f.IntVar(&cfg.Agents, "agents", cfg.Agents, "agents at their screens")
	f.Uint64Var(&cfg.Seed, "seed", cfg.Seed, "seed of everything that is drawn")
	f.IntVar(&cfg.Switches, "switches", cfg.Switches, "switches that the calls come through")
	f.IntVar(&cfg.Queues, "queues", cfg.Queues, "queues that the calls go to")
	f.Float64Var(&cfg.Occupancy, "occupancy", cfg.Occupancy, "share of the agents' time that calls take, from which the talk time follows")
	f.DurationVar(&cfg.Habits.Talk, "talk", cfg.Habits.Talk, "mean talk time, instead of the one that follows from the occupancy")
	f.DurationVar(&cfg.Habits.Think, "think", cfg.Habits.Think, "mean time from the card to the agent's click")
	f.DurationVar(&cfg.Habits.WrapUp, "wrap-up", cfg.Habits.WrapUp, "mean time that agents wrap up")
	f.Float64Var(&cfg.Abandons, "abandons", cfg.Abandons, "share of customers who leave at once")
	f.Float64Var(&cfg.Habits.Declines, "declines", cfg.Habits.Declines, "share of offers that are declined")
	f.Float64Var(&cfg.Habits.Ignores, "ignores", cfg.Habits.Ignores, "share of offers that are let run out")
	f.Float64Var(&cfg.Habits.Ends, "agent-ends", cfg.Habits.Ends, "share of calls that the agent ends")
	f.Float64Var(&cfg.Habits.Holds, "holds", cfg.Habits.Holds, "share of calls that are put on hold")
	f.Float64Var(&cfg.Duplicates, "duplicates", cfg.Duplicates, "share of signals that are sent twice")
}

// terminal says whether somebody watches.
func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// progressTo writes one line that is written over, or line below line where nobody watches.
func progressTo(w io.Writer, over bool) func(simulate.Progress) {
	if over {
		return func(p simulate.Progress) { fmt.Fprintf(w, "\r\x1b[K%s", p) }
	}
	return func(p simulate.Progress) { fmt.Fprintln(w, p) }
}

func writeReport(w io.Writer, r *simulate.Report, asJSON bool) error {
	if !asJSON {
		r.Write(w)
		return nil
	}
	return writeJSON(w, r)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
