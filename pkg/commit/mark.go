package commit

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

//go:embed mark_read.lua
var readSource string

//go:embed mark_close.lua
var closeSource string

//go:embed mark_build.lua
var buildSource string

//go:embed mark_open.lua
var openSource string

var (
	markRead  = newScript(readSource)
	markClose = newScript(closeSource)
	markBuild = newScript(buildSource)
	markOpen  = newScript(openSource)
)

// Mark is what Redis holds of a tenant's state: which epoch, and whether it is open.
type Mark struct {
	Epoch uint32
	Open  bool
	// Nonce of the recovery that closed it in this epoch.
	Nonce string
	// Why it does not count as verified; empty if it does.
	Why string
	// Replid is the server's, now; empty if it does not tell.
	Replid string
	// Replica says that the server is no primary.
	Replica bool

	prior    uint32 // the last epoch that was open here before
	priorSeq uint64 // its sequence when it was closed
}

// Mark reads the mark and compares it with the server it stands on.
func (s *Store) Mark(ctx context.Context, tenant string) (Mark, error) {
	answer, err := markRead.run(ctx, s.redis, []string{MarkKey(tenant, s.service)}, nil)
	if err != nil {
		return Mark{}, fmt.Errorf("read the mark of %s/%s: %w", tenant, s.service, err)
	}
	text := make([]string, 8)
	for i := range min(len(answer), len(text)) {
		text[i], _ = answer[i].(string)
	}
	return Mark{
		Why: text[0], Epoch: uint32(number(text[1])), Open: text[2] == "1", Nonce: text[3],
		Replid: text[4], Replica: text[5] == "slave", prior: uint32(number(text[6])), priorSeq: number(text[7]),
	}, nil
}

// Clock reads the clock of the tenant's Redis.
func (s *Store) Clock(ctx context.Context, tenant string) (time.Time, error) {
	tx := newTx(ctx, s, tenant, "", 0)
	tx.unverified = true
	err := tx.Fetch(ctx)
	return tx.Now(), err
}

// Adopt opens this pod's gate in an epoch that the mark says is open. Nothing is trusted for long: the next script
// compares for itself.
func (s *Store) Adopt(tenant string, epoch uint32) {
	if s.gates[tenant].set(epoch) {
		s.log.Info("gate open", zap.String("tenant", tenant), zap.String("service", s.service), zap.Uint32("epoch", epoch))
		s.tell(tenant, epoch, true)
	}
}

// Spoilt says why an epoch can't be adopted although its mark is in order; empty if nothing speaks against it. A server whose
// memory went back shows nothing of that but its sequence, and only to pods that remember it.
func (s *Store) Spoilt(tenant string, epoch uint32) string {
	if s.gates[tenant].isSpoilt(epoch) {
		return "the sequence went back"
	}
	return ""
}

// Shut closes this pod's gate, if it is open in an epoch below the one given.
func (s *Store) Shut(tenant string, below uint32, why string) {
	if epoch, open := s.Verified(tenant); open && epoch < below {
		s.shut(tenant, epoch, why)
	}
}

// Builder builds the namespace of a new epoch. Only recovery makes one.
type Builder struct {
	store  *Store
	tenant string
	epoch  uint32
	nonce  string
	before uint32 // the last epoch that was open here
	built  int
}

// Begin closes the mark in a new epoch. It fails if the mark has this epoch or a later one.
func (s *Store) Begin(ctx context.Context, tenant string, epoch uint32, nonce string) (*Builder, error) {
	answer, err := markClose.run(ctx, s.redis, []string{MarkKey(tenant, s.service)}, []any{epoch, nonce})
	if err != nil {
		return nil, fmt.Errorf("close %s/%s for epoch %d: %w", tenant, s.service, epoch, err)
	}
	before, _ := answer[1].(string)
	if answer[0] != "" {
		return nil, fmt.Errorf("close %s/%s for epoch %d: the mark has epoch %s already", tenant, s.service, epoch, before)
	}
	s.Shut(tenant, epoch, "recovery has begun")
	return &Builder{store: s, tenant: tenant, epoch: epoch, nonce: nonce, before: uint32(number(before))}, nil
}

