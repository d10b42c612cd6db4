package desktop

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"buf.build/go/protovalidate"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/busyhour/busyhour/api/subjects"
	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/fanout"
	"github.com/busyhour/busyhour/pkg/rebuild"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/agent-presence/internal/flow"
	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

// Config says how the sockets behave. Zero durations mean the defaults.
type Config struct {
	// Origins are hosts, with * for a part, from whose pages browsers may connect; the own host always may.
	Origins []string
	// RoutingURLs are where acts go, tried in turn.
	RoutingURLs []string
	// Heartbeat is how often each screen gets one.
	Heartbeat time.Duration
	// Silence is how long a screen may say nothing.
	Silence time.Duration
	// LogInWithin is how long a socket may wait with its LogIn.
	LogInWithin time.Duration
	// WriteTimeout is how long one frame may take to write.
	WriteTimeout time.Duration
	// DrainOver is how long at most the screens take to leave a server that stops.
	DrainOver time.Duration
}

func (c *Config) setDefaults() {
	set := func(d *time.Duration, to time.Duration) {
		if *d <= 0 {
			*d = to
		}
	}
	set(&c.Heartbeat, 5*time.Second)
	set(&c.Silence, 15*time.Second)
	set(&c.LogInWithin, 10*time.Second)
	set(&c.WriteTimeout, 5*time.Second)
	set(&c.DrainOver, 5*time.Second)
}

// Parts are what a Server works with.
type Parts struct {
	Store    *commit.Store
	Flow     *flow.Flow
	NATS     *fanout.Conn
	Pod      string
	Peers    *boot.Peers
	Log      *zap.Logger
	Registry prometheus.Registerer
	// Token is this service's own, for screens that have none; nil: it has none.
	Token edge.TokenSource
	// Progress says how far the recovery of a closed tenant is. Nil: nobody knows.
	Progress func(tenant string) rebuild.TenantStatus
}

// Server holds the sockets of this pod.
type Server struct {
	cfg     Config
	store   *commit.Store
	flow    *flow.Flow
	nats    *fanout.Conn
	pod     string
	log     *zap.Logger
	metrics *metrics
	far     func(tenant string) rebuild.TenantStatus
	actor   *actor
	rules   protovalidate.Validator
	began   time.Time
	clock   clock
	back    atomic.Int64 // when NATS came back last, by elapsed

	gates   chan struct{} // a gate has opened or closed
	broken  chan *desk    // desks that wait for repair
	stopped chan struct{} // closed when Run ends

	mu     sync.Mutex
	desks  map[deskKey]*desk
	slots  [slots]map[*desk]struct{}
	next   int // the slot of the next desk
	opened map[string]gate
}

// New makes a Server. Run has to run while it serves.
func New(cfg Config, p Parts) (*Server, error) {
	cfg.setDefaults()
	rules, err := protovalidate.New(protovalidate.WithMessages(&presencev1.ClientFrame{}), protovalidate.WithDisableLazy())
	if err != nil {
		return nil, fmt.Errorf("rules of the desktop's frames: %w", err)
	}
	s := &Server{
		cfg: cfg, store: p.Store, flow: p.Flow, nats: p.NATS, pod: p.Pod, log: p.Log, rules: rules, began: time.Now(),
		actor: newActor(cfg.RoutingURLs, p.Token, p.Peers), far: p.Progress,
		gates: make(chan struct{}, 1), broken: make(chan *desk, 1<<14), stopped: make(chan struct{}),
		desks: map[deskKey]*desk{}, opened: map[string]gate{},
	}
	for i := range s.slots {
		s.slots[i] = map[*desk]struct{}{}
	}
	s.metrics = newMetrics(p.Registry, s)
	s.store.OnGate(func(string, uint32, bool) { s.lookAtGates() })
	s.nats.OnReconnect(s.reconnected)
	return s, nil
}

