package eventlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"go.uber.org/zap"
)

const (
	// An epoch must stay below 2^21: as the upper part of a revision it has to fit a JavaScript and Lua number. Take
	// refuses at nine tenths of it.
	epochLimit = 1 << 21 / 10 * 9
	// takeTries is how often Take appends again because somebody else got the number first.
	takeTries = 16
	// tailWait is how long the tail lets the broker wait for a record. It holds up nobody but the end of Run: the tail has
	// a connection of its own.
	tailWait = 250 * time.Millisecond
	// askTimeout is when an unanswered question for the newest offset is given up and asked again.
	askTimeout = 2 * time.Second
)

// EpochLog is a one-partition topic that numbers the reigns of verified state. An epoch is taken by appending to it: its
// number is the offset, but at least the floor that the record names. A record counts for a tenant only if its number is
// higher than all before it, so two takers never have the same. Growths stand in it too (Growth): so it is decided which
// was first, an epoch or a growth.
type EpochLog struct {
	topic    string
	log      *zap.Logger
	producer *Producer
	asking   sarama.Client // for the newest offset; never behind a long poll
	tailing  sarama.Client
	asks     chan struct{} // one element: somebody waits in nextRead

	mu       sync.Mutex
	position int64         // the tail has read everything below
	moved    chan struct{} // closed and replaced when position changes
	newest   map[string]uint32
	takes    map[string][]Taken
	tells    []func(tenant string, epoch uint32)
	takers   map[string]chan taken // by nonce
	nextRead *read                 // begins after now

	grown       map[string]Grown
	growthTells []func(Grown)
}

// taken is what the tail found at the record of a taker.
type taken struct {
	epoch uint32
	first bool // no record before it has this number or a higher one, for any of its tenants
}

// read is one look at the newest offset, for everybody who asked before it began.
type read struct {
	done   chan struct{}
	newest int64
	err    error
}

// OpenEpochLog connects; nothing is read before Run.
func OpenEpochLog(cfg Config, topic string) (*EpochLog, error) {
	conf, err := cfg.client()
	if err != nil {
		return nil, fmt.Errorf("open epoch log %s: %w", topic, err)
	}
	producer, err := NewProducer(cfg)
	if err != nil {
		return nil, fmt.Errorf("open epoch log %s: %w", topic, err)
	}
	impatient := *conf
	impatient.Net.ReadTimeout = askTimeout
	asking, err := sarama.NewClient(cfg.Brokers, &impatient)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open epoch log %s: %w", topic, err), producer.Close())
	}
	tailing, err := sarama.NewClient(cfg.Brokers, conf)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open epoch log %s: %w", topic, err), asking.Close(), producer.Close())
	}
	return &EpochLog{
		topic: topic, log: cfg.logger().With(zap.String("topic", topic)),
		producer: producer, asking: asking, tailing: tailing,
		asks: make(chan struct{}, 1), moved: make(chan struct{}),
		newest: map[string]uint32{}, takes: map[string][]Taken{}, takers: map[string]chan taken{}, grown: map[string]Grown{},
	}, nil
}

// OnEpoch has tell called by the tail, in order, for each new highest epoch of a tenant. It must not block. To hear of
// all, register before Run.
func (e *EpochLog) OnEpoch(tell func(tenant string, epoch uint32)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tells = append(e.tells, tell)
}

// Newest is the highest epoch of the tenant that the tail has seen, or 0.
func (e *EpochLog) Newest(tenant string) uint32 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.newest[tenant]
}

// Ready waits until the tail has reached what stood in the topic at the call.
func (e *EpochLog) Ready(ctx context.Context) error { return e.Confirm(ctx) }

