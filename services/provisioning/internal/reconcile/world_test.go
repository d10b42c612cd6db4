package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
	"github.com/busyhour/busyhour/services/provisioning/internal/flow"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

const tenant = "acme"

// world is a directory and a downstream in memory, and all that stands between them.
type world struct {
	t  *testing.T
	mu sync.Mutex

	directory map[string]*directory.Entry
	there     map[string]string // agent → what differs; empty: as it should be
	reads     []string          // "0s ann": when, since the world began, and who
	changing  map[string]bool
	orders    []job.Order
	repairs   bool // whether what is ordered comes about
	report    *provisioningv1.Reconciliation
	lease     string
	leaseEnds time.Time
	tries     map[string]try

	onRead    func(id string) error // outside mu
	refuses   string                // the agent whose item is refused
	blind     error
	began     time.Time
	stateAway bool // the directory cannot be read
	closed    bool // nor counted
}

func newWorld(t *testing.T, agents ...string) *world {
	w := &world{t: t, directory: map[string]*directory.Entry{}, there: map[string]string{}, changing: map[string]bool{}, tries: map[string]try{}, repairs: true, began: time.Now()}
	for _, id := range agents {
		w.write(id, 1)
		w.there[id] = ""
	}
	return w
}

func numbered(n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("agent-%03d", i))
	}
	return ids
}

func (w *world) write(id string, n uint32) {
	w.directory[id] = &directory.Entry{
		Tenant: tenant, Revision: &commonv1.Revision{Epoch: 1, N: n}, At: timestamppb.New(w.began),
		Entry: &provisioningv1.DirectoryEntry_Agent{Agent: &provisioningv1.Agent{Id: id, Name: strings.ToUpper(id)}},
	}
}

func (w *world) remove(id string) {
	e := proto.CloneOf(w.directory[id])
	e.Revision.N++
	e.Deleted = true
	w.directory[id] = e
}

// pod of this world, that runs until the test ends or stop is called.
func (w *world) pod(name string, change func(*Config)) (c *Reconciler, stop func()) {
	cfg := Config{Enabled: true, Every: time.Hour, Rate: 5}
	if change != nil {
		change(&cfg)
	}
	c = New(cfg, Surroundings{Gate: w, Directory: w, Downstream: w, Jobs: w, Items: w, Reports: w, Leases: leasesOf{w}, Tries: triesOf{w}}, name, zap.NewNop(), prometheus.NewRegistry())
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = c.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	w.t.Cleanup(stop)
	return c, stop
}

// set changes the world while pods look at it.
func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// looks are the reads so far.
func (w *world) looks() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.reads)
}

// kept is the last report.
func (w *world) kept() *provisioningv1.Reconciliation {
	w.mu.Lock()
	defer w.mu.Unlock()
	return proto.CloneOf(w.report)
}

// ordered are the items of all jobs so far, as "upsert ann", in order.
func (w *world) ordered() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.orders {
		for _, it := range o.Items {
			all = append(all, strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(it.GetKind().String(), "KIND_"), "_AGENT"))+" "+it.GetAgent().GetId())
		}
	}
	return all
}

func (w *world) Tenants() []string              { return []string{tenant} }
func (w *world) Verified(string) (uint32, bool) { return 1, true }
func (w *world) Changed(string) <-chan struct{} { return nil }

func (w *world) live() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(w.directory)), func(id string) bool { return w.directory[id].GetDeleted() })
}

func (w *world) Next(_ context.Context, _, _, after string, n int) (entries []*directory.Entry, last string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stateAway {
		return nil, "", errors.New("Redis is away")
	}
	for _, id := range w.live() {
		switch {
		case id <= after:
		case len(entries) == n:
			return entries, entries[n-1].GetAgent().GetId(), nil
		default:
			entries = append(entries, w.directory[id])
		}
	}
	return entries, "", nil
}

