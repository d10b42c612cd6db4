package edge

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/telemetry"
)

// ServerConfig says where a server listens and how it stops.
type ServerConfig struct {
	// Listen is host:port; port 0 takes a free one, which Addr tells.
	Listen string
	// Grace is how long a stopping server waits for what is in hand. Zero is 20 s.
	Grace time.Duration
	// Ready is nil, or says why the process cannot serve now. The gRPC health checks answer by it.
	Ready func() error
	// TLS is spoken if it is set, with HTTP/2 by ALPN.
	TLS *tls.Config
	// Callers says who asks; what each may do is said by Allow. Nil: nobody is asked, and everybody may do everything.
	Callers Callers
}

// Server serves one port. Mount and Handle come before Run.
type Server struct {
	cfg         ServerConfig
	log         *zap.Logger
	mux         *http.ServeMux
	guard       *guard
	services    []string
	patterns    []string
	connections prometheus.Gauge
	draining    chan struct{}
	inHand      sync.WaitGroup
	running     atomic.Int64

	mu       sync.Mutex
	listener net.Listener
}

// NewServer makes a server that does not listen yet.
func NewServer(cfg ServerConfig, log *zap.Logger, reg prometheus.Registerer) *Server {
	cfg.Grace = cmp.Or(cfg.Grace, 20*time.Second)
	return &Server{
		cfg: cfg, log: log, mux: http.NewServeMux(), draining: make(chan struct{}), guard: newGuard(cfg.Callers, log, reg),
		connections: telemetry.Register(reg, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "busyhour_edge_connections",
			Help: "Connections open now, WebSockets not counted.",
		})),
	}
}

// Mount adds a connect service: its handler, its health and its place in the reflection.
func (s *Server) Mount(service, path string, h http.Handler) {
	if len(s.services) == 0 {
		s.mountCommon()
	}
	s.services = append(s.services, service)
	s.mux.Handle(path, s.guard.procedures(h))
}

// Handle adds a plain handler, with a pattern of http.ServeMux.
func (s *Server) Handle(pattern string, h http.Handler) {
	s.patterns = append(s.patterns, pattern)
	s.mux.Handle(pattern, s.guard.at(pattern, h))
}

// Allow says who may do what. Whoever is turned away at the door is told in the words of detail.
func (s *Server) Allow(detail Detailer, rules ...Rule) { s.guard.allow(detail, rules) }

// Handler is all that was mounted, for a test's own server.
func (s *Server) Handler() http.Handler { return interruptible(identify(s.count(s.mux))) }

// Open begins to listen. Run does so itself; a caller that wants the address first calls Open and then Addr.
func (s *Server) Open() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		return nil
	}
	if err := s.guard.missing(s.patterns); err != nil {
		return err
	}
	l, err := net.Listen("tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.cfg.Listen, err)
	}
	s.listener = l
	return nil
}

// Addr is where the server listens, or nil before Open.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// Run serves until ctx ends, then stops: no new requests, a word to the streams (Draining), and Grace for what is in
// hand. What has not ended by then is cut.
func (s *Server) Run(ctx context.Context) error {
	if err := s.Open(); err != nil {
		return err
	}
	requests, cutAll := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), drainKey{}, s.draining))
	defer cutAll()
	srv := s.httpServer(requests)
	served := make(chan error, 1)
	go func() { served <- s.accept(srv) }()
	s.log.Info("serving", zap.Stringer("address", s.Addr()), zap.Bool("tls", s.cfg.TLS != nil))
	select {
	case err := <-served:
		return fmt.Errorf("serve on %s: %w", s.Addr(), err)
	case <-ctx.Done():
		s.drain(srv, cutAll)
		return nil
	}
}

func (s *Server) accept(srv *http.Server) error {
	if s.cfg.TLS != nil {
		return srv.ServeTLS(s.listener, "", "") // the configuration has the certificate
	}
	return srv.Serve(s.listener)
}

// httpServer bounds what a caller can hold open for nothing: headers that do not come, connections that are silent, a
// peer that is gone. It bounds neither reading nor writing a body, for streams are long.
func (s *Server) httpServer(requests context.Context) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(s.cfg.TLS != nil)
	protocols.SetUnencryptedHTTP2(s.cfg.TLS == nil)
	return &http.Server{
		Handler:           s.Handler(),
		TLSConfig:         s.cfg.TLS,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ConnState:         s.connState,
		ErrorLog:          zap.NewStdLog(s.log),
		Protocols:         protocols,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 1000,
			SendPingTimeout:      15 * time.Second,
			PingTimeout:          5 * time.Second,
			WriteByteTimeout:     10 * time.Second,
		},
	}
}

func (s *Server) connState(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.connections.Inc()
	case http.StateHijacked, http.StateClosed:
		s.connections.Dec()
	}
}

// count keeps account of handlers, for http.Server forgets those that took their connection over.
func (s *Server) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.inHand.Add(1)
		s.running.Add(1)
		defer s.inHand.Done()
		defer s.running.Add(-1)
		next.ServeHTTP(w, r)
	})
}

func (s *Server) drain(srv *http.Server, cutAll func()) {
	close(s.draining)
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Grace)
	defer cancel()
	err := srv.Shutdown(ctx)
	if err == nil {
		err = s.await(ctx) // Shutdown has let nobody new in, so the count only falls
	}
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("cutting what did not end in time", zap.Duration("grace", s.cfg.Grace), zap.Int64("requests", s.running.Load()))
	}
	cutAll()
	_ = srv.Close()
}

// await waits for the handlers that took their connection over.
func (s *Server) await(ctx context.Context) error {
	ended := make(chan struct{})
	go func() { s.inHand.Wait(); close(ended) }()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Server) ready() error {
	select {
	case <-s.draining:
		return ErrDraining()
	default:
	}
	if s.cfg.Ready == nil {
		return nil
	}
	return s.cfg.Ready()
}
