package commit

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
)

const (
	// While the log has acknowledged nothing for this long, Redis alone has what is decided, so a replica should have it too.
	logSlow = time.Second
	// Then a person hears of it.
	logAway = 10 * time.Second
	// A replica that takes longer than this holds up nobody.
	replicaWait = 50 * time.Millisecond
)

var errNoNode = errors.New("this kind of Redis client has no single server")

// logHealth is whether the log acknowledges what this pod gives to it.
type logHealth struct {
	mu       sync.Mutex
	underway int
	since    time.Time // it owes an acknowledgement since then; zero: it owes none
	told     bool
}

func (h *logHealth) handed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.underway++
	if h.since.IsZero() {
		h.since = time.Now()
	}
}

// answered takes an outcome. A failure is no acknowledgement: the event waits in its outbox.
func (h *logHealth) answered(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.underway--
	if err != nil {
		return
	}
	h.since = time.Time{}
	if h.underway > 0 {
		h.since = time.Now()
	}
}

// quiet says that no outbox holds anything.
func (h *logHealth) quiet() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.underway == 0 {
		h.since = time.Time{}
	}
}

// away is how long the log has acknowledged nothing although it should have; zero if it owes nothing.
func (h *logHealth) away() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.since.IsZero() {
		return 0
	}
	return time.Since(h.since)
}

// turned reports whether there is something new to tell: that the log is away, or that it is back.
func (h *logHealth) turned() (away, news bool) {
	away = h.away() >= logAway
	h.mu.Lock()
	defer h.mu.Unlock()
	news = away != h.told
	h.told = away
	return away, news
}

// LogAway is how long the log has acknowledged nothing although events wait; zero if it owes nothing.
func (s *Store) LogAway() time.Duration { return s.health.away() }

// watchLog shows whether the log answers, and says so once when that changes.
func (s *Store) watchLog() {
	s.metrics.logAway.Set(s.health.away().Seconds())
	switch away, news := s.health.turned(); {
	case !news:
	case away:
		s.log.Error("Kafka has acknowledged nothing for 10 s: decisions go on, acknowledgements wait, outboxes fill. Look at its "+
			"brokers; if Redis is lost now, what was decided meanwhile is lost with it", zap.String("service", s.service))
	default:
		s.log.Info("Kafka acknowledges again; outboxes drain", zap.String("service", s.service))
	}
}

// runReplicated runs a script and waits until a replica has it, on one connection: WAIT speaks of its own connection only.
func (s *Store) runReplicated(ctx context.Context, tenant string, sc script, keys []string, args []any) ([]any, error) {
	node, err := s.node(ctx, tenant)
	if err != nil {
		return nil, err
	}
	conn := node.Conn()
	defer func() { _ = conn.Close() }()
	answer, err := sc.run(ctx, conn, keys, args)
	if err == nil {
		s.awaitReplica(ctx, conn)
	}
	return answer, err
}

func (s *Store) awaitReplica(ctx context.Context, conn *redis.Conn) {
	role, err := conn.Do(ctx, "ROLE").Slice() // name, offset, replicas
	if err != nil || len(role) != 3 {
		return
	}
	if replicas, _ := role[2].([]any); len(replicas) == 0 {
		return
	}
	if n, err := conn.Wait(ctx, 1, replicaWait).Result(); err != nil || n == 0 {
		s.metrics.unreplicated.Inc()
	}
}

// node is the client of the server that a tenant's keys are on.
func (s *Store) node(ctx context.Context, tenant string) (*redis.Client, error) {
	switch c := s.redis.(type) {
	case *redis.ClusterClient:
		return c.MasterForKey(ctx, MarkKey(tenant, s.service))
	case *redis.Client:
		return c, nil
	}
	return nil, errNoNode
}
