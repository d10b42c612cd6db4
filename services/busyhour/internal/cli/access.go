package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/busyhour/internal/access"
)

func newAccess() *cobra.Command {
	c := &cobra.Command{
		Use:   "access",
		Short: "What each service may do on Kafka, Redis and NATS: print it, as each server wants it",
		Long: `Each service does these things and no others, so its user needs no other rights. Passwords are yours to add: in Redis as
>PASSWORD, or #SHA256-OF-IT, in the user's line of the ACL file; in NATS by the environment of nats-server.`,
	}
	c.AddCommand(
		printed("redis", "Print the users for Redis, as a file of ACLs", access.Redis),
		newAccessKafka(),
		printed("nats", "Print the users for NATS, as a part of nats-server's configuration", access.NATS),
		newAccessMatrix(),
	)
	return c
}

func printed(use, short string, write func(io.Writer)) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { write(c.OutOrStdout()); return nil },
	}
}

func newAccessKafka() *cobra.Command {
	c := printed("kafka", "Print the rights of each user in Kafka, as commands of its own tool, or give them", access.Kafka)
	kafka := kafkaFlags(c)
	apply := c.Flags().Bool("apply", false, "give the rights to the users, at kafka.brokers; what was given before stays")
	show := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if !*apply {
			return show(c, args)
		}
		cfg, err := kafka("busyhour-access")
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(c.Context(), time.Minute)
		defer cancel()
		grants := access.Grants()
		if err := eventlog.Allow(ctx, cfg, grants); err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "%d rights are given\n", len(grants))
		return err
	}
	return c
}
