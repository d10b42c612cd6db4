package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/busyhour/busyhour/services/busyhour/internal/bench"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
)

func newBenchRollout() *cobra.Command {
	var cfg bench.RolloutConfig
	c := &cobra.Command{
		Use:   "rollout",
		Short: "Measure what a rollout and scaling cost the signals, partition by partition",
		Long: `Starts two processes of call-routing against the Kafka, Redis and NATS that the environment names, sends a steady stream of
signals to every partition of call-routing.signals, restarts one process after the other, scales to three and back, and
measures for each partition whether it moved and how long its oldest signal waited. Then every signal is looked for: what is
lost or was handled twice makes the exit code 1.`,
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	out := outputFlag(c)
	f.Float64Var(&cfg.Rate, "rate", 20, "signals a second to each partition")
	f.DurationVar(&cfg.Settle, "settle", 5*time.Second, "time between two steps")
	f.Int32Var(&cfg.Grow, "grow", 0, "partitions that contact-events grows to in a last step; 0: none")
	f.StringVar(&cfg.Out, "out", "out/bench-rollout.json", "file for the result")
	f.StringVar(&cfg.Bin, "bin", besideUs(), "directory with the services' binaries")
	f.StringVar(&cfg.Dir, "logs", "out/bench-rollout", "directory for configuration files and logs")
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		if cfg.Servers, err = fleet.FromEnvironment(); err != nil {
			return err
		}
		cfg.Tenant, cfg.Say = benchTenant(), benchSays(c)
		result, err := bench.Rollout(c.Context(), cfg)
		if err != nil {
			return err
		}
		if out.json() {
			err = writeJSON(c.OutOrStdout(), result)
		} else {
			result.Write(c.OutOrStdout())
		}
		if err == nil && !result.Clean() {
			err = fmt.Errorf("%d signals were lost, %d handled twice", result.Lost, result.Twice)
		}
		return err
	}
	return c
}
