package routing_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/subjects"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/fanout"
	"github.com/busyhour/busyhour/pkg/rebuild"
	routing "github.com/busyhour/busyhour/services/call-routing"
)

// limit is how long a test waits for what must come. Nothing waits that long unless it is broken.
const limit = 20 * time.Second

// stage is the world around call-routing: servers, and the records of its neighbours. The servers are in this process;
// with the build tag stack they are real ones, which other tests share.
type stage struct {
	testing.TB
	// tenant of this test alone.
	tenant string
	kafka  string
	redis  redis.UniversalOptions
	nats   string
	flush  func() // loses all that Redis has of the tenant

	directory *neighbour
	presence  *neighbour
	conn      *fanout.Conn // the neighbours'

	callers edge.Callers // nil: nobody is asked who they are
}

func newStage(t testing.TB) *stage {
	t.Helper()
	s := &stage{TB: t}
	s.connect()
	var err error
	s.makeTopics()
	if s.conn, err = fanout.Dial(fanout.Config{URL: s.nats, Name: "neighbours"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.conn.Close)
	s.directory = s.newNeighbour("provisioning", topics.DirectoryEvents, topics.ProvisioningEpochs)
	s.presence = s.newNeighbour("agent-presence", topics.AgentEvents, topics.PresenceEpochs)
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
	return eventlog.Config{Brokers: []string{s.kafka}, ClientID: s.Name(), Logger: zap.NewNop(), Registry: reg}
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
	rdb := redis.NewUniversalClient(&s.redis)
	s.Cleanup(func() { _ = rdb.Close() })
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
		Redis: rdb, Service: service, Tenants: []string{s.tenant}, Log: producer, Epochs: epochLog, Logger: zap.NewNop(), Registry: reg,
	})
	if err != nil {
		s.Fatal(err)
	}
	recovery := rebuild.New(rebuild.Config{
		Store: n.store, Epochs: epochLog, Kafka: kafka, Producer: producer, Pod: service, Logger: zap.NewNop(), Registry: reg,
		Source: rebuild.Source{
			Topics: []rebuild.Topic{{Events: events}},
			Value:  func(m eventlog.Message) ([]byte, error) { return m.Value, nil },
			Derive: rederive,
		},
	})
	s.runAll(boot.Part{Name: "epochs", Run: epochLog.Run}, boot.Part{Name: "store", Run: n.store.Run}, boot.Part{Name: "recovery", Run: recovery.Run})
	s.await(service+" is open", func() bool { _, open := n.store.Verified(s.tenant); return open })
	return n
}

func rederive(b *rebuild.Build) error {
	for _, r := range b.Records {
		if queue, ok := strings.CutPrefix(r.Name, "queue:"); ok {
			b.Add("queues", queue, 0)
		}
	}
	return nil
}

// put changes a record of the neighbour's, with an event, so that it survives Redis.
func (n *neighbour) put(name string, m proto.Message, more func(*commit.Tx)) commit.Result {
	n.stage.Helper()
	value, err := proto.Marshal(m)
	if err != nil {
		n.stage.Fatal(err)
	}
	res, err := n.store.Do(n.stage.Context(), n.stage.tenant, "", func(ctx context.Context, tx *commit.Tx) error {
		r := tx.Record(name)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		tx.Put(r, value, &commit.Event{Topic: n.topic, Key: name, Type: "test", Data: value})
		if more != nil {
			more(tx)
		}
		return nil
	})
	if err != nil {
		n.stage.Fatal(err)
	}
	return res
}

// queue makes a queue. Whatever it does not say is short, so that tests are.
func (s *stage) queue(q *provisioningv1.Queue) {
	s.Helper()
	if q.Channel == 0 {
		q.Channel = commonv1.Channel_CHANNEL_VOICE
	}
	q.Name = "Queue " + q.Id
	s.directory.put("queue:"+q.Id, &provisioningv1.DirectoryEntry{Tenant: s.tenant, Entry: &provisioningv1.DirectoryEntry_Queue{Queue: q}},
		func(tx *commit.Tx) { tx.Add("queues", q.Id, 0) })
}

// hire puts an agent into the directory, with one call at a time and German at 80.
func (s *stage) hire(id string, queues ...string) {
	s.Helper()
	s.hireAs(entry(id, 80, queues...))
}

func (s *stage) hireAs(a *provisioningv1.Agent) {
	s.Helper()
	s.hireQuietly(a)
	s.publish(subjects.Directory(s.tenant, "agent/"+a.Id), s.entryOf(a))
}

// hireQuietly puts an agent into the directory; the push is lost.
func (s *stage) hireQuietly(a *provisioningv1.Agent) {
	s.Helper()
	s.directory.put("agent:"+a.Id, s.entryOf(a), nil)
}

func (s *stage) entryOf(a *provisioningv1.Agent) *provisioningv1.DirectoryEntry {
	return &provisioningv1.DirectoryEntry{Tenant: s.tenant, Entry: &provisioningv1.DirectoryEntry_Agent{Agent: a}}
}

// entry is how an agent with one call at a time and German at this level stands in the directory.
func entry(id string, german uint32, queues ...string) *provisioningv1.Agent {
	return &provisioningv1.Agent{
		Id: id, Name: "Agent " + id, QueueIds: queues, Skills: []*commonv1.Skill{{Name: "german", Level: german}},
		Capacity: []*provisioningv1.Capacity{{Channel: commonv1.Channel_CHANNEL_VOICE, Contacts: 1}},
	}
}

