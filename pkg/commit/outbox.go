package commit

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

const (
	// What is older than this is never published from memory: the outbox in Redis tells whether it still should be.
	memoryLimit = 60 * time.Second
	// A lane without work is forgotten after this.
	laneIdle = 10 * time.Second
	// commit.lua and load.lua name no more of an outbox than this.
	outboxWindow = 8
)

var errLeft = errors.New("the event is not in the log yet and is left to the relay: send it again")

// outboxes drains the outboxes of records into the log: oldest first, one message in flight per record, and nothing
// behind a failure. The commit that filled an outbox and the relay that found it old both come here.
type outboxes struct {
	store   *Store
	log     Log
	removes bundler[removal]
	looks   bundler[look]

	mu    sync.Mutex
	lanes map[string]*lane // by the key of the record
}

// lane is the outbox of one record as this pod knows it. Guarded by outboxes.mu.
type lane struct {
	tenant  string
	epoch   uint32
	record  string
	entries []laid // in order of revision; the first is in flight while busy
	busy    bool
	more    bool     // Redis holds more behind these
	acked   Revision // the highest that is in the log
	waiters []waiter
	touched time.Time
}

type laid struct {
	entry
	since time.Time // when this pod heard of it
}

type waiter struct {
	revision Revision
	done     func(error)
}

// removal takes what is in the log out of a record's outbox.
type removal struct {
	tenant  string
	epoch   uint32
	record  string
	through Revision
}

func newOutboxes(s *Store, log Log) *outboxes {
	o := &outboxes{store: s, log: log, lanes: map[string]*lane{}}
	o.removes.work = o.remove
	o.looks.work = o.lookAll
	return o
}

// add takes over the events of a commit, and what the script said was open before them.
func (o *outboxes) add(tx *Tx, older []entry) {
	now := time.Now()
	for _, t := range tx.events {
		t.entry.decided = now
		before := entriesOf(t.record.Name, older)
		more := len(before) == outboxWindow
		if !more {
			before = append(before, t.entry)
		}
		o.extend(tx.tenant, tx.epoch, t.record.Name, before, more)
	}
}

func entriesOf(record string, entries []entry) (own []entry) {
	for _, e := range entries {
		if e.message.Header(eventlog.HeaderSubject) == record {
			own = append(own, e)
		}
	}
	return own
}

// extend adds entries to a lane, those that it does not have yet, and sets it going.
func (o *outboxes) extend(tenant string, epoch uint32, record string, entries []entry, more bool) {
	o.mu.Lock()
	l := o.lane(tenant, epoch, record)
	l.more = more
	for _, e := range entries {
		if last := l.last(); e.revision.Newer(last) {
			l.entries = append(l.entries, laid{e, time.Now()})
		}
	}
	o.unlockAndSend(l)
}

// wait calls done when the revision is in the log and confirmed.
func (o *outboxes) wait(tenant string, r Result, done func(error)) {
	o.mu.Lock()
	l, known := o.lanes[Key(tenant, o.store.service, r.Epoch, r.Record)]
	switch {
	case known && !r.Revision.Newer(l.acked):
		o.mu.Unlock()
		o.store.confirm.add(confirmation{tenant, r.Epoch, done})
	case known && len(l.entries) > 0 && !r.Revision.Newer(l.last()):
		l.waiters = append(l.waiters, waiter{r.Revision, done})
		o.mu.Unlock()
	default:
		o.mu.Unlock()
		o.looks.add(look{tenant, r, done})
	}
}

// lane finds or makes the lane of a record; mu is held.
func (o *outboxes) lane(tenant string, epoch uint32, record string) *lane {
	key := Key(tenant, o.store.service, epoch, record)
	l, ok := o.lanes[key]
	if !ok {
		l = &lane{tenant: tenant, epoch: epoch, record: record}
		o.lanes[key] = l
	}
	l.touched = time.Now()
	return l
}

func (l *lane) last() Revision {
	if n := len(l.entries); n > 0 {
		return l.entries[n-1].revision
	}
	return l.acked
}

// unlockAndSend starts the first entry on its way if none is. It unlocks mu before it calls anybody.
func (o *outboxes) unlockAndSend(l *lane) {
	switch {
	case l.busy:
		o.mu.Unlock()
		return
	case len(l.entries) == 0:
		o.unlockAndRest(l)
		return
	}
	first := l.entries[0]
	if time.Since(first.since) > memoryLimit {
		o.unlockAndLeave(l, errLeft)
		return
	}
	l.busy = true
	o.mu.Unlock()
	o.give(first.message, func(err error) { o.produced(l, first.entry, err) })
}

