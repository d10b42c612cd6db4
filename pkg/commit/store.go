package commit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/refusal"
)

// Log is where outbox entries go. done is called once, with nil when every in-sync replica has the message.
type Log interface {
	Produce(m eventlog.Message, done func(error))
}

// Epochs knows which epoch is the newest of a tenant, from the log.
type Epochs interface {
	// Newest is the highest epoch seen so far; zero if none.
	Newest(tenant string) uint32
	// Confirm returns when everything has been seen that stood in the epoch topic when Confirm was called.
	Confirm(ctx context.Context) error
}

// Config says what a store works on.
type Config struct {
	Redis    redis.UniversalClient
	Service  string
	Tenants  []string
	Log      Log
	Epochs   Epochs
	Logger   *zap.Logger
	Registry prometheus.Registerer
	// OutboxLimit is how many bytes of a tenant's events may wait for the log before new work is refused; what lives has
	// half as much again. Zero is half a gibibyte.
	OutboxLimit int64
}

const defaultOutboxLimit = 512 << 20

// Store holds the records of one service.
type Store struct {
	redis   redis.UniversalClient
	service string
	tenants []string
	log     *zap.Logger
	epochs  Epochs
	metrics *metrics

	outboxLimit int64

	gates    map[string]*gate // by tenant; never changed after Open
	batchers map[string]*batcher
	outbox   *outboxes
	health   logHealth
	gaps     gaps
	confirm  *confirmer

	load, commit, drained, claim, overdue script

	mu      sync.Mutex
	foreign map[string]uint32 // mark key of another service → its epoch, as last read
	watched []func(tenant string, epoch uint32, open bool)
}

// Open makes a store. Its tenants are closed until recovery opens them.
func Open(cfg Config) (*Store, error) {
	if len(cfg.Tenants) == 0 {
		return nil, errors.New("open store " + cfg.Service + ": no tenants: set `tenants`")
	}
	s := &Store{
		redis: cfg.Redis, service: cfg.Service, tenants: slices.Clone(cfg.Tenants), log: cfg.Logger, epochs: cfg.Epochs,
		metrics: newMetrics(cfg.Registry, cfg.Service), outboxLimit: cmp.Or(cfg.OutboxLimit, defaultOutboxLimit),
		gates: map[string]*gate{}, batchers: map[string]*batcher{}, foreign: map[string]uint32{},
		load: newScript(loadSource), commit: newScript(commitSource), drained: newScript(drainedSource), claim: newScript(claimSource),
		overdue: newScript(overdueSource),
	}
	for _, t := range s.tenants {
		s.gates[t] = newGate()
		s.batchers[t] = newBatcher(s, t)
		s.metrics.gate(t, 0, false) // one that never opens is to be seen, too
	}
	s.metrics.outboxLimit.Set(float64(s.outboxLimit))
	s.confirm = newConfirmer(s)
	s.outbox = newOutboxes(s, cfg.Log)
	return s, nil
}

// Service that owns the records.
func (s *Store) Service() string { return s.service }

// Tenants that this store serves.
func (s *Store) Tenants() []string { return slices.Clone(s.tenants) }

// Redis is the client, for what is not a record: streams, leases.
func (s *Store) Redis() redis.UniversalClient { return s.redis }

// Verified reports whether the tenant is open, and its epoch.
func (s *Store) Verified(tenant string) (epoch uint32, open bool) {
	if g, ok := s.gates[tenant]; ok {
		return g.state()
	}
	return 0, false
}

// Why says why the tenant is closed; empty while it is open.
func (s *Store) Why(tenant string) string {
	if g, ok := s.gates[tenant]; ok {
		return g.reason()
	}
	return "not served here"
}

// Changed is closed when the tenant's gate opens or closes the next time.
func (s *Store) Changed(tenant string) <-chan struct{} { return s.gates[tenant].changed() }