func (s *stage) publish(subject string, m proto.Message) {
	s.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		s.Fatal(err)
	}
	if err := s.conn.Publish(s.Context(), subject, data); err != nil {
		s.Fatal(err)
	}
}

const (
	available = presencev1.Status_STATUS_AVAILABLE
	onBreak   = presencev1.Status_STATUS_BREAK
)

// set changes an agent's presence and pushes it.
func (s *stage) set(agent string, status presencev1.Status) {
	s.Helper()
	p := s.setQuietly(agent, status, presencev1.Connection_CONNECTION_CONNECTED)
	s.publish(subjects.Presence(s.tenant, agent), &presencev1.PresencePush{Presence: p})
}

// setQuietly changes an agent's presence; the push is lost.
func (s *stage) setQuietly(agent string, status presencev1.Status, connection presencev1.Connection) *presencev1.Presence {
	s.Helper()
	now := time.Now()
	p := &presencev1.Presence{AgentId: agent, Tenant: s.tenant, Status: status, Connection: connection, Since: timestamppb.New(now)}
	s.presence.put("presence:"+agent, p, func(tx *commit.Tx) {
		if status == available && connection == presencev1.Connection_CONNECTION_CONNECTED {
			tx.Add("available", agent, float64(now.UnixMilli()))
		} else {
			tx.Remove("available", agent)
		}
	})
	return p
}

// pod is one running call-routing.
type pod struct {
	stage   *stage
	url     string
	service *routing.Service
	reg     *prometheus.Registry
	// stop ends it as SIGTERM would; the edge first.
	stop func()
	// recounted is how many differences its recounts have found.
	recounted int
}

func (s *stage) startPod(name string) *pod {
	s.Helper()
	return s.startPodWith(name, routing.Config{Workers: 64})
}

func (s *stage) startPodWith(name string, cfg routing.Config) *pod {
	s.Helper()
	p := &pod{stage: s, reg: prometheus.NewRegistry()}
	log := zap.NewNop()
	if testing.Verbose() {
		log = zaptest.NewLogger(s.TB, zaptest.Level(zap.InfoLevel))
	}
	rdb := redis.NewUniversalClient(&s.redis)
	s.Cleanup(func() { _ = rdb.Close() })
	conn, err := fanout.Dial(fanout.Config{URL: s.nats, Name: name, Registry: p.reg})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(conn.Close)
	b := &boot.Backends{
		Pod: name, Tenants: []string{s.tenant}, Redis: rdb, Kafka: s.kafkaConfig(p.reg), NATS: conn, Log: log, Registry: p.reg,
		OutboxLimit: cfg.Outbox.Limit,
	}
	if p.service, err = routing.New(s.Context(), cfg, b); err != nil {
		s.Fatal(err)
	}
	front := edge.NewServer(edge.ServerConfig{Listen: "127.0.0.1:0", Grace: limit, Callers: s.callers}, log, p.reg)
	p.service.Mount(front)
	if err := front.Open(); err != nil {
		s.Fatal(err)
	}
	p.url = "http://" + front.Addr().String()
	p.stop = s.runAll(boot.Part{Name: "service", Run: p.service.Run}, boot.Part{Name: "edge", Run: front.Run})
	s.await("pod "+name+" is ready", func() bool { return p.service.Ready() == nil })
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
func (p *pod) metric(name string, labels ...string) float64 {
	families, err := p.reg.Gather()
	if err != nil {
		p.stage.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			have := fmt.Sprint(m.GetLabel())
			if !slices.ContainsFunc(labels, func(l string) bool { return !strings.Contains(have, `value:"`+l+`"`) }) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

// desk is what agents' screens are pushed. What two agents are pushed has no order.
type desk struct {
	*stage
	pushes map[string]chan *routingv1.WorkloadPush // by agent
}

// watch subscribes to the workload of agents.
func (s *stage) watch(agents ...string) *desk {
	s.Helper()
	d := &desk{s, map[string]chan *routingv1.WorkloadPush{}}
	for _, a := range agents {
		pushes := make(chan *routingv1.WorkloadPush, 256)
		d.pushes[a] = pushes
		sub, err := s.conn.Subscribe(subjects.Workload(s.tenant, a), func(_ context.Context, _ string, data []byte) {
			push := &routingv1.WorkloadPush{}
			if err := proto.Unmarshal(data, push); err != nil {
				s.Error(err)
			}
			pushes <- push
		})
		if err != nil {
			s.Fatal(err)
		}
		s.Cleanup(func() { _ = sub.Close() })
	}
	return d
}

// push waits for the agent's next push.
func (d *desk) push(agent string) (p *routingv1.WorkloadPush) {
	d.Helper()
	select {
	case p = <-d.pushes[agent]:
	case <-time.After(limit):
		d.Fatalf("agent %s was pushed nothing", agent)
	}
	return p
}

// card waits for the agent's next push, which must show one card in this state; no card at all for state 0.
func (d *desk) card(agent string, want routingv1.ContactState) *routingv1.Card {
	d.Helper()
	p := d.push(agent)
	switch {
	case want == 0 && len(p.Workload.Cards) == 0:
		return nil
	case want == 0 || len(p.Workload.Cards) != 1 || p.Workload.Cards[0].State != want:
		d.Fatalf("agent %s holds %v, want one card %s", agent, p.Workload.Cards, want)
	}
	return p.Workload.Cards[0]
}

func seconds(n int) *durationpb.Duration { return durationpb.New(time.Duration(n) * time.Second) }
