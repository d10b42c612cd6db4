package fanout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/tlsfiles"
)

// Config says how to reach NATS.
type Config struct {
	// URL of a server, or several with commas between.
	URL string
	// Name of this connection in the server's lists and in our metrics.
	Name string
	// TLS makes the connections; nil: in the clear, unless the URL says tls.
	TLS *tlsfiles.Client
	// Username and Password, or the file of Credentials (.creds), say who we are.
	Username, Password, Credentials string
	// Logger and Registry may be nil.
	Logger   *zap.Logger
	Registry prometheus.Registerer
}

// Conn is a connection that looks for a server until it is closed.
type Conn struct {
	nats    *nats.Conn
	log     *zap.Logger
	metrics *metrics

	mu            sync.Mutex
	late          bool // Dial returned without a connection
	reconnected   []func()
	subscriptions map[*Subscription]struct{}
	dropped       uint64 // by subscriptions that are closed
}

// Dial connects, or goes on trying in the background: only a wrong Config is an error.
func Dial(cfg Config) (*Conn, error) {
	c := &Conn{log: cfg.Logger, subscriptions: map[*Subscription]struct{}{}}
	if c.log == nil {
		c.log = zap.NewNop()
	}
	c.metrics = newMetrics(cfg)
	c.mu.Lock()
	defer c.mu.Unlock()
	options := append(cfg.identity(),
		nats.Name(cfg.Name),
		nats.Timeout(2*time.Second),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1), // the library's own 60 tries end the connection for good
		nats.ReconnectWait(100*time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond),
		nats.PingInterval(5*time.Second),
		nats.MaxPingsOutstanding(2),
		nats.IgnoreAuthErrorAbort(), // whom the servers do not know now, they may know when they were told
		nats.ReconnectBufSize(-1),   // else an outage ends with a burst of stale messages
		nats.ConnectHandler(func(*nats.Conn) { c.connected() }),
		nats.ReconnectHandler(func(*nats.Conn) { c.back() }),
		nats.DisconnectErrHandler(c.lost),
		nats.ErrorHandler(c.trouble),
	)
	conn, err := nats.Connect(cmp.Or(cfg.URL, nats.DefaultURL), options...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", withoutURL(err))
	}
	c.nats, c.late = conn, !conn.IsConnected()
	c.metrics.register(c)
	if c.late {
		c.log.Warn("NATS does not answer yet", zap.Strings("servers", redacted(conn.Servers())), zap.Error(conn.LastError()))
	}
	return c, nil
}

// Publish tells everybody who is subscribed now. It does not wait for the server; an error says that nobody was told.
func (c *Conn) Publish(ctx context.Context, subject string, data []byte) error {
	m := &nats.Msg{Subject: subject, Data: data}
	if trace.SpanContextFromContext(ctx).IsValid() {
		m.Header = nats.Header{}
		otel.GetTextMapPropagator().Inject(ctx, propagation.HeaderCarrier(m.Header))
	}
	if err := c.nats.PublishMsg(m); err != nil {
		c.metrics.failed.Inc()
		return fmt.Errorf("publish on %s: %w", subject, err)
	}
	c.metrics.published.Inc()
	return nil
}

// Flush returns when the server has taken all that was sent before. Subscriptions stand then, so that nothing published
// from now on is missed. ctx needs a deadline.
func (c *Conn) Flush(ctx context.Context) error {
	if err := c.nats.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("flush to NATS: %w", err)
	}
	return nil
}

// Connected reports whether a server is connected now.
func (c *Conn) Connected() bool { return c.nats.IsConnected() }

// OnReconnect has f called each time a server is connected again, or for the first time after Dial. Subscriptions are in
// place again by then; what was published in between is missing.
func (c *Conn) OnReconnect(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reconnected = append(c.reconnected, f)
}

// Close ends the connection; what was published before goes out if the server takes it within half a second.
func (c *Conn) Close() {
	if c.Connected() {
		_ = c.nats.FlushTimeout(500 * time.Millisecond)
	}
	c.nats.Close()
	c.metrics.unregister()
}

// connected is the first connection. Only one that comes after Dial has returned can have made anybody miss anything.
func (c *Conn) connected() {
	c.mu.Lock()
	late := c.late
	c.mu.Unlock()
	if late {
		c.back()
	}
}

func (c *Conn) back() {
	c.metrics.reconnects.Inc()
	c.log.Info("NATS is connected again", zap.String("server", c.nats.ConnectedUrlRedacted()))
	c.mu.Lock()
	tell := c.reconnected
	c.mu.Unlock()
	for _, f := range tell {
		f()
	}
}

func (c *Conn) lost(_ *nats.Conn, err error) {
	if err != nil { // nil is our own Close
		c.log.Warn("NATS is away", zap.Error(err))
	}
}

func (c *Conn) trouble(_ *nats.Conn, s *nats.Subscription, err error) {
	subject := ""
	if s != nil {
		subject = s.Subject
	}
	if errors.Is(err, nats.ErrSlowConsumer) {
		c.log.Warn("a subscriber is too slow and loses messages", zap.String("subject", subject))
		return
	}
	c.log.Warn("NATS", zap.String("subject", subject), zap.Error(err))
}
