package command

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/busyhour/busyhour/api/subjects"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/fanout"
	"github.com/busyhour/busyhour/services/agent-presence/internal/agent"
	"github.com/busyhour/busyhour/services/agent-presence/internal/state"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
)

const (
	// resyncEvery is how soon a watcher hears of what a lost push would have told.
	resyncEvery = 30 * time.Second
	// perRead is how many presences are read in one round trip.
	perRead = 200
)

// Watch tells watchers of presences. A watcher keeps the latest of each agent until it is sent, not each change: so one
// that reads slowly is never behind by more than one presence an agent, and holds nobody up.
type Watch struct {
	store *commit.Store
	nats  *fanout.Conn
	log   *zap.Logger

	mu       sync.Mutex
	watchers map[*watcher]struct{}
}

// NewWatch makes a Watch.
func NewWatch(store *commit.Store, nats *fanout.Conn, log *zap.Logger) *Watch {
	w := &Watch{store: store, nats: nats, log: log, watchers: map[*watcher]struct{}{}}
	nats.OnReconnect(w.resyncAll)
	store.OnGate(func(string, uint32, bool) { w.resyncAll() })
	return w
}

func (w *Watch) resyncAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for one := range w.watchers {
		one.askResync()
	}
}

// Serve sends the present state of the agents, all if none is named, and then what changes.
func (w *Watch) Serve(ctx context.Context, tenant string, agents []string, send func(*presencev1.WatchResponse) error) error {
	one := newWatcher(tenant, agents)
	w.add(one)
	defer w.remove(one)
	news, err := w.subscribe(ctx, one) // before anything is read
	if err != nil {
		return err
	}
	defer news.Close()
	one.askResync()
	timer := time.NewTicker(resyncEvery)
	defer timer.Stop()
	for {
		select {
		case <-one.wake:
		case <-timer.C:
			one.askResync()
		case <-edge.Draining(ctx):
			return edge.ErrDraining()
		case <-ctx.Done():
			return ctx.Err()
		}
		if one.takeResync() {
			if err := w.resync(ctx, one); err != nil {
				return err
			}
		}
		for _, res := range one.take() {
			if err := send(res); err != nil {
				return err
			}
		}
	}
}

func (w *Watch) add(one *watcher) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watchers[one] = struct{}{}
}

func (w *Watch) remove(one *watcher) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.watchers, one)
}

func (w *Watch) subscribe(ctx context.Context, one *watcher) (*fanout.Subscription, error) {
	subject := subjects.TenantPresence(one.tenant)
	if len(one.wanted) == 1 {
		for id := range one.wanted {
			subject = subjects.Presence(one.tenant, id)
		}
	}
	news, err := w.nats.Subscribe(subject, one.hear)
	if err != nil {
		return nil, err
	}
	if w.nats.Connected() {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if err := w.nats.Flush(ctx); err != nil {
			w.log.Warn("watching without pushes until NATS is back", zap.Error(err))
		}
	}
	return news, nil
}

// resync reads the present state. It reads also those who were there when last told: they may have gone unheard.
func (w *Watch) resync(ctx context.Context, one *watcher) error {
	epoch, _ := w.store.Verified(one.tenant)
	ids, err := w.ask(ctx, one)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(ids, perRead) {
		if err := w.read(ctx, one, epoch, part); err != nil {
			return err
		}
	}
	return nil
}

func (w *Watch) ask(ctx context.Context, one *watcher) ([]string, error) {
	if one.wanted != nil {
		return one.known(), nil
	}
	ids := one.known()
	for skip := 0; ; skip += perRead {
		online, err := w.online(ctx, one.tenant, skip)
		if err != nil {
			return nil, err
		}
		for _, m := range online {
			ids = append(ids, m.Name)
		}
		if len(online) < perRead {
			slices.Sort(ids)
			return slices.Compact(ids), nil
		}
	}
}

