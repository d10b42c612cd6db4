package provisioning_test

import (
	"context"
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

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1/provisioningv1connect"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/pkg/config"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/fanout"
	"github.com/busyhour/busyhour/services/provisioning"
)

// limit is how long a test waits for what must come. Nothing waits that long unless it is broken.
const limit = time.Minute

// stage is the world around provisioning: servers, and a downstream. The servers are in this process; with the build tag
// stack they are real ones, which other tests share.
type stage struct {
	*testing.T
	// tenant of this test alone.
	tenant     string
	kafka      string
	redis      redis.UniversalOptions
	nats       string
	flush      func() // loses all that Redis has of the tenant
	downstream *downstream
	callers    edge.Callers // nil: nobody is asked who they are
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{T: t, downstream: newDownstream(t)}
	s.connect()
	var plan []eventlog.TopicSpec
	for _, p := range topics.Plan() {
		if strings.HasPrefix(p.Name, "provisioning.") {
			plan = append(plan, eventlog.TopicSpec{Name: p.Name, Partitions: p.Partitions, Cleanup: string(p.Cleanup), Retention: p.Retention})
		}
	}
	if _, err := eventlog.Ensure(t.Context(), s.kafkaConfig(prometheus.NewRegistry()), plan, 1); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stage) kafkaConfig(reg *prometheus.Registry) eventlog.Config {
	return eventlog.Config{Brokers: []string{s.kafka}, ClientID: s.Name(), Logger: zap.NewNop(), Registry: reg}
}

// pod is one running provisioning.
type pod struct {
	stage     *stage
	directory provisioningv1connect.DirectoryServiceClient
	jobs      provisioningv1connect.JobServiceClient
	url       string
	reg       *prometheus.Registry
	redis     redis.UniversalClient
	// stop ends it as SIGTERM would; the edge first.
	stop func()
}

// quick is the configuration of the tests: the defaults, and no downstream.
func (s *stage) quick() provisioning.Config {
	s.Helper()
	var cfg provisioning.Config
	if err := config.Load("provisioning", &cfg, nil); err != nil {
		s.Fatal(err)
	}
	return cfg
}

// told is quick with the stage's downstream.
func (s *stage) told() provisioning.Config {
	cfg := s.quick()
	cfg.Downstream.URL, cfg.Downstream.Private = s.downstream.url+"/agents/{id}", true
	cfg.Downstream.BackoffMin, cfg.Downstream.BackoffMax = time.Millisecond, 10*time.Millisecond
	return cfg
}

func (s *stage) startPod(name string, cfg provisioning.Config) *pod {
	s.Helper()
	p := &pod{stage: s, reg: prometheus.NewRegistry()}
	log := zap.NewNop()
	if testing.Verbose() {
		log = zaptest.NewLogger(s.T, zaptest.Level(zap.InfoLevel))
	}
	p.redis = redis.NewUniversalClient(&s.redis)
	s.Cleanup(func() { p.redis.Close() })
	conn, err := fanout.Dial(fanout.Config{URL: s.nats, Name: name, Registry: p.reg})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(conn.Close)
	service, err := provisioning.New(s.Context(), cfg, &boot.Backends{
		Pod: name, Tenants: []string{s.tenant}, Redis: p.redis, Kafka: s.kafkaConfig(p.reg), NATS: conn, Log: log, Registry: p.reg,
	})
	if err != nil {
		s.Fatal(err)
	}
	front := edge.NewServer(edge.ServerConfig{Listen: "127.0.0.1:0", Grace: time.Second, Callers: s.callers}, log, p.reg)
	service.Mount(front)
	if err := front.Open(); err != nil {
		s.Fatal(err)
	}
	url := "http://" + front.Addr().String()
	client := &http.Client{Transport: &http.Transport{}}
	s.Cleanup(client.CloseIdleConnections)
	p.directory = provisioningv1connect.NewDirectoryServiceClient(client, url)
	p.jobs = provisioningv1connect.NewJobServiceClient(client, url)
	p.url = url
	p.stop = s.runAll(boot.Part{Name: "service", Run: service.Run}, boot.Part{Name: "edge", Run: front.Run})
	s.await("the pod is ready", func() bool { return service.Ready() == nil })
	return p
}

// runAll runs the parts until the test ends, or until the function returned is called.
func (s *stage) runAll(parts ...boot.Part) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- boot.RunParts(ctx, zap.NewNop(), parts...) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			s.Errorf("stop: %v", err)
		}
	})
	s.Cleanup(stop)
	return stop
}

// await looks again and again until it holds: for what tells nobody when it comes about.
func (s *stage) await(what string, holds func() bool) {
	s.Helper()
	late := time.After(limit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			s.Fatalf("it did not come about that %s", what)
		}
	}
}

// job reads a job, also while the pod is being rebuilt.
func (p *pod) job(id string) *provisioningv1.Job {
	res, err := p.jobs.GetJob(p.stage.Context(), connect.NewRequest(&provisioningv1.GetJobRequest{Tenant: p.stage.tenant, Id: id}))
	if err != nil {
		return &provisioningv1.Job{}
	}
	return res.Msg.GetJob()
}

// ended waits until no item of the job is pending.
func (p *pod) ended(id string) *provisioningv1.Job {
	p.stage.Helper()
	var j *provisioningv1.Job
	p.stage.await("the job has ended", func() bool {
		j = p.job(id)
		return j.GetTotal() > 0 && j.GetPending() == 0
	})
	return j
}

