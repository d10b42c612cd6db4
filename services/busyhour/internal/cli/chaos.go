package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/stage"
	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/trial"
)

func newChaos() *cobra.Command {
	cfg := trial.Config{}
	c := &cobra.Command{
		Use:   "chaos",
		Short: "Break real servers and services under load, then check that no state has lied (scripts/chaos builds what it needs)",
		Long: `Starts Kafka, Redis with replica and Sentinels (or a Cluster of 3 + 3), NATS and two processes of each service on
loopback, plays calls of two tenants, and breaks things at random: kills, pauses, splits, flushes, fail-overs, torn files,
full disks of memory, wrong clocks, slow and cut links. The seed decides which, when and for how long. Then everything is
repaired, and all that was sent, shown, logged and stored is checked against each other.

Ends with exit code 1 if anything is found. Logs and the history stay in the directory.`,
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	out := outputFlag(c)
	f.Uint64Var(&cfg.Seed, "seed", 1, "seed of the faults and of the load")
	minutes := f.Float64("minutes", 3, "how long calls come in")
	layout := f.String("redis", "", "sentinel or cluster; empty: the seed chooses")
	f.StringSliceVar(&cfg.Only, "only", nil, "only these kinds of faults")
	f.Float64Var(&cfg.BHCC, "bhcc", 15_000, "calls per hour, each tenant")
	f.IntVar(&cfg.Agents, "agents", 30, "agents at their screens, each tenant")
	f.StringVar(&cfg.Dir, "dir", "", "directory for everything; empty: out/chaos/<seed>")
	report := f.String("report", "", "file for the report in JSON, beside the one in the directory")
	f.StringVar(&cfg.Bin, "bin", besideUs(), "directory with the services' binaries")
	f.StringVar(&cfg.Skewed, "skewed", "", "directory with the services' binaries whose clock can be set")
	f.StringVar(&cfg.KafkaLibs, "kafka", "", "directory with Kafka's jars (scripts/stack get prints it)")
	f.StringVar(&cfg.KafkaLog, "kafka-log", "scripts/stack.d/log4j2.yaml", "log4j2 configuration of Kafka")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg.Span, cfg.Layout = time.Duration(*minutes*float64(time.Minute)), stage.Layout(*layout)
		if cfg.Dir == "" {
			cfg.Dir = fmt.Sprintf("out/chaos/%d", cfg.Seed)
		}
		var err error
		if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
			return err
		}
		if cfg.Skewed != "" {
			if cfg.Skewed, err = filepath.Abs(cfg.Skewed); err != nil {
				return err
			}
		}
		began := time.Now()
		cfg.Say = func(format string, args ...any) {
			fmt.Fprintf(c.ErrOrStderr(), "chaos %6.1f  "+format+"\n", append([]any{time.Since(began).Seconds()}, args...)...)
		}
		r, err := trial.Run(c.Context(), cfg)
		if err != nil {
			return err
		}
		if *report != "" {
			if err := copyFile(*report, filepath.Join(cfg.Dir, "report.json")); err != nil {
				return err
			}
		}
		if out.json() {
			err = writeJSON(c.OutOrStdout(), r)
		} else {
			r.Write(c.OutOrStdout())
		}
		if err == nil && !r.Clean() {
			err = fmt.Errorf("%d findings; logs and history are in %s", len(r.Findings), cfg.Dir)
		}
		return err
	}
	return c
}

func copyFile(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}
