package observe

import (
	"bytes"
	"context"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/pkg/config"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/embedded"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/fanout"
	presence "github.com/busyhour/busyhour/services/agent-presence"
	"github.com/busyhour/busyhour/services/busyhour/internal/plan"
	routing "github.com/busyhour/busyhour/services/call-routing"
	"github.com/busyhour/busyhour/services/provisioning"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew")

const page = "../../../../docs/metrics.md"

// stage is the servers that the services register for.
type stage struct {
	*testing.T
	kafka, redis, nats string
	catalogue          Catalogue
	recorders          []*Recorder
}

func TestTheListOfMetricsIsWhatTheServicesRegister(t *testing.T) {
	s := newStage(t)
	start(s, "provisioning", provisioning.New, "--downstream.url=http://127.0.0.1:1/{id}", "--downstream.private")
	start(s, "call-routing", routing.New)
	start(s, "agent-presence", presence.New, "--routing.urls=http://127.0.0.1:1")
	all := s.catalogue.Metrics()

	conventional(t, all)
	typesHold(t, all, s.recorders)
	var b bytes.Buffer
	if err := Write(&b, all, len(s.recorders)); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	there, err := os.ReadFile(page)
	if err != nil || !bytes.Equal(there, b.Bytes()) {
		t.Errorf("docs/metrics.md is not what the services register (%v): run go test ./services/busyhour/internal/observe -update", err)
	}
}

func newStage(t *testing.T) *stage {
	s := &stage{T: t}
	kafka, err := embedded.StartKafka("", t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	rdb, err := embedded.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(rdb.Close)
	nats, err := embedded.StartNATS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nats.Close)
	s.kafka, s.redis, s.nats = kafka.Addr, rdb.Addr, nats.URL
	if err := plan.Apply(t.Context(), &bytes.Buffer{}, eventlog.Config{Brokers: []string{s.kafka}}, topics.Plan(), 1); err != nil {
		t.Fatal(err)
	}
	return s
}

// start runs a service until it is ready, on a registry of the catalogue.
func start[C any, S boot.Server](s *stage, name string, build func(context.Context, C, *boot.Backends) (S, error), flags ...string) {
	s.Helper()
	var cfg C
	if err := config.Load(name, &cfg, flags); err != nil {
		s.Fatal(err)
	}
	rec := s.catalogue.Registry(name)
	s.recorders = append(s.recorders, rec)
	conn, err := fanout.Dial(fanout.Config{URL: s.nats, Name: name, Registry: rec})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(conn.Close)
	rdb := redis.NewClient(&redis.Options{Addr: s.redis})
	s.Cleanup(func() { rdb.Close() })
	b := &boot.Backends{
		Pod: "observed", Tenants: []string{"demo"}, Redis: rdb, NATS: conn, Log: zap.NewNop(), Registry: rec,
		Kafka: eventlog.Config{Brokers: []string{s.kafka}, ClientID: name, Registry: rec},
	}
	svc, err := build(s.Context(), cfg, b)
	if err != nil {
		s.Fatal(err)
	}
	front := edge.NewServer(edge.ServerConfig{Listen: "127.0.0.1:0"}, b.Log, rec)
	svc.Mount(front)
	ctx, cancel := context.WithCancel(s.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- boot.RunParts(ctx, b.Log, b.PolicyPart(), boot.Part{Name: name, Run: svc.Run}, boot.Part{Name: "edge", Run: front.Run})
	}()
	s.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			s.Error(err)
		}
	})
	await(s.T, name+" is ready", svc.Ready)
}

// await asks until nothing is wrong.
func await(t *testing.T, what string, ask func() error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for err := ask(); err != nil; err = ask() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not yet: %s: %v", what, err)
		}
	}
}

var (
	plain = regexp.MustCompile(`^busyhour(_[a-z]+)+$`)
	// Whose values nobody can count beforehand.
	endless = []string{"agent", "agent_id", "call", "call_id", "contact", "contact_id", "screen", "job", "item", "url", "path", "user"}
)

// conventional checks names, help and labels against Prometheus' conventions.
func conventional(t *testing.T, all []Metric) {
	for _, m := range all {
		if !plain.MatchString(m.Name) {
			t.Errorf("%s: names are busyhour_<thing>_<unit> in lower case", m.Name)
		}
		if counter := strings.HasSuffix(m.Name, "_total"); counter != (m.Type == "counter") {
			t.Errorf("%s: it is a %s; counters, and only they, end with _total", m.Name, m.Type)
		}
		for _, unit := range []string{"_milliseconds", "_ms", "_minutes", "_kilobytes", "_percent"} {
			if strings.Contains(m.Name, unit) {
				t.Errorf("%s: the base units are seconds, bytes and ratios", m.Name)
			}
		}
		if m.Help == "" || !strings.HasSuffix(m.Help, ".") {
			t.Errorf("%s: its help is no sentence: %q", m.Name, m.Help)
		}
		for _, l := range m.Labels {
			if slices.Contains(endless, l) {
				t.Errorf("%s: the label %s has no end of values", m.Name, l)
			}
		}
	}
}

// typesHold compares the types with what the registries gather, where they have samples already, and looks that what
// measures time is native.
func typesHold(t *testing.T, all []Metric, recorders []*Recorder) {
	types := map[string]string{}
	for _, m := range all {
		types[m.Name] = m.Type
	}
	for _, r := range recorders {
		families, err := r.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if got := strings.ToLower(f.GetType().String()); types[f.GetName()] != "" && types[f.GetName()] != got {
				t.Errorf("%s is listed as a %s and is a %s", f.GetName(), types[f.GetName()], got)
			}
			if f.GetType() == dto.MetricType_HISTOGRAM && strings.HasSuffix(f.GetName(), "_seconds") && f.Metric[0].Histogram.Schema == nil {
				t.Errorf("%s measures time and is no native histogram", f.GetName())
			}
		}
	}
}

func TestACatalogueHearsOfEverything(t *testing.T) {
	var c Catalogue
	reg := c.Registry("a")
	reg.MustRegister(
		prometheus.NewCounterVec(prometheus.CounterOpts{Name: "busyhour_x_total", Help: `Says "x", or so.`, ConstLabels: prometheus.Labels{"service": "s"}}, []string{"one", "two"}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "busyhour_y", Help: "Y."}, func() float64 { return 1 }),
		prometheus.NewHistogram(prometheus.HistogramOpts{Name: "busyhour_z_seconds", Help: "Z."}),
		prometheus.NewGauge(prometheus.GaugeOpts{Name: "other", Help: "O."}),
	)
	got := c.Metrics()
	if len(got) != 3 || got[0].Type != "counter" || got[1].Type != "gauge" || got[2].Type != "histogram" {
		t.Fatalf("%+v", got)
	}
	if got[0].Help != `Says "x", or so.` || !slices.Equal(got[0].Labels, []string{"service", "one", "two"}) {
		t.Errorf("%+v", got[0])
	}
}
