// Package presence is the agent-presence service: who is there, and what their screens show.
package presence

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/busyhour/busyhour/api/access"
	"github.com/busyhour/busyhour/api/gen/busyhour/presence/v1/presencev1connect"
	"github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1/provisioningv1connect"
	"github.com/busyhour/busyhour/api/gen/busyhour/routing/v1/routingv1connect"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/identity"
	"github.com/busyhour/busyhour/pkg/rebuild"
	"github.com/busyhour/busyhour/services/agent-presence/internal/agent"
	"github.com/busyhour/busyhour/services/agent-presence/internal/command"
	"github.com/busyhour/busyhour/services/agent-presence/internal/desktop"
	"github.com/busyhour/busyhour/services/agent-presence/internal/flow"
	"github.com/busyhour/busyhour/services/agent-presence/internal/proxy"
	"github.com/busyhour/busyhour/services/agent-presence/internal/push"
	"github.com/busyhour/busyhour/services/agent-presence/internal/recovery"
	"github.com/busyhour/busyhour/services/agent-presence/internal/state"
	"github.com/busyhour/busyhour/services/agent-presence/internal/sweep"
	"github.com/busyhour/busyhour/services/agent-presence/web"
)

// Config of agent-presence.
type Config struct {
	boot.Common
	Agents       AgentsConfig  `key:"agents"`
	Desktop      DesktopConfig `key:"desktop"`
	Page         PageConfig    `key:"page"`
	Routing      Addresses     `key:"routing"`
	Provisioning Addresses     `key:"provisioning"`
}

// AgentsConfig says what becomes of agents.
type AgentsConfig struct {
	Grace time.Duration `key:"grace" default:"30s" doc:"How long an agent without a screen keeps the status, before going offline."`
}

// DesktopConfig says how the screens' sockets behave.
type DesktopConfig struct {
	Origins   []string      `key:"origins" doc:"Hosts from whose pages browsers may connect, such as desk.example.com or *.example.com; the own host always may."`
	Heartbeat time.Duration `key:"heartbeat" default:"5s" doc:"How often a screen gets a heartbeat."`
	Silence   time.Duration `key:"silence" default:"15s" doc:"How long a screen may say nothing before its socket is closed."`
	LogIn     time.Duration `key:"log-in" default:"10s" doc:"How long a new socket may wait with its LogIn."`
	DrainOver time.Duration `key:"drain-over" default:"5s" doc:"How long at most the screens take to leave a process that stops; below grace."`
}

// PageConfig says what the page may reach here.
type PageConfig struct {
	Proxy bool `key:"proxy" default:"true" doc:"Pass the page's calls on to routing.urls and provisioning.urls, so that it has one origin."`
}

// Addresses of another service.
type Addresses struct {
	URLs []string `key:"urls" doc:"Addresses of the service, such as http://call-routing:8080, tried in turn."`
}

// Validate says everything that is wrong, at once.
func (c *Config) Validate() error {
	problems := []error{c.Common.Validate()}
	want := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	want(c.Agents.Grace > 0, "agents.grace: %s is no time to wait", c.Agents.Grace)
	want(c.Desktop.Heartbeat > 0, "desktop.heartbeat: %s is no interval", c.Desktop.Heartbeat)
	want(c.Desktop.Silence >= 2*c.Desktop.Heartbeat, "desktop.silence: %s is less than two heartbeats of %s", c.Desktop.Silence, c.Desktop.Heartbeat)
	want(c.Desktop.LogIn > 0, "desktop.log-in: %s is no time to wait", c.Desktop.LogIn)
	want(c.Desktop.DrainOver < c.Common.Grace, "desktop.drain-over: %s is not below grace, %s", c.Desktop.DrainOver, c.Common.Grace)
	want(len(c.Routing.URLs) > 0, "routing.urls: name where call-routing is; agents' actions go there")
	for _, u := range append(append([]string{}, c.Routing.URLs...), c.Provisioning.URLs...) {
		parsed, err := url.Parse(u)
		want(err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Host != "", "routing.urls, provisioning.urls: %q is no http or https address", u)
	}
	return errors.Join(problems...)
}

// Service is one pod of agent-presence.
type Service struct {
	cfg       Config
	b         *boot.Backends
	epochs    *eventlog.EpochLog
	producer  *eventlog.Producer
	store     *commit.Store
	recovery  *rebuild.Recovery
	compactor *rebuild.Compactor
	auditor   *rebuild.Auditor
	sweep     *sweep.Sweep
	desktop   *desktop.Server
	service   *command.Service
	directory *command.Directory
	group     *eventlog.Group
}

// New makes a Service. Everything it opens is closed by Run.
func New(_ context.Context, cfg Config, b *boot.Backends) (*Service, error) {
	s := &Service{cfg: cfg, b: b}
	var err error
	if s.epochs, err = eventlog.OpenEpochLog(b.Kafka, topics.PresenceEpochs); err != nil {
		return nil, err
	}
	if s.producer, err = eventlog.NewProducer(b.Kafka); err != nil {
		return nil, err
	}
	s.epochs.OnGrowth(s.producer.Heed)
	if s.store, err = commit.Open(commit.Config{
		Redis: b.Redis, Service: state.Service, Tenants: b.Tenants,
		Log: s.producer, Epochs: s.epochs, Logger: b.Log, Registry: b.Registry, OutboxLimit: b.OutboxLimit,
	}); err != nil {
		return nil, err
	}
	if err := s.build(podOf(b.Pod)); err != nil {
		return nil, err
	}
	return s, nil
}

