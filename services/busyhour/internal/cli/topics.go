package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/pkg/config"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/busyhour/internal/plan"
)

func newTopics() *cobra.Command {
	c := &cobra.Command{Use: "topics", Short: "The Kafka topics: print the plan, bring a cluster to it, let a topic grow"}
	c.AddCommand(newTopicsPlan(), newTopicsApply(), newTopicsGrow())
	return c
}

// kafkaFlags are the keys kafka.*, as the services have them, from flags and environment.
func kafkaFlags(c *cobra.Command) func(client string) (eventlog.Config, error) {
	var keys struct {
		Kafka boot.KafkaConfig `key:"kafka"`
	}
	read := config.Bind(c.Flags(), &keys)
	return func(client string) (eventlog.Config, error) {
		if err := read(); err != nil {
			return eventlog.Config{}, err
		}
		return keys.Kafka.Eventlog(client, nil, nil)
	}
}

func newTopicsPlan() *cobra.Command {
	c := &cobra.Command{
		Use:   "plan",
		Short: "Print every topic with its partitions, key, retention and readers; or what a demand asks for",
		Long: `Prints the plan. With --bhcc or --agents it prints beside the plan how many partitions that demand asks for, topic by topic with
the arithmetic, and what to do about it. Counts are rounded up to such as many numbers of pods divide: 3, 6, 12, 24, 48.`,
		Example: `  busyhour topics plan --bhcc 80000 --agents 10000 --growth 1.5 --per-consumer-rate 100`,
		Args:    cobra.NoArgs,
	}
	d := plan.Demand{Tenants: 1, Growth: plan.DefaultGrowth, Rate: plan.DefaultRate}
	f := c.Flags()
	f.Float64Var(&d.BHCC, "bhcc", 0, "calls in the busy hour of a tenant")
	f.IntVar(&d.Agents, "agents", 0, "agents of a tenant")
	f.IntVar(&d.Tenants, "tenants", d.Tenants, "how many tenants like that")
	f.Float64Var(&d.Growth, "growth", d.Growth, "factor to leave room for")
	f.Float64Var(&d.Rate, "per-consumer-rate", d.Rate, "records a second that one consumer takes of a partition")
	output := outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if asked := f.Changed("bhcc") || f.Changed("agents") || f.Changed("tenants") || f.Changed("growth") || f.Changed("per-consumer-rate"); asked {
			return propose(c, d, output.json())
		}
		if output.json() {
			return plan.JSON(c.OutOrStdout(), topics.Plan())
		}
		return plan.Table(c.OutOrStdout(), topics.Plan())
	}
	return c
}

func propose(c *cobra.Command, d plan.Demand, program bool) error {
	if err := d.Validate(); err != nil {
		return err
	}
	proposals := plan.Propose(topics.Plan(), d)
	if program {
		return plan.ProposalJSON(c.OutOrStdout(), d, proposals)
	}
	return plan.ProposalTable(c.OutOrStdout(), d, proposals)
}

func newTopicsApply() *cobra.Command {
	c := &cobra.Command{
		Use:   "apply",
		Short: "Create the topics that are missing and say what differs in the others",
		Long: `Creates the topics that are missing and compares the others with the plan. Nothing that exists is changed, and no topic
is ever made smaller. Ends with exit code 1 if a topic is not as planned.`,
		Args: cobra.NoArgs,
	}
	kafka := kafkaFlags(c)
	wait := c.Flags().Duration("wait", 0, "how long to wait for a broker that answers; 0: it must be there")
	replication := c.Flags().Int16("replication-factor", 3, "replicas of each partition; all but one must have an event before it is acknowledged")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *replication < 1 {
			return fmt.Errorf("replication-factor %d: at least 1", *replication)
		}
		if *replication == 1 {
			fmt.Fprintln(c.ErrOrStderr(), "warning: with one replica an acknowledged event is lost with its broker's disk; for development only")
		}
		cfg, err := kafka("busyhour-topics")
		if err != nil {
			return err
		}
		if err := plan.Await(c.Context(), cfg, *wait); err != nil {
			return err
		}
		return plan.Apply(c.Context(), c.OutOrStdout(), cfg, topics.Plan(), *replication)
	}
	return c
}

func newTopicsGrow() *cobra.Command {
	var g plan.Growth
	c := &cobra.Command{
		Use:   "grow TOPIC",
		Short: "Give a live topic more partitions; of an events topic its state topic first",
		Long: `Gives a topic more partitions while it is written to and read. An events topic grows in steps that the epoch topic of its
service keeps apart from recoveries: keys go to the new partitions only when the markers of all epochs stand there. Its
compacted topic grows before it, by the same command. Broken off, it leaves keys where they were: run it again.

All pods of the service must know of growths by then, that is be of this version. A topic never has fewer partitions again.`,
		Example: `  busyhour topics grow call-routing.contact-events.v1 --to 24`,
		Args:    cobra.ExactArgs(1),
	}
	kafka := kafkaFlags(c)
	c.Flags().Int32Var(&g.To, "to", 0, "how many partitions it is to have")
	c.Flags().BoolVar(&g.Force, "force", false, "also beyond what the plan allows")
	_ = c.MarkFlagRequired("to")
	c.RunE = func(c *cobra.Command, args []string) error {
		g.Topic = args[0]
		cfg, err := kafka("busyhour-topics")
		if err != nil {
			return err
		}
		return plan.Grow(c.Context(), c.OutOrStdout(), cfg, g)
	}
	return c
}
