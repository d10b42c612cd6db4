package cli

import (
	"github.com/spf13/cobra"

	"github.com/busyhour/busyhour/services/busyhour/internal/tail"
)

func newTail() *cobra.Command {
	c := &cobra.Command{
		Use:   "tail TOPIC",
		Short: "Show what stands in a topic, decoded, and go on with what comes",
		Long: `Shows records of a topic: when, what, whose, the key, the revision, and the payload as JSON. Markers, tombstones and dead
letters are shown as such. It reads beside all consumer groups and changes nothing. Ctrl-C ends it.`,
		Example: `  busyhour tail call-routing.contact-events.v1 --from 10m --tenant acme
  busyhour tail call-routing.dead-letter.v1 --from beginning --until-end --json
  busyhour tail provisioning.directory-events.v1 --key acme/agent/ann --from beginning --until-end`,
		Args: cobra.ExactArgs(1),
	}
	f, cfg, kafka := c.Flags(), tail.Config{From: tail.End}, kafkaFlags(c)
	f.StringVar(&cfg.Tenant, "tenant", "", "only this tenant's, and markers that name it")
	f.StringVar(&cfg.Key, "key", "", "only records with this key")
	f.Var(&cfg.From, "from", "beginning, end, or how long ago, for instance 10m")
	f.BoolVar(&cfg.UntilEnd, "until-end", false, "stop where the topic ends now")
	f.BoolVar(&cfg.JSON, "json", false, "each record as one line of JSON")
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		cfg.Topic = args[0]
		if cfg.Kafka, err = kafka("busyhour-tail"); err != nil {
			return err
		}
		return tail.Run(c.Context(), c.OutOrStdout(), cfg)
	}
	return c
}
