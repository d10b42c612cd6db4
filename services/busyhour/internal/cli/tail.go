package cli

import (
	"github.com/spf13/cobra"

	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/busyhour/internal/tail"
)

func newTail() *cobra.Command {
	c := &cobra.Command{
		Use:   "tail TOPIC",
		Short: "Show what stands in a topic, decoded, and go on with what comes",
		Long: `Shows records of a topic: when, what, whose, the key, the revision, and the payload as JSON. Markers, tombstones and dead
letters are shown as such. It reads beside all consumer groups and changes nothing. Ctrl-C ends it.`,
		Example: `  busyhour tail call-routing.contact-events.v1 --from 10m --tenant acme
  busyhour tail call-routing.dead-letter.v1 --from beginning --until-end --json`,
		Args: cobra.ExactArgs(1),
	}
	f, cfg := c.Flags(), tail.Config{From: tail.End}
	brokers := f.StringSlice("kafka.brokers", []string{"127.0.0.1:9092"}, "brokers to begin with, host:port")
	version := f.String("kafka.version", "3.6.0", "protocol version to speak, at most that of the oldest broker")
	f.StringVar(&cfg.Tenant, "tenant", "", "only this tenant's, and markers that name it")
	f.StringVar(&cfg.Key, "key", "", "only records with this key")
	f.Var(&cfg.From, "from", "beginning, end, or how long ago, for instance 10m")
	f.BoolVar(&cfg.UntilEnd, "until-end", false, "stop where the topic ends now")
	f.BoolVar(&cfg.JSON, "json", false, "each record as one line of JSON")
	c.RunE = func(c *cobra.Command, args []string) error {
		cfg.Topic = args[0]
		cfg.Kafka = eventlog.Config{Brokers: *brokers, ClientID: "busyhour-tail", Version: *version}
		return tail.Run(c.Context(), c.OutOrStdout(), cfg)
	}
	return c
}
