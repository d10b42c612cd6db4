// Package provisioning is the service that keeps the directory of agents and queues, and carries bulk changes into it
// and into downstream systems. README.md has its commands, facts, keys, topics and subjects as tables.
package provisioning

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"connectrpc.com/connect"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/api/access"
	"github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1/provisioningv1connect"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/rebuild"
	"github.com/busyhour/busyhour/services/provisioning/internal/command"
	"github.com/busyhour/busyhour/services/provisioning/internal/flow"
	"github.com/busyhour/busyhour/services/provisioning/internal/ingest"
	"github.com/busyhour/busyhour/services/provisioning/internal/push"
	"github.com/busyhour/busyhour/services/provisioning/internal/reconcile"
	"github.com/busyhour/busyhour/services/provisioning/internal/recovery"
	"github.com/busyhour/busyhour/services/provisioning/internal/saga"
	"github.com/busyhour/busyhour/services/provisioning/internal/scim"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
	"github.com/busyhour/busyhour/services/provisioning/internal/stream"
	"github.com/busyhour/busyhour/services/provisioning/internal/sweep"
	"github.com/busyhour/busyhour/services/provisioning/internal/work"
)

// Config of the service.
type Config struct {
	boot.Common
	saga.Config
	SCIM      scim.Config      `key:"scim"`
	Work      work.Config      `key:"work"`
	Reconcile reconcile.Config `key:"reconcile"`
}

// Service is one pod.
type Service struct {
	scim       scim.Config
	backends   *boot.Backends
	producer   *eventlog.Producer
	epochs     *eventlog.EpochLog
	store      *commit.Store
	recovery   *rebuild.Recovery
	flow       *flow.Flow
	reconciler *reconcile.Reconciler
	group      *eventlog.Group
	parts      []boot.Part
}

// New makes a pod. It does nothing before Run.
func New(_ context.Context, cfg Config, b *boot.Backends) (*Service, error) {
	s := &Service{scim: cfg.SCIM, backends: b}
	if err := s.connect(b); err != nil {
		return nil, err
	}
	s.flow = flow.New(s.store, push.New(b.NATS, b.Log), s.producer, uint32(cfg.Work.Backlog), b.Registry)
	items := stream.New(b.Redis, b.Tenants)
	in := ingest.New(b.Tenants, s.flow, items, s.producer, b.Log, b.Registry)
	s.flow.QueueIn(in.Queue)
	downstreams := saga.New(cfg.Config, b.Log, b.Registry)
	s.reconciler = reconcile.New(cfg.Reconcile, reconcile.Surroundings{
		Gate: s.store, Directory: s.flow, Downstream: reconcile.Of(downstreams), Jobs: s.flow, Items: s.flow,
		Reports: s.flow, Leases: reconcile.NewLeases(s.store), Tries: reconcile.NewTries(s.store),
	}, b.Pod, b.Log, b.Registry)
	var err error
	if s.group, err = eventlog.NewGroup(b.Kafka, ingest.Group, []string{topics.Requests}, in.Handle); err != nil {
		return nil, errors.Join(err, s.producer.Close())
	}
	s.recovery = rebuild.New(rebuild.Config{
		Store: s.store, Source: recovery.Source(), Epochs: s.epochs, Kafka: b.Kafka, Producer: s.producer,
		Pod: b.Pod, Logger: b.Log, Registry: b.Registry,
		Discovery: b.Discovery, Limit: b.RecoveryLimit,
	})
	compactor, err := rebuild.NewCompactor(rebuild.CompactorConfig{
		Store: s.store, Source: recovery.Source(), Kafka: b.Kafka, Growths: s.epochs, Logger: b.Log, Registry: b.Registry,
	})
	if err != nil {
		return nil, errors.Join(err, s.producer.Close())
	}
	auditor := rebuild.NewAuditor(rebuild.AuditorConfig{
		Store: s.store, Source: recovery.Source(), Compacted: compactor, Heal: s.flow.Heal, Logger: b.Log, Registry: b.Registry,
	})
	// Stopped from below: nothing new comes in, what is in hand ends, and the outbox is the last to rest.
	s.parts = []boot.Part{
		{Name: "epochs", Run: s.epochs.Run},
		{Name: "store", Run: s.store.Run},
		{Name: "recovery", Run: s.recovery.Run},
		{Name: "compactor", Run: compactor.Run},
		{Name: "auditor", Run: auditor.Run},
		{Name: "workers", Run: work.New(cfg.Work, s.store, items, s.flow, downstreams, b.Pod, b.Log, b.Registry).Run},
		{Name: "sweep", Run: sweep.New(s.store, s.flow, in, b.Log, b.Registry).Run},
		{Name: "reconciler", Run: s.reconciler.Run},
		{Name: "requeue", Run: recovery.NewRequeue(s.store, in, b.Kafka, b.Pod, b.Log, b.Registry).Run},
		{Name: "ingest", Run: in.Run},
		{Name: "requests", Run: s.group.Run},
	}
	return s, nil
}

