package command

import (
	"context"
	"errors"
	"fmt"

	"buf.build/go/protovalidate"
	"github.com/busyhour/busyhour/api/events"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/agent-presence/internal/agent"
	"github.com/busyhour/busyhour/services/agent-presence/internal/flow"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
)

// Group is the consumer group of agent-presence.commands.
const Group = "agent-presence.commands"

// Log is what this package needs to write dead letters.
type Log interface {
	Produce(m eventlog.Message, done func(error))
}

// Commands takes presence changes that other systems ask for over Kafka.
type Commands struct {
	flow  *flow.Flow
	log   Log
	zap   *zap.Logger
	rules protovalidate.Validator
	taken *prometheus.CounterVec
}

// NewCommands makes a Commands.
func NewCommands(flow *flow.Flow, log Log, zap *zap.Logger, reg prometheus.Registerer) (*Commands, error) {
	rules, err := protovalidate.New(protovalidate.WithMessages(&presencev1.PresenceCommand{}), protovalidate.WithDisableLazy())
	if err != nil {
		return nil, fmt.Errorf("rules of presence commands: %w", err)
	}
	taken := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "busyhour_presence_commands_total",
		Help: "Records of agent-presence.commands, by what became of them: applied, repeated, refused, unreadable, or to be retried.",
	}, []string{"outcome"})
	reg.MustRegister(taken)
	return &Commands{flow: flow, log: log, zap: zap, rules: rules, taken: taken}, nil
}

// Handle carries out one record. done is called when its outcome is durable: the event, or the dead letter.
func (c *Commands) Handle(ctx context.Context, m eventlog.Message, done func(error)) {
	cmd, err := c.read(m)
	if err != nil {
		c.taken.WithLabelValues("unreadable").Inc()
		c.bury(m, err.Error(), done)
		return
	}
	out, err := c.flow.Do(ctx, cmd.Tenant, cmd.AgentId, "command:"+cmd.RequestId,
		agent.SetStatus{Status: cmd.Status, Reason: cmd.Reason, Request: cmd.RequestId})
	no, refused := refusal.As(err)
	switch {
	case err == nil:
		c.taken.WithLabelValues(outcome(out)).Inc()
		c.flow.WhenDurable(cmd.Tenant, out, done)
	case refused && no.Code != refusal.Unavailable && no.Code != refusal.Full:
		c.taken.WithLabelValues("refused").Inc()
		c.refuse(m, cmd.Tenant, out, no, done)
	default:
		c.taken.WithLabelValues("retried").Inc()
		done(err)
	}
}

func outcome(out flow.Outcome) string {
	if out.Changed {
		return "applied"
	}
	return "repeated"
}

// read says what is wrong with a record that is no command.
func (c *Commands) read(m eventlog.Message) (*presencev1.PresenceCommand, error) {
	if got := m.Header("ce_type"); got != events.PresenceCommand {
		return nil, fmt.Errorf("ce_type is %q; this version of agent-presence reads %s", got, events.PresenceCommand)
	}
	if m.Value == nil {
		return nil, errors.New("a tombstone is no command")
	}
	cmd := &presencev1.PresenceCommand{}
	if err := proto.Unmarshal(m.Value, cmd); err != nil {
		return nil, fmt.Errorf("not a PresenceCommand: %w", err)
	}
	if err := c.rules.Validate(cmd); err != nil {
		return nil, err
	}
	return cmd, nil
}

// refuse buries the record when what it was refused on is durable: else it might have been accepted.
func (c *Commands) refuse(m eventlog.Message, tenant string, out flow.Outcome, no *refusal.Refusal, done func(error)) {
	reason := no.Reason + ": " + no.Error()
	if out.Record == "" { // refused before anything was read
		c.bury(m, reason, done)
		return
	}
	c.flow.WhenDurable(tenant, out, func(err error) {
		if err != nil {
			done(err)
			return
		}
		c.bury(m, reason, done)
	})
}

func (c *Commands) bury(m eventlog.Message, reason string, done func(error)) {
	c.zap.Info("presence command to the dead letters", zap.String("agent", string(m.Key)), zap.String("reason", reason),
		zap.Int32("partition", m.Partition), zap.Int64("offset", m.Offset))
	c.log.Produce(eventlog.DeadLetter(topics.PresenceDeadLetter, m, reason), done)
}