// unlockAndRest leaves a lane on which nothing moves. Nobody waits on such a lane: who still does waits for an event that
// another pod may have published, and asks Redis.
func (o *outboxes) unlockAndRest(l *lane) {
	if l.more {
		l.more = false
		drained := removal{l.tenant, l.epoch, l.record, l.acked}
		o.mu.Unlock()
		go o.readOn(l, drained)
		return
	}
	stranded := l.waiters
	l.waiters = nil
	o.mu.Unlock()
	for _, w := range stranded {
		o.looks.add(look{l.tenant, Result{Record: l.record, Epoch: l.epoch, Revision: w.revision}, w.done})
	}
}

// give hands a message to the log and keeps account of whether it answers.
func (o *outboxes) give(m eventlog.Message, done func(error)) {
	o.store.health.handed()
	o.log.Produce(m, func(err error) {
		o.store.health.answered(err)
		done(err)
	})
}

// unlockAndLeave forgets what this pod holds of the outbox; the relay will read it from Redis.
func (o *outboxes) unlockAndLeave(l *lane, why error) {
	waiters := l.waiters
	l.entries, l.waiters, l.more = nil, nil, false
	o.mu.Unlock()
	for _, w := range waiters {
		w.done(why)
	}
}

func (o *outboxes) produced(l *lane, e entry, err error) {
	revision := e.revision
	o.mu.Lock()
	l.busy = false
	l.touched = time.Now()
	if err != nil {
		o.store.metrics.published.WithLabelValues("failed").Inc()
		o.store.log.Warn("event is not in the log; left to the relay", zap.String("tenant", l.tenant), zap.String("record", l.record),
			zap.Stringer("revision", revision), zap.Error(err))
		o.unlockAndLeave(l, err)
		return
	}
	o.store.metrics.published.WithLabelValues("acked").Inc()
	o.store.metrics.told(e)
	l.acked = revision
	if len(l.entries) > 0 && l.entries[0].revision == revision {
		l.entries = l.entries[1:]
	}
	var confirmed []confirmation
	l.waiters = slices.DeleteFunc(l.waiters, func(w waiter) bool {
		if w.revision.Newer(revision) {
			return false
		}
		confirmed = append(confirmed, confirmation{l.tenant, l.epoch, w.done})
		return true
	})
	o.unlockAndSend(l)
	o.store.confirm.add(confirmed...)
	o.removes.add(removal{l.tenant, l.epoch, l.record, revision})
}

// readOn takes the window that is now drained out of Redis, and fetches what stood behind it.
func (o *outboxes) readOn(l *lane, drained removal) {
	o.remove([]removal{drained})
	ctx, cancel := context.WithTimeout(context.Background(), scriptTimeout)
	defer cancel()
	entries, err := o.read(ctx, l.tenant, l.epoch, l.record)
	if err != nil {
		o.mu.Lock()
		o.unlockAndLeave(l, err)
		return
	}
	o.extend(l.tenant, l.epoch, l.record, entries, len(entries) == outboxWindow)
}

// remove runs drained.lua once per tenant and epoch. What fails is published again by the relay: a repeat, no loss.
func (o *outboxes) remove(bundle []removal) {
	ctx, cancel := context.WithTimeout(context.Background(), scriptTimeout)
	defer cancel()
	for at, removals := range byReign(bundle, func(r removal) reign { return reign{r.tenant, r.epoch} }) {
		for part := range slices.Chunk(removals, 64) {
			keys := []string{MarkKey(at.tenant, o.store.service), Key(at.tenant, o.store.service, at.epoch, outbox)}
			args := []any{at.epoch}
			for _, r := range part {
				keys = append(keys, Key(at.tenant, o.store.service, at.epoch, outboxOf(r.record)))
				args = append(args, r.record, r.through.Number())
			}
			if _, err := o.store.drained.run(ctx, o.store.redis, keys, args); err != nil {
				o.store.log.Warn("outbox not emptied; the relay will repeat its events", zap.String("tenant", at.tenant), zap.Error(err))
			}
		}
	}
}

// oldest is, by tenant, when the oldest event was decided that this pod has on its way to the log.
func (o *outboxes) oldest() map[string]time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	first := map[string]time.Time{}
	for _, l := range o.lanes {
		if len(l.entries) == 0 || l.entries[0].decided.IsZero() {
			continue
		}
		if at, ok := first[l.tenant]; !ok || l.entries[0].decided.Before(at) {
			first[l.tenant] = l.entries[0].decided
		}
	}
	return first
}

// forgetIdle drops lanes that nobody has used for a while.
func (o *outboxes) forgetIdle() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for key, l := range o.lanes {
		if !l.busy && len(l.entries) == 0 && len(l.waiters) == 0 && time.Since(l.touched) > laneIdle {
			delete(o.lanes, key)
		}
	}
}

// idle reports whether nothing is on its way.
func (o *outboxes) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, l := range o.lanes {
		if l.busy || len(l.entries) > 0 || len(l.waiters) > 0 {
			return false
		}
	}
	return true
}
