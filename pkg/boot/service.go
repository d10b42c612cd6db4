package boot

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"

	"github.com/busyhour/busyhour/pkg/config"
	"github.com/busyhour/busyhour/pkg/edge"
)

// Server is a service as a process sees it.
type Server interface {
	// Mount adds its handlers to the edge.
	Mount(e *edge.Server)
	// Run works until ctx ends, then drains.
	Run(ctx context.Context) error
	// Ready is nil, or says why it cannot serve now.
	Ready() error
	// Operations are /statusz and /state/ on the private port.
	Operations() http.Handler
}

// Service makes the run function of a service's binary, for Main:
//
//	call-routing [flags]          serves until it is told to stop
//	call-routing config           prints every key with its default
//	call-routing health [flags]   asks the process with the same configuration whether it is ready, for a container
//
// C is the service's configuration, in which Common is embedded.
func Service[C any, S Server, P commonOf[C]](name string, build func(context.Context, C, *Backends) (S, error)) func(context.Context, []string) error {
	return func(ctx context.Context, args []string) error {
		command := ""
		if len(args) > 0 && (args[0] == "config" || args[0] == "health") {
			command, args = args[0], args[1:]
		}
		var cfg C
		if command == "config" {
			return config.Describe(os.Stdout, name, &cfg)
		}
		if err := config.Load(name, &cfg, args); err != nil {
			if errors.Is(err, config.ErrHelp) {
				return errors.Join(config.Usage(os.Stdout, name, new(C)), err)
			}
			return err
		}
		common := P(&cfg).common()
		if command == "health" {
			return askReady(ctx, common)
		}
		return serve(ctx, name, *common, func(b *Backends) (Server, error) { return build(ctx, cfg, b) })
	}
}

type commonOf[C any] interface {
	*C
	common() *Common
}

// serve answers those who run the process from its first moment: while it waits for a server that is away, /readyz says
// for which.
func serve(ctx context.Context, name string, c Common, build func(*Backends) (Server, error)) error {
	if err := c.closed(); err != nil {
		return err
	}
	b, closers, err := open(name, c)
	if err != nil {
		return err
	}
	defer closers.close()
	start := &starting{b: b}
	ops, err := OpsParts(c, b, start)
	if err != nil {
		return err
	}
	run := func(ctx context.Context) error {
		if err := b.connect(ctx, name, c, closers); err != nil {
			return err
		}
		svc, err := build(b)
		if err != nil {
			return fmt.Errorf("start: %w", err)
		}
		front, err := newEdge(c, b, svc.Ready)
		if err != nil {
			return err
		}
		svc.Mount(front)
		if err := front.Open(); err != nil { // before anything runs; callers queue until the edge starts
			return err
		}
		start.done(svc)
		return RunParts(ctx, b.Log, b.PolicyPart(), Part{Name: "callers", Run: b.Callers.Run}, Part{Name: name, Run: svc.Run}, Part{Name: "edge", Run: front.Run})
	}
	return RunParts(ctx, b.Log, append(ops, Part{Name: name, Run: run})...)
}

// newEdge lets in who has a certificate of tls.client-ca, or anybody if that is not set.
func newEdge(c Common, b *Backends, ready func() error) (*edge.Server, error) {
	cfg := edge.ServerConfig{Listen: c.Listen, Grace: c.Grace, Ready: ready, Callers: b.Callers}
	s, err := c.TLS.server(tls.RequireAndVerifyClientCert)
	if err != nil {
		return nil, err
	}
	if s != nil {
		watchExpiry(b.Registry, "edge", s.Expiry)
		cfg.TLS = s.Config()
	}
	return edge.NewServer(cfg, b.Log, b.Registry), nil
}

// starting stands for a service that is not built yet.
type starting struct {
	b *Backends

	mu  sync.Mutex
	svc Server
}

func (s *starting) done(svc Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.svc = svc
}

func (s *starting) built() Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.svc
}

// Ready says what it waits for, then what the service says.
func (s *starting) Ready() error {
	if svc := s.built(); svc != nil {
		return svc.Ready()
	}
	return errors.New(s.b.waitsFor())
}

// Operations has none before the service has.
func (s *starting) Operations() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if svc := s.built(); svc != nil {
			svc.Operations().ServeHTTP(w, r)
			return
		}
		http.Error(w, s.b.waitsFor(), http.StatusServiceUnavailable)
	})
}
