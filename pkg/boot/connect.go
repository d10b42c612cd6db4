package boot

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/extra/redisotel/v9"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/fanout"
	"github.com/busyhour/busyhour/pkg/identity"
	"github.com/busyhour/busyhour/pkg/telemetry"
	"github.com/busyhour/busyhour/pkg/tlsfiles"
)

// Backends is what a service stands on.
type Backends struct {
	// Pod names this process among its like.
	Pod      string
	Tenants  []string
	Redis    redis.UniversalClient
	Kafka    eventlog.Config
	NATS     *fanout.Conn
	Peers    *Peers
	Log      *zap.Logger
	Registry Registry

	// Discovery asks whether a tenant's Redis is the primary; nil: nobody but that server knows.
	Discovery func(ctx context.Context, tenant string) error
	// RecoveryLimit and OutboxLimit are as configured.
	RecoveryLimit int
	OutboxLimit   int64
	// Callers says who asks. Token is this process's own, for calls in its own name; "" if it has none.
	Callers *identity.Keeper
	Token   edge.TokenSource

	waiting atomic.Pointer[string] // for what, while it starts
}

// Registry is where metrics are registered, and read.
type Registry interface {
	prometheus.Registerer
	prometheus.Gatherer
}

const (
	askPause  = 500 * time.Millisecond // between two questions whether a server is there
	flushTime = 5 * time.Second        // for the last traces
)

// Connect makes the connections of a service. It waits for Redis and Kafka until ctx ends; NATS may be away, its client
// keeps trying. The function it returns closes everything.
func Connect(ctx context.Context, service string, c Common) (*Backends, func(), error) {
	b, closers, err := open(service, c)
	if err != nil {
		return nil, nil, err
	}
	if err := b.connect(ctx, service, c, closers); err != nil {
		closers.close()
		return nil, nil, err
	}
	return b, closers.close, nil
}

// open makes what needs no server.
func open(service string, c Common) (*Backends, *closers, error) {
	pod, err := c.pod()
	if err != nil {
		return nil, nil, err
	}
	log, err := telemetry.Logger(c.Log)
	if err != nil {
		return nil, nil, err
	}
	log = log.Named(service).With(zap.String("pod", pod)) // what the packages below call service is a field of theirs
	callers, err := identity.New(c.Auth, log)
	if err != nil {
		return nil, nil, err
	}
	b := &Backends{
		Pod: pod, Tenants: c.Tenants, Log: log, Registry: telemetry.Registry(),
		RecoveryLimit: c.Recovery.Limit, OutboxLimit: c.Outbox.Limit,
		Callers: callers, Token: c.Peers.Source(),
	}
	if b.Peers, err = newPeers(c.Peers, b.Registry); err != nil {
		return nil, nil, err
	}
	for _, w := range c.Warnings() {
		log.Warn(w)
	}
	closers := &closers{log: log}
	closers.add("log", func() error { _ = log.Sync(); return nil }) // a terminal cannot sync, and says so
	return b, closers, nil
}

func (b *Backends) connect(ctx context.Context, service string, c Common, closers *closers) error {
	flush, err := telemetry.Traces(ctx, c.Trace, service)
	if err != nil {
		return err
	}
	closers.add("traces", func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
		defer cancel()
		return flush(ctx)
	})

	secure, err := c.Redis.TLS.client()
	if err != nil {
		return err
	}
	options := redisOptions(c.Redis, secure, service+"-"+b.Pod)
	b.Redis = redis.NewUniversalClient(options)
	closers.add("redis", b.Redis.Close)
	b.Discovery = discovery(options, b.Redis)
	if c.Trace.Endpoint != "" { // else it would cost and lead nowhere
		if err := redisotel.InstrumentTracing(b.Redis, redisotel.WithDBStatement(false)); err != nil {
			return fmt.Errorf("redis traces: %w", err)
		}
	}
	if err := b.awaitRedis(ctx, c.Redis.Addresses); err != nil {
		return err
	}

	if b.Kafka, err = c.Kafka.Eventlog(service+"-"+b.Pod, b.Log, b.Registry); err != nil {
		return err
	}
	watchClients(b.Registry, map[string]*tlsfiles.Client{"redis": secure, "kafka": b.Kafka.TLS})
	if err := b.awaitKafka(ctx); err != nil {
		return err
	}

	b.NATS, err = c.NATS.dial(service+"-"+b.Pod, b.Log, b.Registry)
	if err != nil {
		return fmt.Errorf("nats: %w", err)
	}
	closers.add("nats", func() error { b.NATS.Close(); return nil })
	return nil
}

// awaitRedis waits until Redis answers, and refuses one that may forget.
func (b *Backends) awaitRedis(ctx context.Context, addresses []string) error {
	var forgets error
	err := b.await(ctx, fmt.Sprintf("redis at %v", addresses), func(ctx context.Context) error {
		if err := b.Redis.Ping(ctx).Err(); err != nil {
			return err
		}
		err := checkPolicy(ctx, b.Redis)
		if errors.Is(err, errForgets) {
			forgets = err
			return nil
		}
		return err
	})
	return errors.Join(err, forgets)
}

// awaitKafka waits until a broker answers: without the newest epoch nothing is verified.
func (b *Backends) awaitKafka(ctx context.Context) error {
	return b.await(ctx, fmt.Sprintf("kafka at %v", b.Kafka.Brokers), func(context.Context) error { return eventlog.Reachable(b.Kafka) })
}

// await asks until the server answers. Meanwhile /readyz says what for.
func (b *Backends) await(ctx context.Context, what string, ask func(context.Context) error) error {
	for told := false; ; told = true {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		waits := fmt.Sprintf("%s does not answer: %v", what, err)
		b.waiting.Store(&waits)
		if !told {
			b.Log.Warn("waiting for a server before anything starts", zap.String("why", waits))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", what, err)
		case <-time.After(askPause):
		}
	}
}

func (b *Backends) waitsFor() string {
	if waits := b.waiting.Load(); waits != nil {
		return *waits
	}
	return "connecting to its servers"
}

// closers closes in reverse what was opened in order.
type closers struct {
	log  *zap.Logger
	each []func()
}

func (c *closers) add(name string, f func() error) {
	c.each = append(c.each, func() {
		if err := f(); err != nil && !errors.Is(err, redis.ErrClosed) {
			c.log.Warn("close", zap.String("what", name), zap.Error(err))
		}
	})
}

func (c *closers) close() {
	for i := len(c.each) - 1; i >= 0; i-- {
		c.each[i]()
	}
}