// ServeHTTP is the life of one socket.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	draining := edge.Draining(r.Context())
	select {
	case <-draining:
		edge.WriteError(w, r, s.log, edge.ErrDraining())
		return
	default:
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols: []string{Subprotocol}, OriginPatterns: s.cfg.Origins, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		s.log.Debug("no WebSocket", zap.Error(err)) // the caller has been told
		return
	}
	conn.SetReadLimit(maxFrame)
	sc := newScreen(s, conn)
	sc.header = edge.Bearer(r)
	s.metrics.screens.Inc()
	defer s.metrics.screens.Dec()
	go sc.write(draining)
	sc.run(r.Context())
	_ = conn.CloseNow() // if it is not closed yet
}

// Run beats, watches the gates and repairs until ctx ends. By then the edge has let every screen go.
func (s *Server) Run(ctx context.Context) error {
	defer close(s.stopped)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.beat(ctx) })
	g.Go(func() error { return s.watchGates(ctx) })
	for range repairers {
		g.Go(func() error { return s.repairs(ctx) })
	}
	return g.Wait()
}

// subscribeWithin is how long a log-in waits for NATS to take a subscription.
const subscribeWithin = 500 * time.Millisecond

// enter finds the agent's desk, or opens it: it listens before anything is read.
func (s *Server) enter(ctx context.Context, key deskKey) (*desk, error) {
	s.mu.Lock()
	d, there := s.desks[key]
	if !there {
		d = &desk{server: s, key: key, slot: s.next % slots, turn: make(chan struct{}, 1), opened: make(chan struct{})}
		s.next++
		s.desks[key] = d
		s.slots[d.slot][d] = struct{}{}
	}
	d.refs++
	s.mu.Unlock()
	if !there {
		d.open(ctx)
	}
	select {
	case <-d.opened:
		return d, nil
	case <-ctx.Done():
		s.exit(d)
		return nil, ctx.Err()
	}
}

// exit is called once for each enter. The last one closes the desk, unless the record has yet to hear of a loss.
func (s *Server) exit(d *desk) {
	s.mu.Lock()
	d.refs--
	last := d.refs == 0 && !d.hasDeparted()
	if last {
		delete(s.desks, d.key)
		delete(s.slots[d.slot], d)
	}
	s.mu.Unlock()
	if last {
		d.closeNews()
	}
}

// open subscribes, and waits until the server has heard of it. Without NATS the heartbeats bring what is new.
func (d *desk) open(ctx context.Context) {
	defer close(d.opened)
	news, err := d.server.nats.Subscribe(subjects.Agent(d.key.tenant, d.key.agent), d.hear)
	if err == nil && d.server.nats.Connected() {
		ctx, cancel := context.WithTimeout(ctx, subscribeWithin)
		defer cancel()
		err = d.server.nats.Flush(ctx)
	}
	d.news = news
	if err != nil {
		d.server.log.Warn("no pushes for an agent's screens, heartbeats will do", append(d.fields(), zap.Error(err))...)
	}
}

func (d *desk) closeNews() {
	<-d.opened
	if d.news != nil {
		_ = d.news.Close() // the connection may be gone, and the subscription with it
	}
}

func (d *desk) hasDeparted() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.departed) > 0
}

// valid refuses a frame that breaks the rules of the contract.
func (s *Server) valid(frame *presencev1.ClientFrame) error {
	err := s.rules.Validate(frame)
	var broken *protovalidate.ValidationError
	if errors.As(err, &broken) {
		return refusal.New(refusal.Invalid, "FRAME_INVALID", "%s", strings.ReplaceAll(broken.Error(), "\n", " "))
	}
	return err
}

// elapsed is the server's own, monotonic time.
func (s *Server) elapsed() time.Duration { return time.Since(s.began) }

// farewell is when a screen leaves a server that stops: the more screens, the longer it takes.
func (s *Server) farewell() time.Duration {
	s.mu.Lock()
	most := min(s.cfg.DrainOver, time.Duration(len(s.desks))*time.Millisecond)
	s.mu.Unlock()
	return mathrand.N(most + 1)
}

// jitter is how long a screen is asked to wait before it comes back.
func (s *Server) jitter() time.Duration { return mathrand.N(500 * time.Millisecond) }

func newID() string { return strings.ToLower(rand.Text()) }

// digest names several ids as one.
func digest(ids ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(ids, "\x00")))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:26])
}
