// Package stream is the queue of items that wait for a worker: a Redis Stream per tenant and priority, with one group.
//
//	ingest, sweep, requeue ──Enqueue──▶ stream ──Read──▶ a worker ──Done──▶ (gone)
//	                                    ▲ └── Claim ──▶ another, if the first has died
//	                                    └────Again──── not its turn yet
//
// It stands in the namespace of the epoch and dies with it: the item's record and the log say what has to be in it. An
// item is in it once; its entry stays until the item has ended, so the stream's length is what is left to do.
package stream

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

//go:embed enqueue.lua
var enqueueSource string

//go:embed group.lua
var groupSource string

//go:embed done.lua
var doneSource string

//go:embed again.lua
var againSource string

//go:embed touch.lua
var touchSource string

var (
	enqueue   = redis.NewScript(enqueueSource)
	makeGroup = redis.NewScript(groupSource)
	done      = redis.NewScript(doneSource)
	again     = redis.NewScript(againSource)
	touch     = redis.NewScript(touchSource)
)

const group = "workers"

// Stream is the queues of all tenants.
type Stream struct {
	redis redis.UniversalClient
	added map[line]chan struct{} // never changed after New
}

// line is who waits for additions.
type line struct {
	tenant   string
	priority provisioningv1.Priority
}

// New makes a Stream.
func New(r redis.UniversalClient, tenants []string) *Stream {
	s := &Stream{redis: r, added: map[line]chan struct{}{}}
	for _, t := range tenants {
		for _, p := range job.Priorities {
			s.added[line{t, p}] = make(chan struct{}, 1)
		}
	}
	return s
}

// Entry of the stream.
type Entry struct {
	ID string
	// Item is the name of the item's record.
	Item string
}

// Namespace is one stream: of a tenant's epoch, and of a priority.
type Namespace struct {
	Tenant   string
	Epoch    uint32
	Priority provisioningv1.Priority
}

func (n Namespace) mark() string   { return commit.MarkKey(n.Tenant, state.Service) }
func (n Namespace) stream() string { return n.key("stream") }
func (n Namespace) queued() string { return n.key("queued") }

func (n Namespace) key(name string) string {
	return commit.Key(n.Tenant, state.Service, n.Epoch, name+":"+job.PriorityName(n.Priority))
}

func (n Namespace) closed() error {
	return refusal.New(refusal.Unavailable, "UNVERIFIED", "epoch %d of tenant %s is not open", n.Epoch, n.Tenant).To("try again")
}

// Enqueue puts items into the stream that are not in it. It refuses if the epoch is not open any more.
func (s *Stream) Enqueue(ctx context.Context, n Namespace, items ...string) error {
	args := make([]any, 0, 1+len(items))
	args = append(args, n.Epoch)
	for _, it := range items {
		args = append(args, it)
	}
	added, err := enqueue.Run(ctx, s.redis, []string{n.mark(), n.stream(), n.queued()}, args...).Int()
	if err != nil {
		return fmt.Errorf("queue %d items of %s: %w", len(items), n.Tenant, err)
	}
	if added < 0 {
		return n.closed()
	}
	select {
	case s.added[line{n.Tenant, n.Priority}] <- struct{}{}:
	default:
	}
	return nil
}

// Added tells that this pod has put something into a tenant's stream. What other pods put in has to be looked for.
func (s *Stream) Added(tenant string, priority provisioningv1.Priority) <-chan struct{} {
	return s.added[line{tenant, priority}]
}

// Read takes up to limit entries for a consumer that nobody has. It does not wait for any: a read that waits would hold
// a connection, and the worker that is to run what comes.
func (s *Stream) Read(ctx context.Context, n Namespace, consumer string, limit int) ([]Entry, error) {
	answer, err := s.redis.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: group, Consumer: consumer, Streams: []string{n.stream(), ">"}, Count: int64(limit), Block: -1,
	}).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil
	case noGroup(err):
		return nil, s.makeGroup(ctx, n)
	case err != nil:
		return nil, fmt.Errorf("read the stream of %s: %w", n.Tenant, err)
	}
	var entries []Entry
	for _, one := range answer {
		entries = append(entries, entriesOf(one.Messages)...)
	}
	return entries, nil
}

