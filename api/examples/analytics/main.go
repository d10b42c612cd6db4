// Command analytics computes service level and abandonment per queue and interval from call-routing.contact-events.v1
// alone. It keeps what it counts in memory, so at every start it reads the topic from the beginning: seven days.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"

	"github.com/busyhour/busyhour/api/consume"
	"github.com/busyhour/busyhour/api/topics"
)

type options struct {
	brokers, group, tenant, out string
	interval, every             time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.brokers, "brokers", "127.0.0.1:9092", "brokers to begin with, host:port, with commas between")
	flag.StringVar(&o.group, "group", "", "consumer group of this process alone; begin it with the name of your team")
	flag.StringVar(&o.tenant, "tenant", "", "only contacts of this tenant")
	flag.StringVar(&o.out, "out", "figures.jsonl", "file for the figures, a line of JSON for each queue and interval")
	flag.DurationVar(&o.interval, "interval", 15*time.Minute, "how long an interval is")
	flag.DurationVar(&o.every, "every", 10*time.Second, "how often the file is written")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "analytics:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	f := newFigures(o.interval)
	cfg := consume.Config{
		Brokers: strings.Split(o.brokers, ","), Group: o.group, Topics: []string{topics.ContactEvents}, Replay: true,
		// Every start would write the same letters again; what the consumer logs of them is enough here.
		DeadLetter: func(context.Context, consume.Letter) error { return nil },
		Logger:     slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	if o.tenant != "" {
		cfg.Tenants = []string{o.tenant}
	}
	consumer, err := consume.New(cfg, consume.On(func(_ context.Context, e consume.Event[*routingv1.ContactEvent]) error {
		f.take(e.Data.Contact)
		return nil
	}))
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx) }()
	tick := time.NewTicker(o.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := write(o.out, f.rows()); err != nil {
				cfg.Logger.Error("the figures can't be written", "error", err)
			}
		case err := <-ended:
			return errors.Join(err, write(o.out, f.rows()))
		}
	}
}

// write puts the file in the place of the one before, so that whoever reads finds a whole one.
func write(path string, rows []row) error {
	var text strings.Builder
	lines := json.NewEncoder(&text)
	for _, r := range rows {
		if err := lines.Encode(r); err != nil {
			return err
		}
	}
	if err := os.WriteFile(path+".new", []byte(text.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
