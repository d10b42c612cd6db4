// Package routing is the call-routing service: it takes switches' signals, keeps who waits and who holds what, and puts
// the right call in front of the right agent.
package routing

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/busyhour/busyhour/api/access"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/routing/v1/routingv1connect"
	"github.com/busyhour/busyhour/api/subjects"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/rebuild"
	"github.com/busyhour/busyhour/services/call-routing/internal/command"
	"github.com/busyhour/busyhour/services/call-routing/internal/flow"
	"github.com/busyhour/busyhour/services/call-routing/internal/push"
	"github.com/busyhour/busyhour/services/call-routing/internal/recovery"
	"github.com/busyhour/busyhour/services/call-routing/internal/sweep"
)

const service = "call-routing"

// Config of call-routing.
type Config struct {
	boot.Common
	// Workers is how many commands are under way at once.
	Workers int `key:"workers" default:"128" doc:"Commands under way at once; more wait in their lanes."`
	// InventoryEvery is how often switches are asked what they carry. Half of it must lie between two that close a contact.
	InventoryEvery time.Duration `key:"inventory-every" default:"10s" doc:"How often switches are asked what they carry; 0: never."`
}

// Validate says everything that is wrong, at once.
func (c *Config) Validate() error {
	problems := []error{c.Common.Validate()}
	if c.Workers < 1 {
		problems = append(problems, fmt.Errorf("workers: %d cannot carry out commands, 128 is usual", c.Workers))
	}
	if c.InventoryEvery < 0 {
		problems = append(problems, fmt.Errorf("inventory-every: %s lies in the past, 10s is usual", c.InventoryEvery))
	}
	return errors.Join(problems...)
}

// Service is one pod of call-routing.
type Service struct {
	b         *boot.Backends
	epochs    *eventlog.EpochLog
	producer  *eventlog.Producer
	store     *commit.Store
	recovery  *rebuild.Recovery
	compactor *rebuild.Compactor
	auditor   *rebuild.Auditor
	flow      *flow.Flow
	sweep     *sweep.Sweep
	signaling *command.Signaling
	routing   *command.Routing
	group     *eventlog.Group
}

// New makes a Service. Everything it opens is closed by Run.
func New(_ context.Context, cfg Config, b *boot.Backends) (*Service, error) {
	s := &Service{b: b}
	var err error
	if s.epochs, err = eventlog.OpenEpochLog(b.Kafka, topics.RoutingEpochs); err != nil {
		return nil, err
	}
	if s.producer, err = eventlog.NewProducer(b.Kafka); err != nil {
		return nil, err
	}
	s.epochs.OnGrowth(s.producer.Heed)
	if s.store, err = commit.Open(commit.Config{
		Redis: b.Redis, Service: service, Tenants: b.Tenants,
		Log: s.producer, Epochs: s.epochs, Logger: b.Log, Registry: b.Registry, OutboxLimit: b.OutboxLimit,
	}); err != nil {
		return nil, err
	}
	s.recovery = rebuild.New(rebuild.Config{
		Store: s.store, Source: recovery.Source(), Epochs: s.epochs, Kafka: b.Kafka, Producer: s.producer,
		Pod: b.Pod, Logger: b.Log, Registry: b.Registry,
		Discovery: b.Discovery, Limit: b.RecoveryLimit,
	})
	if s.compactor, err = rebuild.NewCompactor(rebuild.CompactorConfig{
		Store: s.store, Source: recovery.Source(), Kafka: b.Kafka, Growths: s.epochs, Logger: b.Log, Registry: b.Registry,
	}); err != nil {
		return nil, err
	}
	s.flow = flow.New(flow.Config{Store: s.store, Push: push.New(b.NATS, b.Log), Logger: b.Log, Registry: b.Registry, Workers: cfg.Workers})
	s.auditor = rebuild.NewAuditor(rebuild.AuditorConfig{
		Store: s.store, Source: recovery.Source(), Compacted: s.compactor, Heal: s.flow.Heal, Derived: s.flow.Recount, Logger: b.Log, Registry: b.Registry,
	})
	s.sweep = sweep.New(s.store, s.flow, b.Log, b.Registry)
	s.signaling = command.NewSignaling(s.flow, b.NATS, cfg.InventoryEvery, b.Log, b.Registry)
	s.routing = command.NewRouting(s.flow, b.Log)
	signals := command.NewSignals(s.flow, s.producer, b.Log, b.Registry)
	s.group, err = eventlog.NewGroup(b.Kafka, command.Group, []string{topics.Signals}, signals.Handle)
	return s, err
}