// OnGate adds a function that is called after each opening and closing of a gate. It must not block.
func (s *Store) OnGate(f func(tenant string, epoch uint32, open bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watched = append(s.watched, f)
}

// Result is what became of a Do.
type Result struct {
	// Record is the name of the primary record: the first of this service that was asked for.
	Record string
	// Revision is the primary record's after the commit; without a commit, as it was loaded.
	Revision Revision
	// Previous is its revision before.
	Previous Revision
	// Changed reports whether this call changed it.
	Changed bool
	// Duplicate reports that the same operation had been through before; Revision is that of its outcome.
	Duplicate bool
	// Epoch it was decided in.
	Epoch uint32
	// Now is Redis' clock when it was loaded.
	Now time.Time
}

const tries = 10

// Do loads, decides and commits. decide may run several times, whenever somebody else was first; it must not change
// anything but its Tx. A decide that puts nothing commits nothing. An error from decide ends Do and is returned as it
// is, with a Result that names the record decided on, for a refusal too is acknowledged only when what it rests on is
// durable. op is the operation's id: meeting it again on the primary record, Do answers with the first outcome.
//
// Errors: a *refusal.Refusal, Unavailable while the tenant is closed, Redis does not answer or has no room (NoRoom), and
// NotFound for a tenant that is not served; Conflict if others were first ten times over; otherwise what Redis said.
func (s *Store) Do(ctx context.Context, tenant, op string, decide func(ctx context.Context, tx *Tx) error) (Result, error) {
	began := time.Now()
	result, err := s.do(ctx, tenant, op, decide)
	err = away(err)
	s.metrics.do(ctx, time.Since(began), result, err)
	return result, err
}

func (s *Store) do(ctx context.Context, tenant, op string, decide func(ctx context.Context, tx *Tx) error) (Result, error) {
	g, err := s.gateOf(tenant)
	if err != nil {
		return Result{}, err
	}
	var conflict error
	for try := range tries {
		epoch, open := g.state()
		if !open {
			return Result{}, s.closed(tenant)
		}
		tx := newTx(ctx, s, tenant, op, epoch)
		decided := decide(ctx, tx)
		if errors.Is(tx.failed, errMoved) {
			conflict = tx.failed
			continue
		}
		if tx.failed != nil {
			return Result{}, tx.failed
		}
		result := tx.result()
		if p := tx.primary; p != nil && op != "" && p.Op == op {
			result.Duplicate = true
			return result, nil
		}
		if decided != nil || !tx.changes() {
			return result, decided
		}
		v, err := s.batchers[tenant].submit(ctx, tx)
		switch {
		case err != nil && OutOfMemory(err):
			return Result{}, noMemory(tenant, s.service)
		case err != nil && !retryable(err):
			return Result{}, fmt.Errorf("commit %s of %s/%s: %w", op, tenant, s.service, err)
		case err != nil: // outcome unknown: load again, the operation's id tells
			conflict = err
		case v.committed:
			s.outbox.add(tx, v.older)
			result.Changed = true
			if tx.primary != nil && tx.puts(tx.primary) {
				result.Revision = tx.Next(tx.primary)
			}
			return result, nil
		case v.duplicate:
			result.Revision, result.Duplicate = v.revision, true
			return result, nil
		case v.full:
			return Result{}, noRoom(tenant, s.service, s.outboxLimit)
		default:
			if o := tx.marked(v.conflict); o != nil { // not open any more in the epoch it was read in
				s.forgetForeign(o.mark, o.epoch)
			}
			s.metrics.conflicts.WithLabelValues(kindOf(v.conflict)).Inc()
			conflict = fmt.Errorf("%s was changed by somebody else", v.conflict)
		}
		if err := pause(ctx, try); err != nil {
			return Result{}, err
		}
	}
	return Result{}, &Conflict{Op: op, Tenant: tenant, Last: conflict}
}

// Read loads without a commit. It answers while the tenant is closed too, and then says verified = false.
func (s *Store) Read(ctx context.Context, tenant string, read func(ctx context.Context, tx *Tx) error) (verified bool, err error) {
	g, err := s.gateOf(tenant)
	if err != nil {
		return false, err
	}
	epoch, open := g.state()
	tx := newTx(ctx, s, tenant, "", epoch)
	tx.unverified = true
	if err := read(ctx, tx); err != nil {
		return false, away(err)
	}
	return open && tx.why == "", away(tx.failed)
}

// Conflict says that an operation met somebody else's changes at every try.
type Conflict struct {
	Op, Tenant string
	Last       error
}

func (c *Conflict) Error() string {
	return fmt.Sprintf("operation %s of tenant %s gave up after %d tries: %v", c.Op, c.Tenant, tries, c.Last)
}

func (c *Conflict) Unwrap() error { return c.Last }

// away says to the caller that Redis did not answer: nothing is wrong with the command, and later it will pass.
func away(err error) error {
	if _, refused := refusal.As(err); err == nil || refused || !retryable(err) {
		return err
	}
	why := refusal.New(refusal.Unavailable, "STORE_AWAY", "Redis does not answer").To("try again in " + RetryAfter.String())
	return fmt.Errorf("%w (%w)", why, err)
}

// pause waits before the next try: not at all after the first, then up to 1, 2, 4 … 64 ms, at random.
func pause(ctx context.Context, try int) error {
	if try == 0 {
		return ctx.Err()
	}
	limit := time.Millisecond << min(try-1, 6)
	t := time.NewTimer(rand.N(limit))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// shut closes a tenant's gate after a script or the log said that its state is not verified.
func (s *Store) shut(tenant string, epoch uint32, why string) {
	if seq, closed := s.gates[tenant].shut(epoch, why); closed {
		s.gaps.owe(tenant, epoch, seq, s.health.away())
		s.log.Warn("gate closed", zap.String("tenant", tenant), zap.String("service", s.service), zap.Uint32("epoch", epoch), zap.String("why", why))
		s.tell(tenant, epoch, false)
	}
}

func (s *Store) tell(tenant string, epoch uint32, open bool) {
	s.metrics.gate(tenant, epoch, open)
	s.mu.Lock()
	watched := slices.Clone(s.watched)
	s.mu.Unlock()
	for _, f := range watched {
		f(tenant, epoch, open)
	}
}

// foreignEpoch is the open epoch of another service, as last heard or else read. Zero: it is not open.
func (s *Store) foreignEpoch(ctx context.Context, mark string) (uint32, error) {
	s.mu.Lock()
	epoch := s.foreign[mark]
	s.mu.Unlock()
	if epoch != 0 {
		return epoch, nil
	}
	values, err := s.redis.HMGet(ctx, mark, "epoch", "open").Result()
	if err != nil {
		return 0, err
	}
	if text, ok := values[0].(string); ok && values[1] == "1" {
		epoch = uint32(number(text))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.foreign[mark] = max(epoch, s.foreign[mark]) // somebody may have heard of a later one
	return epoch, nil
}

// forgetForeign has the mark read anew, unless that has happened since.
func (s *Store) forgetForeign(mark string, epoch uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.foreign[mark] == epoch {
		delete(s.foreign, mark)
	}
}