func (p *pod) create(requestID string, items ...*provisioningv1.Item) (*provisioningv1.Job, error) {
	res, err := p.jobs.CreateJob(p.stage.Context(), connect.NewRequest(&provisioningv1.CreateJobRequest{
		Tenant: p.stage.tenant, RequestId: requestID, Items: items, Actor: "test",
	}))
	if err != nil {
		return nil, err
	}
	return res.Msg.GetJob(), nil
}

func (p *pod) mustCreate(requestID string, items ...*provisioningv1.Item) *provisioningv1.Job {
	p.stage.Helper()
	j, err := p.create(requestID, items...)
	if err != nil {
		p.stage.Fatal(err)
	}
	return j
}

// agents lists all agents, page by page.
func (p *pod) agents() map[string]*provisioningv1.Agent {
	p.stage.Helper()
	all := map[string]*provisioningv1.Agent{}
	for token := ""; ; {
		res, err := p.directory.ListAgents(p.stage.Context(), connect.NewRequest(&provisioningv1.ListAgentsRequest{Tenant: p.stage.tenant, PageSize: 1000, PageToken: token}))
		if err != nil {
			p.stage.Fatal(err)
		}
		for _, a := range res.Msg.GetAgents() {
			all[a.GetId()] = a
		}
		if token = res.Msg.GetNextPageToken(); token == "" {
			return all
		}
	}
}

// outcomes lists all items of a job.
func (p *pod) outcomes(id string) (all []*provisioningv1.Outcome) {
	p.stage.Helper()
	for token := ""; ; {
		res, err := p.jobs.ListOutcomes(p.stage.Context(), connect.NewRequest(&provisioningv1.ListOutcomesRequest{Tenant: p.stage.tenant, JobId: id, PageSize: 1000, PageToken: token}))
		if err != nil {
			p.stage.Fatal(err)
		}
		all = append(all, res.Msg.GetOutcomes()...)
		if token = res.Msg.GetNextPageToken(); token == "" {
			return all
		}
	}
}

// metric sums a metric over its labels.
func (p *pod) metric(name string) float64 {
	p.stage.Helper()
	families, err := p.reg.Gather()
	if err != nil {
		p.stage.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// read reads what a topic has of the stage's tenant.
func (s *stage) read(topic string) (all []eventlog.Message) {
	s.Helper()
	var mu sync.Mutex
	err := eventlog.ReadTopic(s.Context(), s.kafkaConfig(prometheus.NewRegistry()), topic, nil, nil, func(m eventlog.Message) error {
		mu.Lock()
		defer mu.Unlock()
		if t := m.Header(eventlog.HeaderTenant); t == s.tenant || strings.HasPrefix(string(m.Key), s.tenant) {
			all = append(all, m)
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	return all
}

// finals counts, per item, how often the log says that it has ended.
func (s *stage) finals() map[string]int {
	s.Helper()
	all := map[string]int{}
	for _, m := range s.read(topics.Outcomes) {
		o := &provisioningv1.Outcome{}
		if m.Header(eventlog.HeaderType) != "busyhour.provisioning.outcome.v1" {
			continue
		}
		if err := proto.Unmarshal(m.Value, o); err != nil {
			s.Fatal(err)
		}
		all[fmt.Sprint(o.GetJobId(), "/", o.GetNumber())]++
	}
	return all
}

func upsert(id, name string) *provisioningv1.Item {
	return &provisioningv1.Item{Kind: provisioningv1.Item_KIND_UPSERT_AGENT, Agent: &provisioningv1.Agent{Id: id, Name: name}}
}

func deletion(id string) *provisioningv1.Item {
	return &provisioningv1.Item{Kind: provisioningv1.Item_KIND_DELETE_AGENT, Agent: &provisioningv1.Agent{Id: id}}
}

func upserts(n int) []*provisioningv1.Item {
	items := make([]*provisioningv1.Item, n)
	for i := range items {
		items[i] = upsert(fmt.Sprintf("agent-%05d", i+1), fmt.Sprintf("Agent %d", i+1))
	}
	return items
}

// downstream is somebody else's system: a real HTTP server that keeps what it is told.
type downstream struct {
	url string

	mu      sync.Mutex
	answer  func(r *http.Request) int // nil takes everything
	agents  map[string]string         // id → body
	calls   int
	inHand  map[string]int // by agent
	doubled []string       // agents that two calls were made for at once
}

func newDownstream(t *testing.T) *downstream {
	d := &downstream{agents: map[string]string{}, inHand: map[string]int{}}
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	d.url = server.URL
	return d
}

// answers sets how it answers. The function may wait; it is called for several requests at once.
func (d *downstream) answers(f func(r *http.Request) int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answer = f
}

func (d *downstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimPrefix(r.URL.Path, "/agents/")
	body, _ := io.ReadAll(r.Body)
	d.mu.Lock()
	d.calls++
	d.inHand[id]++
	if d.inHand[id] > 1 {
		d.doubled = append(d.doubled, id)
	}
	answer := d.answer
	d.mu.Unlock()
	status := http.StatusOK
	if answer != nil {
		status = answer(r)
	}
	d.mu.Lock()
	d.inHand[id]--
	if status == http.StatusOK {
		d.agents[id] = string(body)
		if r.Method == http.MethodDelete {
			delete(d.agents, id)
		}
	}
	d.mu.Unlock()
	w.WriteHeader(status)
	fmt.Fprintf(w, "the downstream says %d", status)
}

func (d *downstream) standing() (agents map[string]string, calls int, doubled []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.agents), d.calls, slices.Clone(d.doubled)
}