// Mount adds SignalingService and RoutingService.
func (s *Service) Mount(e *edge.Server) {
	for _, rule := range slices.Concat(access.Routing, access.Common) {
		e.Allow(command.Detail, edge.Rule(rule))
	}
	options := edge.Options(s.b.Log, s.b.Registry, command.Detail)
	path, h := routingv1connect.NewSignalingServiceHandler(s.signaling, options...)
	e.Mount(routingv1connect.SignalingServiceName, path, h)
	path, h = routingv1connect.NewRoutingServiceHandler(s.routing, options...)
	e.Mount(routingv1connect.RoutingServiceName, path, h)
}

// Run works until ctx ends. The parts stop in reverse: first what brings work, then the work in hand, last the relay, when
// nothing is left that could fill an outbox.
func (s *Service) Run(ctx context.Context) error {
	defer s.producer.Close()
	return boot.RunParts(ctx, s.b.Log,
		boot.Part{Name: "epochs", Run: s.epochs.Run},
		boot.Part{Name: "relay", Run: s.store.Run},
		boot.Part{Name: "recovery", Run: s.recovery.Run},
		boot.Part{Name: "compactor", Run: s.compactor.Run},
		boot.Part{Name: "auditor", Run: s.auditor.Run},
		boot.Part{Name: "commands in hand", Run: s.finish},
		boot.Part{Name: "sweep", Run: s.sweep.Run},
		boot.Part{Name: "pushes", Run: s.hear},
		boot.Part{Name: "signals", Run: s.group.Run},
	)
}

// finish waits for what is in hand when the pod stops.
func (s *Service) finish(ctx context.Context) error {
	<-ctx.Done()
	s.flow.Wait()
	return nil
}

// hear listens to what other services push. Each push goes to one pod; what is lost, the sweep finds.
func (s *Service) hear(ctx context.Context) error {
	presence, err := s.b.NATS.QueueSubscribe(subjects.EveryPresence(), service, s.presence)
	if err != nil {
		return err
	}
	directory, err := s.b.NATS.QueueSubscribe(subjects.EveryDirectory(), service, s.directory)
	if err != nil {
		return err
	}
	s.b.NATS.OnReconnect(s.sweep.HurryAll)
	<-ctx.Done()
	return errors.Join(presence.Close(), directory.Close())
}

func (s *Service) presence(ctx context.Context, subject string, data []byte) {
	m := &presencev1.PresencePush{}
	if err := proto.Unmarshal(data, m); err != nil || m.Presence.GetAgentId() == "" {
		s.b.Log.Warn("a presence push cannot be read; the sweep finds what it said", zap.String("subject", subject), zap.Error(err))
		return
	}
	s.look(ctx, m.Presence.Tenant, m.Presence.AgentId)
}

func (s *Service) directory(ctx context.Context, subject string, data []byte) {
	m := &provisioningv1.DirectoryEntry{}
	if err := proto.Unmarshal(data, m); err != nil {
		s.b.Log.Warn("a directory push cannot be read; the sweep finds what it said", zap.String("subject", subject), zap.Error(err))
		return
	}
	if agent := m.GetAgent(); agent != nil {
		s.look(ctx, m.Tenant, agent.Id)
	}
}

func (s *Service) look(ctx context.Context, tenant, agent string) {
	if _, open := s.store.Verified(tenant); open {
		s.flow.LookAt(ctx, tenant, agent)
	}
}

// Ready is nil once every tenant is verified and the group has joined.
func (s *Service) Ready() error {
	if err := s.recovery.Ready(); err != nil {
		return err
	}
	if !s.group.Joined() {
		return fmt.Errorf("consumer group %s is not joined yet", command.Group)
	}
	return nil
}

// Operations are /statusz and what an operator does to the state by hand.
func (s *Service) Operations() http.Handler { return s.recovery.Operations() }

// Main runs the service as a process.
func Main() { boot.Main(service, boot.Service[Config, *Service](service, New)) }
