package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/busyhour/busyhour/services/busyhour/internal/bench/bulk"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
)

func newBenchProvision() *cobra.Command {
	cfg := bulk.Default()
	c := &cobra.Command{
		Use:   "provision",
		Short: "Measure a bulk job into a downstream that is fast, slow, failing and healthy in turn, and check it item by item",
		Long: `Starts two processes of each service against the Kafka, Redis and NATS that the environment names, and a SCIM server that can
be told to misbehave. Brings 10,000 agents into service by one job while that server is fast, slow, failing and healthy in
turn and a pod is killed twice, urgent changes are asked for and calls come in. What failed is asked for again. Then every
item, outcome, agent and user is checked; findings make the exit code 1. Beside it stands a consumer that makes the calls
itself and waits.`,
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	out := outputFlag(c)
	f.IntVar(&cfg.Agents, "agents", cfg.Agents, "agents of the job")
	f.IntVar(&cfg.Copies, "copies", cfg.Copies, "processes of each service")
	f.IntVar(&cfg.Concurrency, "concurrency", cfg.Concurrency, "downstream.concurrency of a pod")
	f.Float64Var(&cfg.Rate, "rate", cfg.Rate, "downstream.rate of a pod; 0: no limit")
	f.DurationVar(&cfg.Timeout, "timeout", cfg.Timeout, "downstream.timeout")
	f.DurationVar(&cfg.Latency, "latency", cfg.Latency, "time before an answer of the downstream")
	f.DurationVar(&cfg.SlowLatency, "slow-latency", cfg.SlowLatency, "the same while it is slow")
	f.Float64Var(&cfg.FastUntil, "fast-until", cfg.FastUntil, "share of the job that ends the fast phase")
	f.Float64Var(&cfg.SlowUntil, "slow-until", cfg.SlowUntil, "share of the job that ends the slow phase")
	f.Float64Var(&cfg.FailingUntil, "failing-until", cfg.FailingUntil, "share of the job that ends the failing phase")
	f.DurationVar(&cfg.Dead, "dead", cfg.Dead, "how long a killed pod stays away")
	f.DurationVar(&cfg.UrgentEvery, "urgent-every", cfg.UrgentEvery, "how often an urgent change is asked for")
	f.Float64Var(&cfg.BHCC, "bhcc", cfg.BHCC, "calls per hour meanwhile; 0: none")
	f.IntVar(&cfg.Screens, "screens", cfg.Screens, "agents at their screens for them")
	f.DurationVar(&cfg.Baseline, "baseline", cfg.Baseline, "how long calls come in before the job")
	f.BoolVar(&cfg.Blocking, "blocking", cfg.Blocking, "also measure a consumer that makes the calls itself and waits")
	f.DurationVar(&cfg.BlockingFor, "blocking-for", cfg.BlockingFor, "how long, in each phase at most")
	f.DurationVar(&cfg.Limit, "limit", cfg.Limit, "when a job that does not end is given up")
	f.StringVar(&cfg.Out, "out", "out/bench-provision.json", "file for the result")
	f.StringVar(&cfg.Bin, "bin", besideUs(), "directory with the binaries")
	f.StringVar(&cfg.Dir, "logs", "out/bench-provision", "directory for configuration files and logs")
	f.StringVar(&cfg.Stack, "stack", ".stack", "where scripts/stack keeps its pid files, to measure the servers, too")
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		if cfg.Servers, err = fleet.FromEnvironment(); err != nil {
			return err
		}
		cfg.Tenant = benchTenant()
		cfg.Say = benchSays(c)
		result, err := bulk.Run(c.Context(), cfg)
		if err != nil {
			return err
		}
		if out.json() {
			err = writeJSON(c.OutOrStdout(), result)
		} else {
			result.Write(c.OutOrStdout())
		}
		if n := result.Found(); err == nil && n > 0 {
			err = fmt.Errorf("the checks have %d findings", n)
		}
		return err
	}
	return c
}