// Confirm asks for the newest offset, by a read that begins after this call, and waits until the tail is there: what
// Newest says then is not older than the call. Calls share reads; one is under way and one waits at most.
//
// A broker that was deposed as leader and does not know it yet can answer with an old offset. That is bounded by Kafka's
// broker session (9 s by default).
func (e *EpochLog) Confirm(ctx context.Context) error {
	e.mu.Lock()
	if e.nextRead == nil {
		e.nextRead = &read{done: make(chan struct{})}
	}
	r := e.nextRead
	e.mu.Unlock()
	select {
	case e.asks <- struct{}{}:
	default:
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		return fmt.Errorf("ask for the newest offset of %s: %w", e.topic, context.Cause(ctx))
	}
	if r.err != nil {
		return fmt.Errorf("ask for the newest offset of %s: %w", e.topic, r.err)
	}
	return e.await(ctx, r.newest)
}

// await waits until the tail has read everything below the offset.
func (e *EpochLog) await(ctx context.Context, offset int64) error {
	for {
		e.mu.Lock()
		position, moved := e.position, e.moved
		e.mu.Unlock()
		if position >= offset {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("the tail of %s is at offset %d, not yet at %d: %w", e.topic, position, offset, context.Cause(ctx))
		}
	}
}

// Take takes an epoch for the tenants. It is at least floor, higher than all that were taken for any of them before, and
// nobody else's. An error leaves open whether one was taken; then it belongs to nobody.
func (e *EpochLog) Take(ctx context.Context, tenants []string, floor uint32, nonce string) (uint32, error) {
	return e.TakeAs(ctx, Marker{Tenants: tenants, Floor: floor, Nonce: nonce})
}

// TakeAs is Take with all that a take can say.
func (e *EpochLog) TakeAs(ctx context.Context, m Marker) (uint32, error) {
	tenants, floor := m.Tenants, m.Floor
	for range takeTries {
		m.Floor = e.floorFor(tenants, floor)
		t, err := e.takeOnce(ctx, m)
		if err != nil {
			return 0, fmt.Errorf("take an epoch of %s for %s: %w", e.topic, strings.Join(tenants, ", "), err)
		}
		if t.epoch > epochLimit {
			return 0, fmt.Errorf("take an epoch of %s: %d is beyond %d, the last that may be used", e.topic, t.epoch, epochLimit)
		}
		if t.first {
			return t.epoch, nil
		}
	}
	return 0, fmt.Errorf("take an epoch of %s for %s: others were first %d times", e.topic, strings.Join(tenants, ", "), takeTries)
}

// floorFor raises the floor above all that is known.
func (e *EpochLog) floorFor(tenants []string, floor uint32) uint32 {
	for _, tenant := range tenants {
		floor = max(floor, e.Newest(tenant)+1)
	}
	return floor
}

func (e *EpochLog) takeOnce(ctx context.Context, m Marker) (taken, error) {
	found := make(chan taken, 1)
	e.mu.Lock()
	e.takers[m.Nonce] = found
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		delete(e.takers, m.Nonce)
		e.mu.Unlock()
	}()
	// The key lets compaction drop earlier takes of the same tenants: they are lower.
	key := strings.Join(slices.Sorted(slices.Values(m.Tenants)), ",")
	if err := e.producer.Send(ctx, m.message(e.topic, []byte(key))); err != nil {
		return taken{}, err
	}
	select {
	case t := <-found:
		return t, nil
	case <-ctx.Done():
		return taken{}, fmt.Errorf("the tail has not come to it: %w", context.Cause(ctx))
	}
}

// Run tails the topic and answers Confirm until ctx ends, then closes all connections.
func (e *EpochLog) Run(ctx context.Context) error {
	// Requests know no context: closing the connections is what ends them.
	stop := context.AfterFunc(ctx, func() { _ = errors.Join(e.asking.Close(), e.tailing.Close()) })
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { e.answer(ctx) })
	both.Go(func() { e.tail(ctx) })
	both.Wait()
	return e.producer.Close()
}