// Before is the last epoch that was open on this server; zero if it holds none.
func (b *Builder) Before() uint32 { return b.before }

// Built is one write of a Builder: a record, or a member of an index.
type Built struct {
	// Record, if Index is empty.
	Record Record
	// Index and Member.
	Index, Member string
	Score         float64
}

// Deadline is the write that sets when a record falls due.
func Deadline(record string, at time.Time) Built {
	return Built{Index: deadlines, Member: record, Score: float64(at.UnixMilli())}
}

const (
	buildSize = 256
	// A script that took longer than this says that Redis has other work: while other tenants live there, the builder
	// leaves it as much time as it took.
	buildSlow = 5 * time.Millisecond
	// So many scripts are under way: one is made while Redis runs another.
	buildAtOnce = 4
)

// Write adds to the namespace, 256 writes a script and a few scripts at once, and tells how many each brought. Their
// order does not matter: a record and a member of an index are each written once.
func (b *Builder) Write(ctx context.Context, writes []Built, built func(n int)) error {
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(buildAtOnce)
	for part := range slices.Chunk(writes, buildSize) {
		all.Go(func() error {
			keys, args := b.script(part)
			began := time.Now()
			if err := b.run(ctx, markBuild, keys, args); err != nil {
				return fmt.Errorf("build %s/%s in epoch %d: %w", b.tenant, b.store.service, b.epoch, err)
			}
			built(len(part))
			b.yield(ctx, time.Since(began))
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		return err
	}
	b.built += len(writes)
	return nil
}

// script gives the keys and arguments of mark_build.lua.
func (b *Builder) script(part []Built) (keys []string, args []any) {
	w := newWriting(MarkKey(b.tenant, b.store.service))
	w.args = append(w.args, b.epoch, b.nonce)
	for _, one := range part {
		if one.Index != "" {
			w.args = append(w.args, "i", w.key(b.key(one.Index)), score(one.Score), one.Member)
			continue
		}
		r := one.Record
		w.args = append(w.args, "r", w.key(b.key(r.Name)), r.Revision.Number(), r.Op, r.Value)
	}
	return w.keys, w.args
}

// yield leaves a busy Redis to those who live there.
func (b *Builder) yield(ctx context.Context, took time.Duration) {
	if took < buildSlow || !b.store.anyOpen() {
		return
	}
	select {
	case <-time.After(took):
	case <-ctx.Done():
	}
}

// Open lets commits in, and opens this pod's gate.
func (b *Builder) Open(ctx context.Context) error {
	args := []any{b.epoch, b.nonce, b.built}
	if err := b.run(ctx, markOpen, []string{MarkKey(b.tenant, b.store.service)}, args); err != nil {
		return fmt.Errorf("open %s/%s in epoch %d: %w", b.tenant, b.store.service, b.epoch, err)
	}
	b.store.Adopt(b.tenant, b.epoch)
	return nil
}

// Drain publishes what the outboxes of the epoch before still hold. Its events stand before this epoch's marker, so
// they count. A server that was lost has none.
func (b *Builder) Drain(ctx context.Context) (int, error) {
	if b.before == 0 {
		return 0, nil
	}
	return b.store.outbox.drain(ctx, b.tenant, b.before)
}

// Unlink removes the namespaces of all epochs before, bit by bit: that of the last reign, and what recoveries left that
// did not come to their end.
func (b *Builder) Unlink(ctx context.Context) error {
	return b.store.unlinkBelow(ctx, b.tenant, b.epoch)
}

func (b *Builder) key(name string) string { return Key(b.tenant, b.store.service, b.epoch, name) }

func (b *Builder) run(ctx context.Context, s script, keys []string, args []any) error {
	why, err := s.runText(ctx, b.store.redis, keys, args)
	if err == nil && why != "" {
		err = fmt.Errorf("refused: %s", why)
	}
	return err
}