// podOf names this process and this start of it: what the life before held, this one does not.
func podOf(name string) string { return name + "/" + strings.ToLower(rand.Text()[:8]) }

func (s *Service) build(pod string) (err error) {
	b, rules := s.b, agent.Rules{Grace: s.cfg.Agents.Grace}
	s.recovery = rebuild.New(rebuild.Config{
		Store: s.store, Source: recovery.Source(rules), Epochs: s.epochs, Kafka: b.Kafka, Producer: s.producer,
		Pod: pod, Logger: b.Log, Registry: b.Registry,
		Discovery: b.Discovery, Limit: b.RecoveryLimit,
	})
	if s.compactor, err = rebuild.NewCompactor(rebuild.CompactorConfig{
		Store: s.store, Source: recovery.Source(rules), Kafka: b.Kafka, Growths: s.epochs, Logger: b.Log, Registry: b.Registry,
	}); err != nil {
		return err
	}
	f := flow.New(s.store, push.New(b.NATS, b.Log), rules)
	s.auditor = rebuild.NewAuditor(rebuild.AuditorConfig{
		Store: s.store, Source: recovery.Source(rules), Compacted: s.compactor, Heal: f.Heal, Logger: b.Log, Registry: b.Registry,
	})
	s.sweep = sweep.New(s.store, f, pod, b.Log, b.Registry)
	s.directory = command.NewDirectory(s.store, f, b.NATS, b.Log)
	s.service = command.NewService(s.store, f, command.NewWatch(s.store, b.NATS, b.Log))
	if s.desktop, err = desktop.New(desktop.Config{
		Origins: s.cfg.Desktop.Origins, RoutingURLs: s.cfg.Routing.URLs,
		Heartbeat: s.cfg.Desktop.Heartbeat, Silence: s.cfg.Desktop.Silence, LogInWithin: s.cfg.Desktop.LogIn, DrainOver: s.cfg.Desktop.DrainOver,
	}, desktop.Parts{Store: s.store, Flow: f, NATS: b.NATS, Pod: pod, Peers: b.Peers, Log: b.Log, Registry: b.Registry, Token: b.Token, Progress: s.recovery.StatusOf}); err != nil {
		return err
	}
	commands, err := command.NewCommands(f, s.producer, b.Log, b.Registry)
	if err != nil {
		return err
	}
	s.group, err = eventlog.NewGroup(b.Kafka, command.Group, []string{topics.PresenceCommands}, commands.Handle)
	return err
}

// Mount adds PresenceService, the desktop's socket, the page, and what the page needs of other services.
func (s *Service) Mount(e *edge.Server) {
	for _, rule := range s.rules() {
		e.Allow(flow.Detailer, edge.Rule(rule))
	}
	path, h := presencev1connect.NewPresenceServiceHandler(s.service, edge.Options(s.b.Log, s.b.Registry, flow.Detailer)...)
	e.Mount(presencev1connect.PresenceServiceName, path, h)
	e.Handle("/ws/desktop", s.desktop)
	e.Handle("/auth/config", web.LogIn(s.logIn))
	e.Handle("/", web.Handler(s.logIn))
	if s.cfg.Page.Proxy {
		s.pass(e, "call-routing", s.cfg.Routing.URLs, routingv1connect.RoutingServiceName)
		s.pass(e, "provisioning", s.cfg.Provisioning.URLs, provisioningv1connect.DirectoryServiceName, provisioningv1connect.JobServiceName)
	}
}

// logIn says where the page has people log in.
func (s *Service) logIn() identity.Page {
	if s.b.Callers == nil {
		return identity.Page{Anonymous: true}
	}
	return s.b.Callers.Page()
}

// rules are those of what is mounted here. Where the other services are at this port, their own stand.
func (s *Service) rules() []access.Rule {
	rules := slices.Concat(access.Presence, access.Common)
	if s.cfg.Page.Proxy {
		rules = append(rules, access.PassedOn...)
	}
	return rules
}

func (s *Service) pass(e *edge.Server, to string, urls []string, services ...string) {
	if len(urls) == 0 {
		return
	}
	h, err := proxy.New(to, urls, s.b.Peers, s.b.Log)
	if err != nil { // Validate has seen these addresses
		h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { edge.WriteError(w, r, s.b.Log, err) })
	}
	for _, name := range services {
		e.Handle("/"+name+"/", h)
	}
}

// Run works until ctx ends. The parts stop in reverse: first the group, so that no new work comes; last the relay, when
// nothing is left that could fill an outbox.
func (s *Service) Run(ctx context.Context) error {
	defer s.producer.Close()
	return boot.RunParts(ctx, s.b.Log,
		boot.Part{Name: "epochs", Run: s.epochs.Run},
		boot.Part{Name: "relay", Run: s.store.Run},
		boot.Part{Name: "recovery", Run: s.recovery.Run},
		boot.Part{Name: "compactor", Run: s.compactor.Run},
		boot.Part{Name: "auditor", Run: s.auditor.Run},
		boot.Part{Name: "pods", Run: s.sweep.Pods},
		boot.Part{Name: "deadlines", Run: s.sweep.Deadlines},
		boot.Part{Name: "directory sweep", Run: s.sweep.Directory},
		boot.Part{Name: "directory", Run: s.directory.Run},
		boot.Part{Name: "screens", Run: s.desktop.Run},
		boot.Part{Name: "commands", Run: s.group.Run},
	)
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
func Main() { boot.Main(state.Service, boot.Service[Config, *Service](state.Service, New)) }
