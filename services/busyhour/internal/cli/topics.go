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
	c := &cobra.Command{Use: "topics", Short: "The Kafka topics: print the plan, bring a cluster to it"}
	c.AddCommand(newTopicsPlan(), newTopicsApply())
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
	c := &cobra.Command{Use: "plan", Short: "Print every topic with its partitions, key, retention and readers", Args: cobra.NoArgs}
	output := outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if output.json() {
			return plan.JSON(c.OutOrStdout(), topics.Plan())
		}
		return plan.Table(c.OutOrStdout(), topics.Plan())
	}
	return c
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
