package rebuild

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Phase is where a tenant stands between closed and open.
type Phase string

// A recovery goes through these in order. Waiting and Held are outside it: closed, and nothing under way here.
const (
	Waiting  Phase = "waiting" // another pod is at it, or a server is away, or it is too soon after the last one
	Held     Phase = "held"    // recovered too often: closed until a person has it rebuilt
	Asking   Phase = "asking"
	Taking   Phase = "taking"
	Closing  Phase = "closing"
	Draining Phase = "draining"
	Fencing  Phase = "fencing"
	Reading  Phase = "reading"
	Building Phase = "building"
	Open     Phase = "open"
)

var phases = []Phase{Waiting, Held, Asking, Taking, Closing, Draining, Fencing, Reading, Building, Open}

// TenantStatus is how a tenant stands on this pod.
type TenantStatus struct {
	Tenant string `json:"tenant"`
	Epoch  uint32 `json:"epoch"`
	Open   bool   `json:"open"`
	// Why it is closed, or why it does not get on; empty while it is open.
	Why   string `json:"why,omitempty"`
	Phase Phase  `json:"phase"`
	// Since when it is in this phase, by this pod's clock.
	Since time.Time `json:"since"`
	// Read of Total records of the log, and Built of what they made, in the recovery under way here or the last one.
	Read  int64 `json:"read"`
	Total int64 `json:"total"`
	Built int64 `json:"built"`
}

// progress is how far one recovery has come; the reader and the builder count in it.
type progress struct {
	read, total, built atomic.Int64
}

// standing is where each tenant stands, for whoever asks.
type standing struct {
	log     *zap.Logger
	metrics *metrics

	mu      sync.Mutex
	tenants map[string]*place
}

type place struct {
	phase Phase
	since time.Time
	why   string
	far   *progress
}

func newStanding(tenants []string, log *zap.Logger, m *metrics) *standing {
	s := &standing{log: log, metrics: m, tenants: map[string]*place{}}
	for _, t := range tenants {
		s.tenants[t] = &place{far: &progress{}}
		s.enter(Waiting, "not looked at yet", t)
	}
	return s
}

// enter moves tenants into a phase. Staying in one changes nothing but the reason.
func (s *standing) enter(phase Phase, why string, tenants ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range tenants {
		p := s.tenants[t]
		p.why = why
		if p.phase == phase {
			continue
		}
		p.phase, p.since = phase, time.Now()
		s.metrics.enter(t, phase)
	}
}

// begin is enter for a recovery of several tenants that shares one count.
func (s *standing) begin(tenants []string) *progress {
	far := &progress{}
	s.mu.Lock()
	for _, t := range tenants {
		s.tenants[t].far = far
	}
	s.mu.Unlock()
	return far
}

func (s *standing) phase(tenant string) Phase {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tenants[tenant].phase
}

func (s *standing) of(tenant string) TenantStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.tenants[tenant]
	return TenantStatus{
		Tenant: tenant, Phase: p.phase, Since: p.since, Why: p.why,
		Read: p.far.read.Load(), Total: p.far.total.Load(), Built: p.far.built.Load(),
	}
}

// Status says how every tenant stands on this pod, by name.
func (r *Recovery) Status() []TenantStatus {
	all := make([]TenantStatus, 0, len(r.store.Tenants()))
	for _, tenant := range r.store.Tenants() {
		all = append(all, r.StatusOf(tenant))
	}
	slices.SortFunc(all, func(a, b TenantStatus) int { return strings.Compare(a.Tenant, b.Tenant) })
	return all
}

// StatusOf says how one tenant stands on this pod.
func (r *Recovery) StatusOf(tenant string) TenantStatus {
	s := r.standing.of(tenant)
	s.Epoch, s.Open = r.store.Verified(tenant)
	switch {
	case s.Open && s.Phase != Open: // adopted between two looks
		s.Phase, s.Why = Open, ""
	case !s.Open && s.Phase == Open: // closed since the last look
		s.Phase = Waiting
	}
	if !s.Open && s.Why == "" {
		s.Why = r.store.Why(tenant)
	}
	return s
}

// Ready is nil while every tenant is open, or says which is not, and why.
func (r *Recovery) Ready() error {
	var closed []error
	for _, s := range r.Status() {
		if !s.Open {
			closed = append(closed, fmt.Errorf("the state of tenant %s is not verified (%s: %s)", s.Tenant, s.Phase, s.Why))
		}
	}
	return errors.Join(closed...)
}
