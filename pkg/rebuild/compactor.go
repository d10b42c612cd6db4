package rebuild

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

// Entry is what a compactor knows of a record: its newest revision in the log.
type Entry struct {
	Revision commit.Revision
	// Hash of the value that the commit stored (Compactor.Hash); zero if the event could not be read.
	Hash uint64
	// Lasting is the hash of what of the value outlives an epoch (Source.Lasting).
	Lasting uint64
	// Changed is when this process saw it change, by its own clock.
	Changed time.Time
	// Stray: its events go to another partition since the topic grew. The log may have a newer one there.
	Stray bool
	// Until is when a record that has ended is forgotten; zero while it lives.
	Until time.Time

	offset int64 // in its state topic
}

// Ended reports whether the record has ended.
func (e Entry) Ended() bool { return !e.Until.IsZero() }

// CompactorConfig says what a Compactor works on.
type CompactorConfig struct {
	Store  *commit.Store
	Source Source
	Kafka  eventlog.Config
	// Growths tells how far a topic has grown; nil: none of them did by eventlog.Grower.
	Growths  Growths
	Logger   *zap.Logger
	Registry prometheus.Registerer
}

// Growths is the epoch topic, as a compactor needs it.
type Growths interface {
	Grown(topic string) (eventlog.Grown, bool)
}

// Compactor writes the state topics of a service: the latest event of each record, strictly in order.
//
//	events ──void?──repeat?──ghost?──▶ latest of each record ──transaction──▶ state topic, and how far the events are done
//
// The pods of a service share the partitions; each partition has one owner, and a transactional id that only its newest
// owner can write with. What an owner knows of its records is there for the auditor to read.
type Compactor struct {
	store   *commit.Store
	source  Source
	kafka   eventlog.Config
	growths Growths
	log     *zap.Logger
	metrics *compactorMetrics
	seed    maphash.Seed
	group   *eventlog.Group // nil if nothing is compacted
	// How often ended records are looked for. A key that went to another partition when the topic grew leaves its old
	// record behind; Redis is asked about one that has been still for movedAfter. Fields for the tests.
	buryEvery, movedAfter time.Duration

	mu      sync.RWMutex
	shelves map[shelfKey]*shelf
}

type shelfKey struct {
	events    string
	partition int32
}

// CompactorGroup is the consumer group of a service's compactors.
func CompactorGroup(service string) string { return service + ".compactor" }

// NewCompactor makes a member of the group; it joins when it runs.
func NewCompactor(cfg CompactorConfig) (*Compactor, error) {
	c := &Compactor{
		store: cfg.Store, source: cfg.Source, kafka: cfg.Kafka, growths: cfg.Growths, seed: maphash.MakeSeed(), shelves: map[shelfKey]*shelf{},
		log:       cfg.Logger.With(zap.String("service", cfg.Store.Service()), zap.String("part", "compactor")),
		buryEvery: 10 * time.Second, movedAfter: time.Minute,
	}
	c.metrics = newCompactorMetrics(cfg.Registry, cfg.Store.Service(), c)
	var events []string
	for _, t := range c.source.Topics {
		if t.State != "" {
			events = append(events, t.Events)
		}
	}
	if len(events) == 0 {
		return nil, errors.New("make a compactor: the source has no state topic")
	}
	var err error
	c.group, err = eventlog.NewOwnerGroup(cfg.Kafka, CompactorGroup(cfg.Store.Service()), events, c.own)
	return c, err
}

// Run compacts what is assigned to this pod until ctx ends.
func (c *Compactor) Run(ctx context.Context) error {
	defer c.metrics.unregister()
	return c.group.Run(ctx)
}

// own works on one partition while this pod has it.
func (c *Compactor) own(ctx context.Context, p *eventlog.Owned) error {
	topic, _ := c.source.topic(p.Topic)
	s := newShelf(c, topic, p.Partition)
	key := shelfKey{p.Topic, p.Partition}
	c.mu.Lock()
	c.shelves[key] = s
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.shelves[key] == s {
			delete(c.shelves, key)
		}
	}()
	return s.run(ctx, p)
}

// Hash is what Entry.Hash compares with. It is good within this process only.
func (c *Compactor) Hash(value []byte) uint64 { return maphash.Bytes(c.seed, value) }

// Each calls f for every record of the tenant in the partitions that this pod has, without an order. f must not take
// long: the partition waits for it.
func (c *Compactor) Each(tenant string, f func(record string, e Entry)) {
	for _, s := range c.ready() {
		s.each(tenant, f)
	}
}

// Entry is what is known of one record; ok is false if nothing is, or another pod has its partition.
func (c *Compactor) Entry(tenant, record string) (e Entry, ok bool) {
	_, e, ok = c.find(tenant, record)
	return e, ok
}

// Owns reports whether this pod compacts the partition that the record's events go to. It is false as long as that
// cannot be told: while the partition is loaded, or if a record's name does not say where its events go.
func (c *Compactor) Owns(tenant, record string) bool {
	for _, s := range c.ready() {
		if s.attracts(tenant, record) {
			return true
		}
	}
	return false
}

// Settling reports whether a newer event of the record may stand in a partition that it no longer belongs to, since the
// topic grew: the auditor has its owner tell it again where it belongs. Where a record's name does not say where its events
// go, that stays so.
func (c *Compactor) Settling(tenant, record string) bool {
	nameless := false
	for _, t := range c.source.Topics {
		grown, _ := c.grown(t.Events)
		if t.EventKey == nil {
			nameless = nameless || !grown.At.IsZero()
			continue
		}
		if _, ours := t.EventKey(tenant, record); ours {
			return time.Since(grown.At) < settleTime
		}
	}
	return nameless
}