// Claim takes over up to limit entries that their consumer has held for longer than idle: it has died.
func (s *Stream) Claim(ctx context.Context, n Namespace, consumer string, limit int, idle time.Duration) ([]Entry, error) {
	messages, _, err := s.redis.XAutoClaim(ctx, &redis.XAutoClaimArgs{
		Stream: n.stream(), Group: group, Consumer: consumer, MinIdle: idle, Start: "0-0", Count: int64(limit),
	}).Result()
	switch {
	case noGroup(err):
		return nil, s.makeGroup(ctx, n)
	case err != nil:
		return nil, fmt.Errorf("claim entries of the stream of %s: %w", n.Tenant, err)
	}
	return entriesOf(messages), nil
}

// Touch says that the worker who has an entry is alive, so that nobody claims it. It reports false if the entry is another's
// by now, or gone.
func (s *Stream) Touch(ctx context.Context, n Namespace, consumer string, e Entry) (bool, error) {
	mine, err := touch.Run(ctx, s.redis, []string{n.stream()}, group, consumer, e.ID).Bool()
	switch {
	case noGroup(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("touch %s in the stream of %s: %w", e.Item, n.Tenant, err)
	}
	return mine, nil
}

// noGroup says that the stream or its group is not there: it is new, or somebody has removed it.
func noGroup(err error) bool { return err != nil && strings.Contains(err.Error(), "NOGROUP") }

func (s *Stream) makeGroup(ctx context.Context, n Namespace) error {
	made, err := makeGroup.Run(ctx, s.redis, []string{n.mark(), n.stream()}, n.Epoch, group).Int()
	if err != nil {
		return fmt.Errorf("make the group %s of the stream of %s: %w", group, n.Tenant, err)
	}
	if made < 0 {
		return n.closed()
	}
	return nil
}

func entriesOf(messages []redis.XMessage) []Entry {
	entries := make([]Entry, 0, len(messages))
	for _, m := range messages {
		item, _ := m.Values["item"].(string)
		entries = append(entries, Entry{m.ID, item})
	}
	return entries
}

// Done takes an entry out, for its item has ended.
func (s *Stream) Done(ctx context.Context, n Namespace, e Entry) error {
	err := done.Run(ctx, s.redis, []string{n.stream(), n.queued()}, group, e.ID, e.Item).Err()
	if err != nil {
		return fmt.Errorf("take %s out of the stream of %s: %w", e.Item, n.Tenant, err)
	}
	return nil
}

// Again puts an entry at the end, for it is not its item's turn yet. Nobody hears of it: it is to wait a while.
func (s *Stream) Again(ctx context.Context, n Namespace, e Entry) error {
	err := again.Run(ctx, s.redis, []string{n.mark(), n.stream(), n.queued()}, n.Epoch, group, e.ID, e.Item).Err()
	if err != nil {
		return fmt.Errorf("put %s at the end of the stream of %s: %w", e.Item, n.Tenant, err)
	}
	return nil
}

// Standing is how much waits, and since when.
type Standing struct {
	Length int64
	// Oldest is when the first of them came in; zero if there is none.
	Oldest time.Time
}

// Standing of a stream.
func (s *Stream) Standing(ctx context.Context, n Namespace) (Standing, error) {
	length, err := s.redis.XLen(ctx, n.stream()).Result()
	if err != nil || length == 0 {
		return Standing{}, err
	}
	first, err := s.redis.XRangeN(ctx, n.stream(), "-", "+", 1).Result()
	if err != nil || len(first) == 0 {
		return Standing{Length: length}, err
	}
	ms, _, _ := strings.Cut(first[0].ID, "-")
	since, err := strconv.ParseInt(ms, 10, 64)
	return Standing{length, time.UnixMilli(since)}, err
}

// Tidy removes consumers that have held nothing for longer than idle: pods that are gone.
func (s *Stream) Tidy(ctx context.Context, n Namespace, idle time.Duration) error {
	consumers, err := s.redis.XInfoConsumers(ctx, n.stream(), group).Result()
	if noGroup(err) || err != nil && strings.Contains(err.Error(), "no such key") {
		return nil
	}
	for _, c := range consumers {
		if c.Pending == 0 && c.Idle > idle {
			err = errors.Join(err, s.redis.XGroupDelConsumer(ctx, n.stream(), group, c.Name).Err())
		}
	}
	return err
}
