package plan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"

	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/refusal"
)

// Growth is what an operator asks for.
type Growth struct {
	Topic string
	To    int32
	// Force goes beyond what the plan allows.
	Force bool
}

// Grow lets a live topic grow, and its state topic before it. What was begun and broken off it ends.
func Grow(ctx context.Context, w io.Writer, cfg eventlog.Config, g Growth) error {
	state := topics.StateOf(g.Topic)
	counts, err := eventlog.Partitions(cfg, g.Topic, state)
	if err != nil {
		return err
	}
	if err := g.allowed(counts); err != nil {
		return err
	}
	say := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	if state == "" {
		if err := eventlog.Extend(ctx, cfg, g.Topic, g.To); err != nil {
			return err
		}
		say("%s has %d partitions", g.Topic, g.To)
		return nil
	}
	if counts[state] < g.To {
		if err := eventlog.Extend(ctx, cfg, state, g.To); err != nil {
			return err
		}
	}
	say("%s has %d partitions", state, max(counts[state], g.To))
	return growEvents(ctx, cfg, g, say)
}

// allowed says why a topic may not grow so.
func (g Growth) allowed(counts map[string]int32) error {
	t, ok := topics.Find(g.Topic)
	have := counts[g.Topic]
	no := func(todo, format string, args ...any) error {
		return refusal.New(refusal.Invalid, "TOPIC_DOES_NOT_GROW", format, args...).To(todo)
	}
	switch {
	case !ok:
		return no("see busyhour topics plan", "%s is not in the plan", g.Topic)
	case !t.MayGrow():
		return no("leave it as it is", "%s never grows: %s", g.Topic, t.Growth)
	case topics.EventsOf(g.Topic) != "":
		return no(fmt.Sprintf("busyhour topics grow %s --to %d", topics.EventsOf(g.Topic), g.To), "%s grows with %s, in the right order", g.Topic, topics.EventsOf(g.Topic))
	case have == 0:
		return no("busyhour topics apply", "there is no topic %s", g.Topic)
	case g.To < have:
		return no("leave it as it is", "%s has %d partitions, and a topic never has fewer", g.Topic, have)
	case g.To > t.Limit() && !g.Force:
		return no("say --force if that is meant: more partitions cost files, memory and time of every rebalance",
			"%s may have %d partitions by the plan (%s), not %d", g.Topic, t.Limit(), t.Growth, g.To)
	}
	return nil
}

// growEvents lets an events topic grow, beside whatever recovers meanwhile.
func growEvents(ctx context.Context, cfg eventlog.Config, g Growth, say func(string, ...any)) (err error) {
	log, err := eventlog.OpenEpochLog(cfg, topics.EpochsOf(g.Topic))
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- log.Run(running) }()
	defer func() { stop(); err = errors.Join(err, <-ended) }()
	producer, err := eventlog.NewProducer(cfg)
	if err != nil {
		return err
	}
	defer producer.Close()
	grower := eventlog.Grower{Kafka: cfg, Epochs: log, Producer: producer, By: who(), Say: say}
	return grower.Grow(ctx, g.Topic, g.To)
}

func who() string {
	host, _ := os.Hostname()
	if u, err := user.Current(); err == nil {
		return u.Username + "@" + host
	}
	return host
}
