package cli

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/busyhour/busyhour/services/busyhour/internal/bench"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

func newBench() *cobra.Command {
	cfg := bench.Config{Load: simulate.DefaultLoad()}
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure latency and cost on real servers (scripts/bench starts them)",
		Long: `Starts two processes of each service against the Kafka, Redis and NATS that the environment names, makes 10,000 agents
known, brings 1,000 of them to their screens, and plays 80,000 busy-hour calls for a minute. Before, beside and after it
measures the floor: one small Redis script, one hop over NATS, one WebSocket write, nothing else, at the same rate.`,
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	out := outputFlag(c)
	seconds := f.Float64("seconds", 60, "how long calls come in")
	f.IntVar(&cfg.Load.Agents, "screens", 1000, "agents at their screens")
	f.IntVar(&cfg.Load.Known, "known", 10_000, "agents known")
	f.Float64Var(&cfg.Load.BHCC, "bhcc", cfg.Load.BHCC, "calls per hour")
	f.IntVar(&cfg.Load.Switches, "switches", cfg.Load.Switches, "switches that the calls come through")
	f.IntVar(&cfg.Load.Queues, "queues", 10, "queues that the calls go to")
	f.DurationVar(&cfg.Load.Habits.Talk, "talk", 0, "mean talk time, instead of the one that keeps agents busy for 80 % of their time")
	f.Uint64Var(&cfg.Load.Seed, "seed", 1, "seed of everything that is drawn")
	f.IntVar(&cfg.Copies, "copies", 2, "processes of each service")
	f.DurationVar(&cfg.Floor, "floor", 10*time.Second, "how long the floor is measured, before and after")
	f.StringVar(&cfg.Out, "out", "out/bench.json", "file for the result")
	f.StringVar(&cfg.Bin, "bin", besideUs(), "directory with the services' binaries")
	f.StringVar(&cfg.Dir, "logs", "out/bench", "directory for configuration files and logs")
	f.StringVar(&cfg.Stack, "stack", ".stack", "where scripts/stack keeps its pid files, to measure the servers, too")
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		if cfg.Servers, err = fleet.FromEnvironment(); err != nil {
			return err
		}
		cfg.Load.Tenant = benchTenant()
		cfg.Load.Span = time.Duration(*seconds * float64(time.Second))
		cfg.Load.Progress = progressTo(c.ErrOrStderr(), terminal(os.Stderr))
		cfg.Say = benchSays(c)
		result, err := bench.Run(c.Context(), cfg)
		if err != nil {
			return err
		}
		if out.json() {
			err = writeJSON(c.OutOrStdout(), result)
		} else {
			result.Write(c.OutOrStdout())
		}
		if err == nil && !result.Report.Clean() {
			err = fmt.Errorf("the audit has %d findings", result.Report.Audit.Found)
		}
		return err
	}
	c.AddCommand(newBenchStart(), newBenchProvision(), newBenchRollout())
	return c
}

func newBenchStart() *cobra.Command {
	var cfg bench.StartConfig
	c := &cobra.Command{
		Use:   "start",
		Short: "Measure starts, and rebuilds of a flushed Redis, behind a long log",
		Long: `Starts one process of each service against the Kafka, Redis and NATS that the environment names, writes a past into the
log, waits until it is compacted, FLUSHES THE REDIS DATABASE while calls come in and measures how long the gates stay
closed; then stops and starts each service and measures how long it takes to be ready.`,
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	out := outputFlag(c)
	f.IntVar(&cfg.Past.Events, "events", 100_000, "events of contacts that are over")
	f.IntVar(&cfg.Past.Contacts, "contacts", 5_000, "live contacts")
	f.IntVar(&cfg.Past.Stubs, "stubs", 0, "contacts that have just ended")
	f.IntVar(&cfg.Past.Agents, "agents", 10_000, "agents who are available")
	f.IntVar(&cfg.Starts, "starts", 5, "starts of each service")
	f.Float64Var(&cfg.BHCC, "bhcc", 20_000, "calls per hour that come in while Redis is flushed; 0: none")
	f.StringVar(&cfg.Bin, "bin", besideUs(), "directory with the services' binaries")
	f.StringVar(&cfg.Dir, "logs", "out/bench", "directory for configuration files and logs")
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		if cfg.Servers, err = fleet.FromEnvironment(); err != nil {
			return err
		}
		cfg.Tenant = benchTenant()
		cfg.Say = benchSays(c)
		result, err := bench.Start(c.Context(), cfg)
		if err != nil {
			return err
		}
		if out.json() {
			return writeJSON(c.OutOrStdout(), result)
		}
		result.Write(c.OutOrStdout())
		return nil
	}
	return c
}

// benchTenant is one that nobody has used.
func benchTenant() string { return fmt.Sprintf("bench-%06x", rand.IntN(1<<24)) }

// benchSays tells whoever watches how far it is.
func benchSays(c *cobra.Command) func(format string, args ...any) {
	return func(format string, args ...any) { fmt.Fprintf(c.ErrOrStderr(), "bench: "+format+"\n", args...) }
}

// besideUs is the directory of this binary; the build puts all of them into one.
func besideUs() string {
	self, err := os.Executable()
	if err != nil {
		return "bin"
	}
	return filepath.Dir(self)
}