func (w *Watch) online(ctx context.Context, tenant string, skip int) ([]commit.Member, error) {
	var page *commit.Members
	_, err := w.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		page = tx.After(state.Online, 0, skip, perRead)
		return tx.Fetch(ctx)
	})
	if err != nil {
		return nil, fmt.Errorf("read who is online in %s: %w", tenant, err)
	}
	return page.List, nil
}

func (w *Watch) read(ctx context.Context, one *watcher, epoch uint32, ids []string) error {
	_, err := w.store.Read(ctx, one.tenant, func(ctx context.Context, tx *commit.Tx) error {
		records := make([]*commit.Record, len(ids))
		for i, id := range ids {
			records[i] = state.AskPresence(tx, id)
		}
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		for i, r := range records {
			p, err := state.Presence(r)
			if err != nil {
				return err
			}
			known := agent.Known{Tenant: one.tenant, ID: ids[i], Presence: p}
			one.offer(ids[i], known.Present(), r.Revision, epoch)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read presences of %s: %w", one.tenant, err)
	}
	return nil
}

// watcher is one stream.
type watcher struct {
	tenant string
	wanted map[string]bool // nil: all
	wake   chan struct{}

	mu     sync.Mutex
	resync bool
	told   map[string]told // by agent: the newest that was sent or waits
	fresh  map[string]*presencev1.WatchResponse
	order  []string // of fresh
}

// told names a state. A new epoch puts agents into grace without a new revision, so it counts too.
type told struct {
	revision commit.Revision
	epoch    uint32
}

func newWatcher(tenant string, agents []string) *watcher {
	one := &watcher{tenant: tenant, wake: make(chan struct{}, 1), told: map[string]told{}, fresh: map[string]*presencev1.WatchResponse{}}
	if len(agents) > 0 {
		one.wanted = map[string]bool{}
		for _, id := range agents {
			one.wanted[id] = true
		}
	}
	return one
}

// known are the agents asked for, or those told of before.
func (one *watcher) known() []string {
	one.mu.Lock()
	defer one.mu.Unlock()
	var ids []string
	for id := range one.wanted {
		ids = append(ids, id)
	}
	if one.wanted == nil {
		for id := range one.told {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (one *watcher) hear(_ context.Context, _ string, data []byte) {
	p := &presencev1.PresencePush{}
	if proto.Unmarshal(data, p) != nil || p.Presence == nil {
		return // the resync brings what it should have said
	}
	r := state.RevisionOf(p.Revision)
	one.offer(p.Presence.AgentId, p.Presence, r, r.Epoch)
}

func (one *watcher) offer(id string, p *presencev1.Presence, r commit.Revision, epoch uint32) {
	if one.wanted != nil && !one.wanted[id] {
		return
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	if last, ok := one.told[id]; ok && !r.Newer(last.revision) && (epoch <= last.epoch || r != last.revision) {
		return
	}
	one.told[id] = told{r, epoch}
	if _, waits := one.fresh[id]; !waits {
		one.order = append(one.order, id)
	}
	one.fresh[id] = &presencev1.WatchResponse{Presence: p, Revision: state.Revision(r)}
	one.signal()
}

// take gives what is to be sent, in the order in which it changed first.
func (one *watcher) take() []*presencev1.WatchResponse {
	one.mu.Lock()
	defer one.mu.Unlock()
	var out []*presencev1.WatchResponse
	for _, id := range one.order {
		out = append(out, one.fresh[id])
	}
	clear(one.fresh)
	one.order = one.order[:0]
	return out
}

func (one *watcher) askResync() {
	one.mu.Lock()
	defer one.mu.Unlock()
	one.resync = true
	one.signal()
}

func (one *watcher) takeResync() bool {
	one.mu.Lock()
	defer one.mu.Unlock()
	asked := one.resync
	one.resync = false
	return asked
}

func (one *watcher) signal() {
	select {
	case one.wake <- struct{}{}:
	default:
	}
}
