package consume_test

import (
	"context"
	"log/slog"
	"os"
	"os/signal"

	"github.com/busyhour/busyhour/api/consume"
	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
)

// Contacts and presences, from the beginning at every start, kept in memory.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	log := slog.Default()
	letters, err := consume.NewDeadLetters([]string{"127.0.0.1:9092"}, "wallboard.dead-letter", nil)
	if err != nil {
		log.Error("no dead letters", "error", err)
		return
	}
	defer letters.Close()
	consumer, err := consume.New(consume.Config{
		Brokers: []string{"127.0.0.1:9092"}, Group: "wallboard.1", Topics: []string{topics.ContactEvents, topics.AgentEvents},
		Replay: true, DeadLetter: letters.Write, Logger: log,
	},
		consume.On(func(_ context.Context, e consume.Event[*routingv1.ContactEvent]) error {
			log.Info("contact", "id", e.Data.Contact.Id, "state", e.Data.Contact.State, "revision", e.Revision)
			return nil
		}),
		consume.On(func(_ context.Context, e consume.Event[*presencev1.PresenceEvent]) error {
			log.Info("agent", "id", e.Data.Presence.AgentId, "status", e.Data.Presence.Status)
			return nil
		}),
		consume.On(func(_ context.Context, e consume.Event[*commonv1.Gap]) error {
			log.Warn("history is missing", "from", e.Data.From.AsTime(), "to", e.Data.To.AsTime())
			return nil
		}),
	)
	if err != nil {
		log.Error("no consumer", "error", err)
		return
	}
	if err := consumer.Run(ctx); err != nil {
		log.Error("the consumer ended", "error", err)
	}
}

// A handler refuses what it will never be able to take: it becomes a dead letter, and the partition moves on.
func ExampleRefuse() {
	consume.On(func(_ context.Context, e consume.Event[*routingv1.ContactEvent]) error {
		if e.Data.Contact.From == "" {
			return consume.Refuse("NO_CALLER", "contact %s says nobody who called", e.Data.Contact.Id)
		}
		return nil
	})
}

// The settings of your cluster.
func ExampleSettings() {
	kafka := consume.Settings()
	kafka.ClientID = "wallboard"
	kafka.Net.TLS.Enable = true
	kafka.Net.SASL.Enable, kafka.Net.SASL.User, kafka.Net.SASL.Password = true, "wallboard", "secret"
	_ = consume.Config{Kafka: kafka}
}
