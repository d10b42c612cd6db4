package presence_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/subjects"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/embedded"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/fanout"
	"github.com/busyhour/busyhour/pkg/rebuild"
	presence "github.com/busyhour/busyhour/services/agent-presence"
)

const (
	tenant = "demo"
	// limit is how long a test waits for what must come. Nothing waits that long unless it is broken.
	limit = time.Minute
)

// stage is the world around agent-presence: servers in this process, and the records of its neighbours.
type stage struct {
	*testing.T
	kafka *embedded.Kafka
	redis *embedded.Redis
	nats  *embedded.NATS

	directory *neighbour
	routing   *neighbour
	conn      *fanout.Conn // the neighbours'

	callers edge.Callers // nil: nobody is asked who they are
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{T: t}
	var err error
	if s.kafka, err = embedded.StartKafka(t.TempDir(), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kafka.Close)
	if s.redis, err = embedded.StartRedis(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.redis.Close)
	if s.nats, err = embedded.StartNATS(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.nats.Close)
	s.makeTopics()
	if s.conn, err = fanout.Dial(fanout.Config{URL: s.nats.URL, Name: "neighbours"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.conn.Close)
	s.directory = s.newNeighbour("provisioning", topics.DirectoryEvents, topics.ProvisioningEpochs)
	s.routing = s.newNeighbour("call-routing", topics.ContactEvents, topics.RoutingEpochs)
	return s
}

func (s *stage) makeTopics() {
	s.Helper()
	var plan []eventlog.TopicSpec
	for _, p := range topics.Plan() {
		plan = append(plan, eventlog.TopicSpec{Name: p.Name, Partitions: p.Partitions, Cleanup: string(p.Cleanup), Retention: p.Retention})
	}
	if _, err := eventlog.Ensure(s.Context(), s.kafkaConfig(prometheus.NewRegistry()), plan, 1); err != nil {
		s.Fatal(err)
	}
}

func (s *stage) kafkaConfig(reg *prometheus.Registry) eventlog.Config {
	return eventlog.Config{Brokers: []string{s.kafka.Addr}, ClientID: s.Name(), Logger: zap.NewNop(), Registry: reg}
}

// runAll runs the parts until the test ends, or until the function returned is called.
func (s *stage) runAll(parts ...boot.Part) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- boot.RunParts(ctx, zap.NewNop(), parts...) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			s.Errorf("stop: %v", err)
		}
	}
	s.Cleanup(stop)
	return stop
}

// neighbour is another service, as far as its records go.
type neighbour struct {
	stage *stage
	topic string
	store *commit.Store
}

func (s *stage) newNeighbour(service, events, epochs string) *neighbour {
	s.Helper()
	reg := prometheus.NewRegistry()
	kafka := s.kafkaConfig(reg)
	rdb := redis.NewClient(&redis.Options{Addr: s.redis.Addr})
	s.Cleanup(func() { rdb.Close() })
	producer, err := eventlog.NewProducer(kafka)
	if err != nil {
		s.Fatal(err)
	}
	epochLog, err := eventlog.OpenEpochLog(kafka, epochs)
	if err != nil {
		s.Fatal(err)
	}
	n := &neighbour{stage: s, topic: events}
	n.store, err = commit.Open(commit.Config{
		Redis: rdb, Service: service, Tenants: []string{tenant}, Log: producer, Epochs: epochLog, Logger: zap.NewNop(), Registry: reg,
	})
	if err != nil {
		s.Fatal(err)
	}
	recovery := rebuild.New(rebuild.Config{
		Store: n.store, Epochs: epochLog, Kafka: kafka, Producer: producer, Pod: service, Logger: zap.NewNop(), Registry: reg,
		Source: rebuild.Source{
			Topics: []rebuild.Topic{{Events: events}},
			Value:  func(m eventlog.Message) ([]byte, error) { return m.Value, nil },
			Derive: func(*rebuild.Build) error { return nil },
		},
	})
	s.runAll(boot.Part{Name: "epochs", Run: epochLog.Run}, boot.Part{Name: "store", Run: n.store.Run}, boot.Part{Name: "recovery", Run: recovery.Run})
	awaitOpen(s.T, n.store, 1)
	return n
}

func awaitOpen(t *testing.T, store *commit.Store, least uint32) uint32 {
	t.Helper()
	late := time.After(limit)
	for {
		changed := store.Changed(tenant)
		if epoch, open := store.Verified(tenant); open && epoch >= least {
			return epoch
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("%s did not open in epoch %d", store.Service(), least)
		}
	}
}

// put changes a record of the neighbour's, with an event, so that it survives Redis.
func (n *neighbour) put(name string, m proto.Message) commit.Result {
	n.stage.Helper()
	value, err := proto.Marshal(m)
	if err != nil {
		n.stage.Fatal(err)
	}
	res, err := n.store.Do(n.stage.Context(), tenant, "", func(ctx context.Context, tx *commit.Tx) error {
		r := tx.Record(name)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		tx.Put(r, value, &commit.Event{Topic: n.topic, Key: name, Type: "test", Data: value})
		return nil
	})
	if err != nil {
		n.stage.Fatal(err)
	}
	return res
}