// connect opens what stands on Kafka.
func (s *Service) connect(b *boot.Backends) (err error) {
	if s.producer, err = eventlog.NewProducer(b.Kafka); err != nil {
		return err
	}
	if s.epochs, err = eventlog.OpenEpochLog(b.Kafka, topics.ProvisioningEpochs); err != nil {
		return errors.Join(err, s.producer.Close())
	}
	s.epochs.OnGrowth(s.producer.Heed)
	s.store, err = commit.Open(commit.Config{
		Redis: b.Redis, Service: state.Service, Tenants: b.Tenants, Log: s.producer, Epochs: s.epochs,
		Logger: b.Log, Registry: b.Registry, OutboxLimit: b.OutboxLimit,
	})
	if err != nil {
		return errors.Join(err, s.producer.Close())
	}
	return nil
}

// Mount adds DirectoryService, JobService and ReconcileService, and the SCIM server.
func (s *Service) Mount(e *edge.Server) {
	for _, rule := range slices.Concat(access.Provisioning, access.Common) {
		e.Allow(command.Detail, edge.Rule(rule))
	}
	options := append(edge.Options(s.backends.Log, s.backends.Registry, command.Detail), connect.WithReadMaxBytes(command.MaxMessage))
	path, handler := provisioningv1connect.NewDirectoryServiceHandler(command.NewDirectory(s.flow), options...)
	e.Mount(provisioningv1connect.DirectoryServiceName, path, handler)
	path, handler = provisioningv1connect.NewJobServiceHandler(command.NewJob(s.flow), options...)
	e.Mount(provisioningv1connect.JobServiceName, path, handler)
	path, handler = provisioningv1connect.NewReconcileServiceHandler(command.NewReconcile(s.reconciler), options...)
	e.Mount(provisioningv1connect.ReconcileServiceName, path, handler)
	if s.scim.Enabled {
		e.Handle(scim.Path, scim.New(s.scim, s.flow, scim.NewRuns(s.flow), s.backends.Log, s.backends.Registry))
	}
}

// Run works until ctx ends, then drains. It may be called once.
func (s *Service) Run(ctx context.Context) error {
	err := boot.RunParts(ctx, s.backends.Log, s.parts...)
	if closed := s.producer.Close(); closed != nil {
		s.backends.Log.Warn("close", zap.String("what", "Kafka producer"), zap.Error(closed))
	}
	return err
}

// Ready is nil when every tenant is verified and the consumer group has joined.
func (s *Service) Ready() error {
	problems := []error{s.recovery.Ready()}
	if !s.group.Joined() {
		problems = append(problems, fmt.Errorf("not in the consumer group %s yet", ingest.Group))
	}
	return errors.Join(problems...)
}

// Operations are /statusz and what an operator does to the state by hand.
func (s *Service) Operations() http.Handler { return s.recovery.Operations() }

// Main runs the service as a process of its own.
func Main() { boot.Main(state.Service, boot.Service(state.Service, New)) }