// settleTime is how long what a growth moved has to be told again.
const settleTime = 10 * time.Minute

func (c *Compactor) grown(topic string) (eventlog.Grown, bool) {
	if c.growths == nil {
		return eventlog.Grown{}, false
	}
	return c.growths.Grown(topic)
}

// Lag is for how long an event may be in a partition of this pod without being known here; zero if the pod has none. It is
// about half a second when all is well, for events are collected.
func (c *Compactor) Lag() time.Duration {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var lag time.Duration
	now := time.Now()
	for _, s := range c.shelves {
		_, behind := s.lag(now)
		lag = max(lag, behind)
	}
	return lag
}

const (
	// A compactor that is well is half a second behind; one that is not, or hears nothing from Kafka, has this long.
	catchUpTime = 3 * time.Second
	catchUpLook = 50 * time.Millisecond
)

// CatchUp asks Kafka where the events end, and returns when all up to there, of the partitions of this pod, are known here.
// Lag cannot tell of a Kafka that does not answer: nothing comes then either.
//
// Errors: what Kafka says, or that it took too long.
func (c *Compactor) CatchUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpTime)
	defer cancel()
	for _, topic := range c.source.EventTopics() {
		last, err := eventlog.LastOffsets(ctx, c.kafka, topic)
		if err != nil {
			return err
		}
		for _, s := range c.ready() {
			if s.topic.Events != topic {
				continue
			}
			if int(s.partition) >= len(last) {
				return fmt.Errorf("the brokers say %s has %d partitions, and number %d is compacted here", topic, len(last), s.partition)
			}
			if err := s.reach(ctx, last[s.partition]); err != nil {
				return err
			}
		}
	}
	return nil
}

// ErrNoLatest is that a record has no latest event here: it never had one, it was forgotten, or another pod compacts it.
var ErrNoLatest = errors.New("the record has no latest event in the partitions of this pod")

// Latest reads a record's newest event from the state topic. Source.Value makes the stored value of it.
func (c *Compactor) Latest(ctx context.Context, tenant, record string) (eventlog.Message, error) {
	s, e, ok := c.find(tenant, record)
	if !ok {
		return eventlog.Message{}, fmt.Errorf("%s/%s: %w", tenant, record, ErrNoLatest)
	}
	reader, err := eventlog.OpenReader(ctx, c.kafka)
	if err != nil {
		return eventlog.Message{}, err
	}
	defer reader.Close()
	var latest eventlog.Message
	err = reader.Read(ctx, s.topic.State, s.partition, eventlog.Span{From: e.offset, To: e.offset}, func(m eventlog.Message) error {
		latest = m
		return nil
	})
	if err == nil && latest.Value == nil {
		err = fmt.Errorf("%s/%s at %s/%d@%d: it was replaced meanwhile", tenant, record, s.topic.State, s.partition, e.offset)
	}
	return latest, err
}

func (c *Compactor) find(tenant, record string) (at *shelf, e Entry, ok bool) {
	for _, s := range c.ready() {
		// A key that moved when a topic grew has an older entry where it was.
		if found, has := s.entry(tenant, record); has && (!ok || found.Revision.Newer(e.Revision)) {
			at, e, ok = s, found, true
		}
	}
	return at, e, ok
}

// ready are the partitions that are loaded.
func (c *Compactor) ready() []*shelf {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var ready []*shelf
	for _, s := range c.shelves {
		if s.isLoaded() {
			ready = append(ready, s)
		}
	}
	return ready
}

// clock is Redis' clock, by which deadlines were set; a pod's may be an hour wrong. Not known: they can wait.
func (c *Compactor) clock(ctx context.Context, tenant string) (now time.Time, known bool) {
	if !slices.Contains(c.store.Tenants(), tenant) {
		return time.Now(), true // nobody here can tell
	}
	now, err := c.store.Clock(ctx, tenant)
	return now, err == nil
}

const (
	askSize  = 256
	askPause = 200 * time.Millisecond
)

// held asks Redis which of the records it holds. It waits for a verified answer: state that may be a ghost's or may be
// lost says nothing.
func (c *Compactor) held(ctx context.Context, tenant string, records []string, least uint32) (map[string]bool, error) {
	held := map[string]bool{}
	if !slices.Contains(c.store.Tenants(), tenant) {
		for _, name := range records {
			held[name] = true // nobody here can tell; a ghost is found later, what is dropped is not
		}
		return held, nil
	}
	for len(records) > 0 {
		part := records[:min(askSize, len(records))]
		known, err := c.ask(ctx, tenant, part, least)
		if err == nil {
			for name := range known {
				held[name] = true
			}
			records = records[len(part):]
			continue
		}
		c.log.Debug("whether a record is known can't be told yet", zap.String("tenant", tenant), zap.Error(err))
		select {
		case <-time.After(askPause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return held, nil
}

var errUnverified = errors.New("the state is not verified")

func (c *Compactor) ask(ctx context.Context, tenant string, names []string, least uint32) (map[string]bool, error) {
	held := map[string]bool{}
	verified, err := c.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		records := make([]*commit.Record, len(names))
		for i, name := range names {
			records[i] = tx.Record(name)
		}
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		if tx.Epoch() < least {
			return errUnverified // a later epoch has written that event: this one is over
		}
		for _, r := range records {
			if r.Exists() {
				held[r.Name] = true
			}
		}
		return nil
	})
	if err == nil && !verified {
		err = errUnverified
	}
	return held, err
}
