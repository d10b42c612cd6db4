package scim

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
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
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// memory is a directory, and runs items as the workers would.
type memory struct {
	mu      sync.Mutex
	entries map[string]*directory.Entry
	n       uint32
	ran     []string // kinds of items
	// before is called ahead of each item; what it returns is why the item fails.
	before func(it *provisioningv1.Item) string
	reads  int // records read
}

func newMemory() *memory { return &memory{entries: map[string]*directory.Entry{}} }

func (m *memory) Entries(_ context.Context, _ string, names ...string) ([]*directory.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads += len(names)
	all := make([]*directory.Entry, len(names))
	for i, name := range names {
		all[i] = m.entries[name]
	}
	return all, nil
}

// Next gives few at a time, so that every list takes several.
func (m *memory) Next(_ context.Context, _ string, index, after string, n int) (all []*directory.Entry, last string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	prefix := strings.TrimSuffix(index, "s") + ":"
	for _, name := range slices.Sorted(maps.Keys(m.entries)) {
		id, ok := strings.CutPrefix(name, prefix)
		switch {
		case !ok || id <= after:
			continue
		case len(all) == min(n, 7):
			return all, last, nil
		}
		all, last = append(all, m.entries[name]), id
		m.reads++
	}
	return all, "", nil
}

func (m *memory) Page(_ context.Context, _ string, index string, skip, n int) ([]*directory.Entry, int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	prefix := strings.TrimSuffix(index, "s") + ":"
	var names []string
	for _, name := range slices.Sorted(maps.Keys(m.entries)) {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	var all []*directory.Entry
	for _, name := range names[min(skip, len(names)):min(skip+n, len(names))] {
		all = append(all, m.entries[name])
	}
	m.reads += len(all)
	return all, len(names), nil
}

func (m *memory) Members(_ context.Context, _ string, indexes ...string) ([][]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([][]string, len(indexes))
	for i, index := range indexes {
		for _, name := range slices.Sorted(maps.Keys(m.entries)) {
			e := m.entries[name]
			serves := slices.ContainsFunc(e.GetAgent().GetQueueIds(), func(q string) bool { return state.Serves(q) == index })
			switch {
			case serves, e.GetAgent().GetExternalId() != "" && state.ExternalAgents(e.GetAgent().GetExternalId()) == index:
				all[i] = append(all[i], e.GetAgent().GetId())
			case e.GetQueue().GetExternalId() != "" && state.ExternalQueues(e.GetQueue().GetExternalId()) == index:
				all[i] = append(all[i], e.GetQueue().GetId())
			}
		}
	}
	return all, nil
}

func (m *memory) Run(_ context.Context, _ string, items []*provisioningv1.Item) ([]string, error) {
	failures := make([]string, len(items))
	for i, it := range items {
		if m.before != nil {
			if failures[i] = m.before(it); failures[i] != "" {
				continue
			}
		}
		failures[i] = m.run(it)
	}
	return failures, nil
}

func (m *memory) run(it *provisioningv1.Item) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	kind := strings.TrimPrefix(it.GetKind().String(), "KIND_")
	m.ran = append(m.ran, kind)
	name := state.Agent(it.GetAgent().GetId())
	if it.GetQueue() != nil {
		name = state.Queue(it.GetQueue().GetId())
	}
	have := m.entries[name]
	if it.GetIfRevision() != nil && !proto.Equal(have.GetRevision(), it.GetIfRevision()) {
		return "STALE"
	}
	creates := strings.HasPrefix(kind, "CREATE")
	if creates == (have != nil) {
		return "it is there, or is not"
	}
	for _, q := range it.GetAgent().GetQueueIds() {
		if m.entries[state.Queue(q)] == nil {
			return fmt.Sprintf("queue %q does not exist", q)
		}
	}
	agent := proto.CloneOf(have.GetAgent())
	switch it.GetKind() {
	case provisioningv1.Item_KIND_DELETE_AGENT, provisioningv1.Item_KIND_DELETE_QUEUE:
		delete(m.entries, name)
		return ""
	case provisioningv1.Item_KIND_JOIN_QUEUES:
		agent.QueueIds = append(agent.QueueIds, it.GetAgent().GetQueueIds()...)
	case provisioningv1.Item_KIND_LEAVE_QUEUES:
		agent.QueueIds = without(agent.GetQueueIds(), it.GetAgent().GetQueueIds())
	default:
		agent = it.GetAgent()
	}
	if it.GetQueue() != nil {
		m.put(directory.QueueEntry("acme", actor, it.GetQueue()), name)
	} else {
		m.put(directory.AgentEntry("acme", actor, agent), name)
	}
	return ""
}