// hire puts agents into the directory.
func (s *stage) hire(agents ...string) {
	s.Helper()
	for _, id := range agents {
		s.list(entry(id))
	}
}

func entry(id string) *provisioningv1.Agent {
	return &provisioningv1.Agent{Id: id, Name: "Agent " + id, QueueIds: []string{"sales"}}
}

// list puts an agent into the directory; nobody is told.
func (s *stage) list(a *provisioningv1.Agent) *provisioningv1.DirectoryEntry {
	s.Helper()
	e := &provisioningv1.DirectoryEntry{Tenant: tenant, Entry: &provisioningv1.DirectoryEntry_Agent{Agent: a}}
	s.directory.put("agent:"+a.Id, e)
	return e
}

// give changes what an agent holds, and pushes it if push is true.
func (s *stage) give(agent string, push bool, cards ...*routingv1.Card) commit.Revision {
	s.Helper()
	w := &routingv1.Workload{AgentId: agent, Cards: cards}
	res := s.routing.put("workload:"+agent, w)
	if push {
		s.pushWorkload(agent, res.Revision, res.Previous, w)
	}
	return res.Revision
}

func (s *stage) pushWorkload(agent string, now, before commit.Revision, w *routingv1.Workload) {
	s.Helper()
	data, err := proto.Marshal(&routingv1.WorkloadPush{
		Tenant: tenant, AgentId: agent, Workload: w, At: timestamppb.Now(), SignalAt: timestamppb.Now(),
		Revision: &commonv1.Revision{Epoch: now.Epoch, N: now.N}, Previous: &commonv1.Revision{Epoch: before.Epoch, N: before.N},
	})
	if err != nil {
		s.Fatal(err)
	}
	if err := s.conn.Publish(s.Context(), subjects.Workload(tenant, agent), data); err != nil {
		s.Fatal(err)
	}
}

func card(id string, state routingv1.ContactState) *routingv1.Card {
	return &routingv1.Card{ContactId: id, State: state, From: "+49 30 1"}
}

// pod is one running agent-presence.
type pod struct {
	url     string
	http    *http.Client
	service *presence.Service
	reg     *prometheus.Registry
	// stop ends it as SIGTERM would; the edge first.
	stop func()
}

func quick() presence.Config {
	return presence.Config{
		Agents:  presence.AgentsConfig{Grace: 30 * time.Second},
		Desktop: presence.DesktopConfig{Heartbeat: 200 * time.Millisecond, Silence: 15 * time.Second, DrainOver: 10 * time.Millisecond},
	}
}

func (s *stage) startPod(name string, cfg presence.Config) *pod {
	s.Helper()
	p := &pod{reg: prometheus.NewRegistry()}
	log := zap.NewNop()
	if testing.Verbose() {
		log = zaptest.NewLogger(s.T)
	}
	rdb := redis.NewClient(&redis.Options{Addr: s.redis.Addr, MaxRetries: 1, ContextTimeoutEnabled: true})
	s.Cleanup(func() { rdb.Close() })
	conn, err := fanout.Dial(fanout.Config{URL: s.nats.URL, Name: name, Registry: p.reg})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(conn.Close)
	b := &boot.Backends{
		Pod: name, Tenants: []string{tenant}, Redis: rdb, Kafka: s.kafkaConfig(p.reg), NATS: conn, Log: log, Registry: p.reg,
	}
	p.service, err = presence.New(s.Context(), cfg, b)
	if err != nil {
		s.Fatal(err)
	}
	front := edge.NewServer(edge.ServerConfig{Listen: "127.0.0.1:0", Grace: limit, Callers: s.callers}, log, p.reg)
	p.service.Mount(front)
	if err := front.Open(); err != nil {
		s.Fatal(err)
	}
	p.url = "http://" + front.Addr().String()
	p.http = &http.Client{Transport: &http.Transport{}}
	s.Cleanup(p.http.CloseIdleConnections)
	p.stop = s.runAll(boot.Part{Name: "service", Run: p.service.Run}, boot.Part{Name: "edge", Run: front.Run})
	s.await("the pod is ready", func() bool { return p.service.Ready() == nil })
	return p
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

// metric sums a metric over its labels that match.
func (p *pod) metric(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	families, err := p.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			have := fmt.Sprint(m.GetLabel())
			matches := true
			for _, l := range labels {
				matches = matches && containsLabel(have, l)
			}
			if matches {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

// ends are the offsets of the newest records, by a marker behind them that nobody minds.
func (s *stage) ends(topic string) []int64 {
	s.Helper()
	cfg := s.kafkaConfig(prometheus.NewRegistry())
	producer, err := eventlog.NewProducer(cfg)
	if err != nil {
		s.Fatal(err)
	}
	defer producer.Close()
	ends, err := eventlog.FenceTopic(s.Context(), producer, eventlog.Fence{
		Topic: topic, Marker: eventlog.Marker{Tenants: []string{"nobody"}, Epoch: 1, Nonce: "test"},
	})
	if err != nil {
		s.Fatal(err)
	}
	return ends
}
