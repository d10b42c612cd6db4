// Package up runs all of Busyhour in one process for a laptop: the three services as they are, on an embedded Kafka,
// Redis and NATS, behind one port, with a tenant to try things in. For development: the embedded Redis keeps nothing, so
// that every start brings the state back from the log in the data directory.
//
//	servers ─▶ topics ─▶ provisioning ─▶ call-routing ─▶ agent-presence ─▶ edge ─▶ demo
//	                     ◀── stopped in reverse: the demo and the edge first, the servers last
package up

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/busyhour/busyhour/api/access"
	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/pkg/config"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/identity"
	"github.com/busyhour/busyhour/pkg/telemetry"
	presence "github.com/busyhour/busyhour/services/agent-presence"
	routing "github.com/busyhour/busyhour/services/call-routing"
	"github.com/busyhour/busyhour/services/provisioning"
)

// Config of the whole.
type Config struct {
	// Data is the directory that the log is kept in.
	Data string
	// Listen is the one address of everything.
	Listen string
	Log    telemetry.LogConfig
	// Self is how this program is called, for what it advises.
	Self string
	Out  io.Writer
}

// Tenant that is there to try things in.
const Tenant = "demo"

// Run runs everything until ctx ends.
func Run(ctx context.Context, cfg Config) (err error) {
	began := time.Now()
	if !boot.Loopback(cfg.Listen) {
		return fmt.Errorf("--listen %s: this is for one machine, whose addresses are 127.0.0.1, [::1] and localhost; for others run the services (README.md)", cfg.Listen)
	}
	unlock, err := lock(cfg.Data)
	if err != nil {
		return err
	}
	defer unlock()
	log, err := telemetry.Logger(cfg.Log)
	if err != nil {
		return err
	}
	servers, err := startServers(cfg.Data, log)
	if err != nil {
		return err
	}
	defer servers.close()
	if err := servers.topics(ctx); err != nil {
		return err
	}
	tokens, err := newTokens(cfg.Data)
	if err != nil {
		return err
	}
	callers, err := identity.New(tokens.issuer.auth(), log)
	if err != nil {
		return err
	}
	front := edge.NewServer(edge.ServerConfig{Listen: cfg.Listen, Grace: 3 * time.Second, Callers: callers}, log, telemetry.Registry())
	if err := front.Open(); err != nil {
		return err
	}
	s := &stack{cfg: cfg, servers: servers, front: front, url: urlOf(front.Addr()), tokens: tokens}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.build(ctx); err != nil {
		return err
	}
	demo := newDemo(s.url, servers.kafka.Addr, cfg, tokens, began)
	demo.mount(front)
	if err := mountContracts(front); err != nil {
		return err
	}
	parts := append(s.parts,
		boot.Part{Name: "edge", Run: front.Run},
		boot.Part{Name: "demo", Run: func(ctx context.Context) error { return demo.run(ctx, s.ready) }},
	)
	return boot.RunParts(ctx, log, parts...)
}

// urlOf is how this machine reaches the address.
func urlOf(a net.Addr) string {
	tcp := a.(*net.TCPAddr)
	if tcp.IP.IsUnspecified() {
		return fmt.Sprintf("http://127.0.0.1:%d", tcp.Port)
	}
	return "http://" + tcp.String()
}

// stack is the three services on their servers.
type stack struct {
	cfg     Config
	servers *servers
	front   *edge.Server
	url     string
	tokens  *tokens

	services []boot.Server
	parts    []boot.Part
	closers  []func()
}

func (s *stack) build(ctx context.Context) error {
	if err := add(ctx, s, "provisioning", provisioning.New, func(c *provisioning.Config) *boot.Common { return &c.Common }); err != nil {
		return err
	}
	if err := add(ctx, s, "call-routing", routing.New, func(c *routing.Config) *boot.Common { return &c.Common }); err != nil {
		return err
	}
	return add(ctx, s, "agent-presence", presence.New, func(c *presence.Config) *boot.Common { return &c.Common },
		"--routing.urls="+s.url, "--page.proxy=false", "--desktop.drain-over=1s")
}

// add connects a service to the servers, builds it, and mounts it on the one edge. Its configuration is what its own
// binary would read, with these flags.
func add[C any, S boot.Server](ctx context.Context, s *stack, name string,
	build func(context.Context, C, *boot.Backends) (S, error), common func(*C) *boot.Common, flags ...string) error {
	cfg := new(C)
	flags = append(flags,
		"--tenants="+Tenant, "--pod=up", "--grace=3s",
		"--kafka.brokers="+s.servers.kafka.Addr, "--redis.addresses="+s.servers.redis.Addr, "--redis.cluster=false", "--nats.url="+s.servers.nats.URL,
		"--auth.jwks="+s.tokens.issuer.jwks, "--auth.audience="+audience, "--auth.issuer=", "--auth.anonymous=false",
		"--log.level="+s.cfg.Log.Level, "--log.format="+s.cfg.Log.Format,
	)
	if err := config.Load(name, cfg, flags); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	b, closeAll, err := boot.Connect(ctx, name, *common(cfg))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	s.closers = append(s.closers, closeAll)
	svc, err := build(ctx, *cfg, b)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	svc.Mount(s.front)
	ops := "/ops/" + name
	s.front.Allow(nil, edge.Rule{Route: ops + "/", Roles: []string{access.Admin}})
	s.front.Handle(ops+"/", http.StripPrefix(ops, edge.OpsHandler(b.Registry, svc.Ready, svc.Operations())))
	s.services = append(s.services, svc)
	s.parts = append(s.parts, boot.Part{Name: name, Run: svc.Run})
	return nil
}

// ready waits until every service is.
func (s *stack) ready(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var why []error
		for _, svc := range s.services {
			why = append(why, svc.Ready())
		}
		err := errors.Join(why...)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("not ready yet: %w", err)
		}
	}
}

func (s *stack) close() error {
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i]()
	}
	return nil
}
