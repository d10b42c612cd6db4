// Command contacts keeps the latest contact per id from call-routing.contact-events.v1, or from the compacted
// contact-state, in an SQLite file. Start it twice and the two share the partitions. SIGTERM or Ctrl-C ends it; what it then
// has goes to --out as JSON lines.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"

	"github.com/busyhour/busyhour/api/consume"
	"github.com/busyhour/busyhour/api/topics"
)

type options struct {
	brokers, group, topic, tenant, state, deadLetter, out string
	refresh                                               float64
}

func main() {
	var o options
	flag.StringVar(&o.brokers, "brokers", "127.0.0.1:9092", "brokers to begin with, host:port, with commas between")
	flag.StringVar(&o.group, "group", "", "consumer group; begin it with the name of your team")
	flag.StringVar(&o.topic, "topic", topics.ContactEvents, "or "+topics.ContactState)
	flag.StringVar(&o.tenant, "tenant", "", "only contacts of this tenant")
	flag.StringVar(&o.state, "state", "", "SQLite file; members of the group share it")
	flag.StringVar(&o.deadLetter, "dead-letter", "", "topic of yours for what can't be read")
	flag.StringVar(&o.out, "out", "/dev/stdout", "where the contacts are written in the end")
	flag.Float64Var(&o.refresh, "refresh", 60, "seconds between looks whether the topic has grown")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "contacts:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	store, err := openStore(o.state)
	if err != nil {
		return err
	}
	defer store.Close()
	brokers := strings.Split(o.brokers, ",")
	letters, err := consume.NewDeadLetters(brokers, o.deadLetter, nil)
	if err != nil {
		return err
	}
	defer letters.Close()
	cfg := consume.Config{
		Brokers: brokers, Group: o.group, Topics: []string{o.topic}, Store: store, DeadLetter: letters.Write,
		Kafka: consume.Settings(), Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	cfg.Kafka.Metadata.RefreshFrequency = time.Duration(o.refresh * float64(time.Second))
	if o.tenant != "" {
		cfg.Tenants = []string{o.tenant}
	}
	consumer, err := consume.New(cfg,
		consume.On(func(ctx context.Context, e consume.Event[*routingv1.ContactEvent]) error { return store.keep(ctx, e) }),
		consume.On(func(_ context.Context, e consume.Event[*commonv1.Gap]) error {
			cfg.Logger.Warn("the history has a gap", "tenant", e.Tenant, "from", e.Data.From.AsTime(), "to", e.Data.To.AsTime())
			return nil
		}),
	)
	if err != nil {
		return err
	}
	return errors.Join(consumer.Run(ctx), store.write(o.out))
}
