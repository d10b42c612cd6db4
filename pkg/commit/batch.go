package commit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	batchSize = 16
	batchWait = time.Millisecond
	// A script that has no answer after this is given up; its outcome is unknown.
	scriptTimeout = 2 * time.Second
)

// verdict is what commit.lua said of one commit.
type verdict struct {
	committed, duplicate bool
	revision             Revision // of the duplicate's first outcome
	conflict             string   // the key that somebody else changed; a mark, if another service is not open any more
	full                 bool     // the outboxes hold as much as they may
	older                []entry  // entries of the records' outboxes that were open before
	err                  error
}

type pending struct {
	tx   *Tx
	done chan verdict
}

// batcher sends one tenant's commits, several in a script: at once when no script is under way, else when the one under
// way is back, 16 wait, or 1 ms has passed.
type batcher struct {
	store  *Store
	tenant string

	mu       sync.Mutex
	waiting  []pending
	underway int
	timer    *time.Timer
}

func newBatcher(s *Store, tenant string) *batcher { return &batcher{store: s, tenant: tenant} }

// submit waits for the verdict. It does not give up when ctx ends, for the script may be under way; the script's own
// time-out bounds the wait.
func (b *batcher) submit(ctx context.Context, tx *Tx) (verdict, error) {
	if err := ctx.Err(); err != nil {
		return verdict{}, err
	}
	p := pending{tx, make(chan verdict, 1)}
	b.mu.Lock()
	b.waiting = append(b.waiting, p)
	var batch []pending
	switch {
	case b.underway == 0 || len(b.waiting) >= batchSize:
		batch = b.take()
	case b.timer == nil:
		b.timer = time.AfterFunc(batchWait, b.send)
	}
	b.mu.Unlock()
	b.carry(batch) // by whoever came last: to hand it to another goroutine would cost a wake-up
	v := <-p.done
	return v, v.err
}

// send carries what waits, if anything does.
func (b *batcher) send() {
	b.mu.Lock()
	batch := b.take()
	b.mu.Unlock()
	b.carry(batch)
}

// take takes the commits of the next script out of those that wait; mu is held.
func (b *batcher) take() []pending {
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	if len(b.waiting) == 0 {
		return nil
	}
	// One script works in one epoch.
	epoch, n := b.waiting[0].tx.epoch, 1
	for n < len(b.waiting) && n < batchSize && b.waiting[n].tx.epoch == epoch {
		n++
	}
	batch := b.waiting[:n:n]
	b.waiting = b.waiting[n:]
	b.underway++
	return batch
}

// carry runs a script, and has what came meanwhile sent behind it.
func (b *batcher) carry(batch []pending) {
	if len(batch) == 0 {
		return
	}
	b.run(batch[0].tx.epoch, batch)
	b.mu.Lock()
	b.underway--
	more := len(b.waiting) > 0
	b.mu.Unlock()
	if more {
		go b.send()
	}
}

func (b *batcher) run(epoch uint32, batch []pending) {
	ctx, cancel := context.WithTimeout(context.Background(), scriptTimeout)
	defer cancel()
	verdicts, err := b.store.runCommits(ctx, b.tenant, epoch, batch)
	if err != nil && OutOfMemory(err) && len(batch) > 1 {
		// What frees memory passes on a full Redis, but not behind something that needs more.
		for i := range batch {
			b.run(epoch, batch[i:i+1])
		}
		return
	}
	b.store.metrics.batch.Observe(float64(len(batch)))
	for i, p := range batch {
		if err != nil {
			p.done <- verdict{err: err}
			continue
		}
		p.done <- verdicts[i]
	}
}

func (s *Store) runCommits(ctx context.Context, tenant string, epoch uint32, batch []pending) ([]verdict, error) {
	w := newWriting(MarkKey(tenant, s.service), Key(tenant, s.service, epoch, outbox))
	w.args = append(w.args, epoch, len(batch), s.outboxLimit, s.outboxLimit+s.outboxLimit/2)
	for _, p := range batch {
		w.commit(p.tx)
	}
	reached := s.gates[tenant].reached(epoch)
	answer, err := s.runCommit(ctx, tenant, w)
	if err != nil {
		return nil, err
	}
	why, _ := answer[0].(string)
	if why != "" {
		s.shut(tenant, epoch, "mark: "+why)
		return nil, s.closed(tenant)
	}
	if len(answer) != 2+len(batch) {
		return nil, errors.New("commit.lua answered to another question")
	}
	seq, _ := answer[1].(string)
	if !s.gates[tenant].advance(epoch, reached, number(seq)) {
		s.metrics.sequenceAlarms.Inc()
		s.shut(tenant, epoch, "the sequence went back to "+seq)
		return nil, s.closed(tenant)
	}
	verdicts := make([]verdict, len(batch))
	for i := range batch {
		if verdicts[i], err = verdictOf(w, answer[2+i]); err != nil {
			return nil, err
		}
	}
	return verdicts, nil
}