func (m *memory) put(e *directory.Entry, name string) {
	m.n++
	e.Revision = &commonv1.Revision{Epoch: 1, N: m.n}
	e.At = timestamppb.New(time.Date(2026, 1, 1, 0, 0, int(m.n), 0, time.UTC))
	m.entries[name] = e
}

// did gives the items that were run since it was asked last.
func (m *memory) did() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := strings.Join(m.ran, " ")
	m.ran = nil
	return all
}

func (m *memory) agent(id string) *provisioningv1.Agent {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.entries[state.Agent(id)].GetAgent()
}

func (m *memory) queue(id string) *provisioningv1.Queue {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.entries[state.Queue(id)].GetQueue()
}

// bea has everything an agent can have, and serves sales.
func (m *memory) bea() {
	m.put(directory.QueueEntry("acme", "test", &provisioningv1.Queue{
		Id: "sales", Name: "Sales", Channel: commonv1.Channel_CHANNEL_CHAT, RequiredSkills: []*commonv1.Skill{{Name: "english", Level: 10}},
	}), "queue:sales")
	m.put(directory.AgentEntry("acme", "test", &provisioningv1.Agent{
		Id: "bea", Name: "Bea Ång", Address: "1002", QueueIds: []string{"sales"}, ExternalId: "00u-1",
		Skills:   []*commonv1.Skill{{Name: "english", Level: 80}},
		Capacity: []*provisioningv1.Capacity{{Channel: commonv1.Channel_CHANNEL_CHAT, Contacts: 3}},
	}), "agent:bea")
}

// site is a server with its directory.
type site struct {
	*testing.T
	*memory
	reg *prometheus.Registry
	mux *http.ServeMux
}

func newSite(t *testing.T, cfg Config) *site {
	s := &site{T: t, memory: newMemory(), reg: prometheus.NewRegistry(), mux: http.NewServeMux()}
	s.mux.Handle(Path, New(cfg, s.memory, s.memory, zap.NewNop(), s.reg))
	return s
}

// said is an answer.
type said struct {
	status int
	header http.Header
	text   string
	body   object
}

// ask makes a request, "PUT /Users/ann", with headers as name and value.
func (s *site) ask(what, body string, headers ...string) said {
	s.Helper()
	method, path, _ := strings.Cut(what, " ")
	r := httptest.NewRequest(method, "http://busyhour.example/scim/v2/acme"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", scimJSON)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	text, err := io.ReadAll(w.Result().Body)
	if err != nil {
		s.Fatal(err)
	}
	a := said{status: w.Code, header: w.Header(), text: string(text)}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &a.body); err != nil {
			s.Fatalf("%s: %d %s: %v", what, w.Code, text, err)
		}
	}
	return a
}

// wants asks and fails unless the status is that.
func (s *site) wants(status int, what, body string, headers ...string) said {
	s.Helper()
	a := s.ask(what, body, headers...)
	if a.status != status {
		s.Fatalf("%s %s: %d %s, want %d", what, body, a.status, a.text, status)
	}
	return a
}

// ids are those of a list, in its order.
func (a said) ids() string {
	var all []string
	for _, r := range list(a.body["Resources"]) {
		all = append(all, r.(object)["id"].(string))
	}
	return strings.Join(all, " ")
}