// answer does the reads that Confirm asks for, one at a time.
func (e *EpochLog) answer(ctx context.Context) {
	for {
		select {
		case <-e.asks:
		case <-ctx.Done():
			return
		}
		e.mu.Lock()
		r, position := e.nextRead, e.position
		e.nextRead = nil
		e.mu.Unlock()
		if r == nil {
			continue // an ask that an earlier read has served
		}
		r.newest, r.err = offsetAt(e.asking, e.topic, 0, sarama.OffsetNewest, false)
		if r.err == nil && r.newest < position {
			r.err = fmt.Errorf("it went back from %d to %d: the topic was truncated or made anew", position, r.newest)
		}
		if r.err != nil && ctx.Err() == nil {
			e.log.Warn("the newest epoch can't be confirmed", zap.Error(r.err))
			_ = e.asking.RefreshMetadata(e.topic)
		}
		close(r.done)
	}
}

// tail follows the topic from its start.
func (e *EpochLog) tail(ctx context.Context) {
	c := &cursor{client: e.tailing, topic: e.topic}
	backoff := rising(20*time.Millisecond, time.Second)
	for failures := 0; ctx.Err() == nil; {
		messages, _, err := c.fetch(tailWait)
		if err == nil {
			failures = 0
			e.take(messages, c.next)
			continue
		}
		if ctx.Err() != nil {
			return
		}
		failures++
		if failures == 3 || errors.Is(err, errOutOfRange) {
			e.log.Warn("the epoch topic can't be read", zap.Int64("offset", c.next), zap.Error(err))
		}
		if errors.Is(err, errOutOfRange) {
			e.restart(c)
		}
		_ = e.tailing.RefreshMetadata(e.topic)
		select {
		case <-time.After(backoff(failures)):
		case <-ctx.Done():
		}
	}
}

// restart reads from the start again: at the beginning of the log's life, and when the topic was made anew. What was
// seen stays seen, epochs never go back.
func (e *EpochLog) restart(c *cursor) {
	oldest, err := offsetAt(e.tailing, e.topic, 0, sarama.OffsetOldest, false)
	if err != nil {
		return
	}
	c.next = oldest
	e.mu.Lock()
	e.setPosition(oldest)
	e.mu.Unlock()
}

// take works in what the tail has read. Who waits for the position finds the tells done.
func (e *EpochLog) take(messages []Message, position int64) {
	for _, m := range messages {
		marker, ok, err := ParseMarker(m)
		if err != nil {
			e.log.Error("a record of the epoch topic can't be read and is passed over", zap.Error(err))
		}
		if ok && err == nil {
			e.count(m, marker)
		}
		growth, ok, err := parseGrowth(m)
		if err != nil {
			e.log.Error("a record of the epoch topic can't be read and is passed over", zap.Error(err))
		}
		if ok && err == nil {
			e.grow(m, growth)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if position != e.position {
		e.setPosition(position)
	}
}

// count raises the newest epoch of each tenant that the record is the first to have this number for.
func (e *EpochLog) count(at Message, m Marker) {
	epoch := max(uint32(at.Offset), m.Floor)
	first := true
	for _, tenant := range m.Tenants {
		first = e.raise(tenant, Taken{epoch, m.Nonce, m.Ends[tenant], m.Hand, earlier(at.Time, time.Now())}) && first
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if found, ok := e.takers[m.Nonce]; ok {
		found <- taken{epoch: epoch, first: first}
		delete(e.takers, m.Nonce)
	}
}

func (e *EpochLog) raise(tenant string, t Taken) bool {
	epoch := t.Epoch
	e.mu.Lock()
	if epoch <= e.newest[tenant] {
		e.mu.Unlock()
		return false
	}
	e.newest[tenant] = epoch
	e.takes[tenant] = append(e.takes[tenant], t)
	if extra := len(e.takes[tenant]) - takesKept; extra > 0 {
		e.takes[tenant] = slices.Delete(e.takes[tenant], 0, extra)
	}
	tells := e.tells
	e.mu.Unlock()
	for _, tell := range tells {
		tell(tenant, epoch)
	}
	return true
}

// setPosition wakes who waits for it. The lock is held.
func (e *EpochLog) setPosition(position int64) {
	e.position = position
	close(e.moved)
	e.moved = make(chan struct{})
}