func (s *Store) runCommit(ctx context.Context, tenant string, w *writing) ([]any, error) {
	if s.health.away() > logSlow {
		return s.runReplicated(ctx, tenant, s.commit, w.keys, w.args)
	}
	return s.commit.run(ctx, s.redis, w.keys, w.args)
}

func verdictOf(w *writing, answer any) (verdict, error) {
	fields, _ := answer.([]any)
	words := make([]string, len(fields))
	for i, f := range fields {
		switch f := f.(type) {
		case string:
			words[i] = f
		case int64:
			words[i] = w.keys[f-1]
		}
	}
	if len(words) == 0 {
		return verdict{}, fmt.Errorf("commit.lua gave the verdict %v", answer)
	}
	switch words[0] {
	case "committed":
		older, err := decodeEntries(words[1:])
		return verdict{committed: true, older: older}, err
	case "duplicate":
		older, err := decodeEntries(words[2:])
		return verdict{duplicate: true, revision: RevisionOf(number(words[1])), older: older}, err
	case "full":
		return verdict{full: true}, nil
	case "foreign", "conflict":
		return verdict{conflict: words[1]}, nil
	}
	return verdict{}, fmt.Errorf("commit.lua gave the verdict %q", words[0])
}

func decodeEntries(texts []string) ([]entry, error) {
	var entries []entry
	for _, t := range texts {
		e, err := decodeEntry(t)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// writing collects keys and arguments of commit.lua; each key is named once.
type writing struct {
	keys  []string
	index map[string]int
	args  []any
}

func newWriting(keys ...string) *writing {
	w := &writing{index: map[string]int{}}
	for _, k := range keys {
		w.key(k)
	}
	return w
}

func (w *writing) key(k string) int {
	i, ok := w.index[k]
	if !ok {
		w.keys = append(w.keys, k)
		i = len(w.keys)
		w.index[k] = i
	}
	return i
}

func (w *writing) commit(tx *Tx) {
	w.args = append(w.args, tx.op, flag(tx.grows))
	w.args = append(w.args, len(tx.others))
	for _, o := range tx.others {
		w.args = append(w.args, w.key(o.mark), o.epoch)
	}
	w.args = append(w.args, len(tx.records))
	for _, p := range tx.records {
		w.args = append(w.args, w.key(p.record.key), p.record.Revision.Number())
		if p.value == nil {
			w.args = append(w.args, "", "")
		} else {
			w.args = append(w.args, tx.Next(p.record).Number(), p.value)
		}
	}
	w.args = append(w.args, len(tx.guards))
	for _, g := range tx.guards {
		w.args = append(w.args, w.key(g.key), g.Revision.Number())
	}
	w.args = append(w.args, len(tx.removes))
	for _, m := range tx.removes {
		w.args = append(w.args, w.key(tx.key(m.index)), m.name)
	}
	w.args = append(w.args, len(tx.adds))
	for _, m := range tx.adds {
		w.args = append(w.args, w.key(tx.key(m.index)), m.name, score(m.score))
	}
	w.args = append(w.args, len(tx.counts))
	for _, c := range tx.counts {
		w.args = append(w.args, w.key(tx.key(counters)), c.name, c.by)
	}
	w.args = append(w.args, len(tx.events))
	for _, e := range tx.events {
		w.args = append(w.args, w.key(tx.key(outboxOf(e.record.Name))), e.record.Name, e.entry.encode())
	}
}

func flag(set bool) string {
	if set {
		return "1"
	}
	return "0"
}

// OutOfMemory reports whether Redis refused the script's first write for want of memory. Nothing was written then.
func OutOfMemory(err error) bool { return strings.Contains(err.Error(), "OOM command not allowed") }

// retryable reports whether the commit may have happened, or may happen a moment later: the operation's id tells at the
// next load.
func retryable(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, redis.ErrPoolTimeout) ||
		redis.IsLoadingError(err) || redis.IsTryAgainError(err) || redis.IsReadOnlyError(err) || redis.IsMasterDownError(err) || redis.IsClusterDownError(err)
}