func (w *world) Page(context.Context, string, string, int, int) ([]*directory.Entry, int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, 0, errors.New("the state is not verified")
	}
	return nil, len(w.live()), nil
}

func (w *world) Entries(_ context.Context, _ string, names ...string) ([]*directory.Entry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	entries := make([]*directory.Entry, len(names))
	for i, name := range names {
		if e := w.directory[strings.TrimPrefix(name, state.Agent(""))]; !e.GetDeleted() {
			entries[i] = e
		}
	}
	return entries, nil
}

func (w *world) Current(_ context.Context, _, record string) (flow.Standing, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.directory[strings.TrimPrefix(record, "agent:")]
	return flow.Standing{Entry: e, Revision: commit.Revision{Epoch: e.GetRevision().GetEpoch(), N: e.GetRevision().GetN()}}, nil
}

func (w *world) Readable() error { return nil }

func (w *world) Read(_ context.Context, _ string, a *provisioningv1.Agent) ([]string, bool, error) {
	w.mu.Lock()
	w.reads = append(w.reads, fmt.Sprint(time.Since(w.began), " ", a.GetId()))
	hook := w.onRead
	w.mu.Unlock()
	if hook != nil {
		if err := hook(a.GetId()); err != nil {
			return nil, false, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	differs, found := w.there[a.GetId()]
	if differs == "" {
		return nil, found, nil
	}
	return []string{differs}, found, nil
}

func (w *world) List(_ context.Context, _ string, from int) (ids []string, next int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids = slices.Sorted(maps.Keys(w.there))
	ids = ids[min(from-1, len(ids)):]
	if len(ids) > 10 {
		return ids[:10], from + 10, nil
	}
	return ids, 0, w.blind
}

func (w *world) CreateJob(_ context.Context, o job.Order) (*provisioningv1.Job, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, it := range o.Items {
		if it.GetAgent().GetId() == w.refuses {
			return nil, refusal.New(refusal.Invalid, "INVALID_ITEMS", "%s is no name", w.refuses)
		}
	}
	w.orders = append(w.orders, o)
	for _, it := range o.Items {
		switch id := it.GetAgent().GetId(); {
		case !w.repairs:
		case it.GetKind() == provisioningv1.Item_KIND_DELETE_AGENT:
			delete(w.there, id)
		default:
			w.there[id] = ""
		}
	}
	return &provisioningv1.Job{Id: job.ID(o.Tenant, o.RequestID)}, nil
}

func (w *world) Changing(context.Context, string) (map[string]bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.changing), nil
}

func (w *world) Reconciliation(context.Context, string) (*provisioningv1.Reconciliation, time.Time, bool, error) {
	return w.kept(), time.Now(), true, nil
}

func (w *world) KeepReconciliation(ctx context.Context, _ string, change func(*provisioningv1.Reconciliation, time.Time) *provisioningv1.Reconciliation) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	w.report = proto.CloneOf(change(proto.CloneOf(w.report), time.Now()))
	return nil
}

type leasesOf struct{ *world }

func (l leasesOf) Take(_ context.Context, _, holder string) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lease != "" && time.Now().Before(l.leaseEnds) {
		return false, nil
	}
	l.lease, l.leaseEnds = holder, time.Now().Add(leaseTime)
	return true, nil
}

func (l leasesOf) Renew(_ context.Context, _, holder string) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leaseEnds = time.Now().Add(leaseTime)
	return l.lease == holder, nil
}

func (l leasesOf) Release(_ context.Context, _, holder string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lease == holder {
		l.lease = ""
	}
	return nil
}

type triesOf struct{ *world }

func (t triesOf) Load(context.Context, string) (map[string]try, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.tries), nil
}

func (t triesOf) Keep(_ context.Context, _ string, all map[string]try) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, one := range all {
		if t.tries[id] = one; one.times == 0 {
			delete(t.tries, id)
		}
	}
	return nil
}
