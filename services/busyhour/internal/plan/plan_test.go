package plan

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/embedded"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

func TestTableHasEveryTopic(t *testing.T) {
	var out bytes.Buffer
	if err := Table(&out, topics.Plan()); err != nil {
		t.Fatal(err)
	}
	for _, p := range topics.Plan() {
		if !strings.Contains(out.String(), p.Name) {
			t.Errorf("no line for %s in\n%s", p.Name, out.String())
		}
	}
	if !strings.Contains(out.String(), "delete, 7 d") || !strings.Contains(out.String(), "compact") {
		t.Errorf("no retention in\n%s", out.String())
	}
}

func TestJSONIsThePlan(t *testing.T) {
	var out bytes.Buffer
	if err := JSON(&out, topics.Plan()); err != nil {
		t.Fatal(err)
	}
	var lines []line
	if err := json.Unmarshal(out.Bytes(), &lines); err != nil {
		t.Fatal(err)
	}
	if len(lines) != len(topics.Plan()) || lines[0].Topic != topics.Signals || lines[0].Partitions != 12 || lines[0].RetentionMs != (24*time.Hour).Milliseconds() {
		t.Errorf("the first of %d lines is %+v", len(lines), lines[0])
	}
}

// chart is the plan as the Helm chart has it: it refuses more pods than partitions.
const chart = "../../../../charts/busyhour/files/topics.json"

var update = flag.Bool("update", false, "write the plan to the Helm chart")

func TestChartHasThePlan(t *testing.T) {
	var out bytes.Buffer
	if err := JSON(&out, topics.Plan()); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(chart, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(chart)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, out.Bytes()) {
		t.Errorf("%s is not the plan; go test -update . writes it", chart)
	}
}

func TestAwaitEndsWithTheBrokerOrInTime(t *testing.T) {
	if err := Await(t.Context(), eventlog.Config{Brokers: []string{"127.0.0.1:1"}}, time.Millisecond); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("nobody answers: got %v", err)
	}
	kafka, err := embedded.StartKafka("", t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	defer kafka.Close()
	if err := Await(t.Context(), eventlog.Config{Brokers: []string{kafka.Addr}}, time.Minute); err != nil {
		t.Error(err)
	}
}

func TestApplyCreatesChecksAndRefusesToShrink(t *testing.T) {
	kafka, err := embedded.StartKafka("", t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	defer kafka.Close()
	cfg := eventlog.Config{Brokers: []string{kafka.Addr}, ClientID: "plan-test"}
	apply := func(plan []topics.Topic) (string, error) {
		t.Helper()
		var out bytes.Buffer
		err := Apply(t.Context(), &out, cfg, plan, 1)
		return out.String(), err
	}
	plan := topics.Plan()
	if out, err := apply(plan); err != nil || strings.Count(out, "created ") != len(plan) {
		t.Fatalf("on an empty cluster: %v\n%s", err, out)
	}
	if out, err := apply(plan); err != nil || strings.Count(out, "as plan ") != len(plan) {
		t.Errorf("on a cluster as planned: %v\n%s", err, out)
	}
	plan[0].Partitions = 6 // the cluster has 12
	if out, err := apply(plan); err != nil || !strings.Contains(out, "never shrinks") {
		t.Errorf("with fewer partitions planned: %v\n%s", err, out)
	}
	plan[0].Partitions = 24
	if out, err := apply(plan); err == nil || !strings.Contains(out, "DIFFERS  topic "+topics.Signals) {
		t.Errorf("with more partitions planned: %v\n%s", err, out)
	}
}

func TestATopicGrowsWithItsStateTopicAndNothingElseDoes(t *testing.T) {
	kafka, err := embedded.StartKafka("", t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	defer kafka.Close()
	cfg := eventlog.Config{Brokers: []string{kafka.Addr}, ClientID: "plan-test"}
	if err := Apply(t.Context(), io.Discard, cfg, topics.Plan(), 1); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		topic string
		to    int32
		why   string
	}{
		{topics.ContactEvents, 6, "never has fewer"},
		{topics.RoutingEpochs, 2, "never grows"},
		{topics.ContactState, 24, "grows with " + topics.ContactEvents},
		{topics.ContactEvents, 96, "may have 48"},
		{"call-routing.nothing.v1", 6, "not in the plan"},
	} {
		err := Grow(t.Context(), io.Discard, cfg, Growth{Topic: c.topic, To: c.to})
		if err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s to %d gives %v, want %q", c.topic, c.to, err, c.why)
		}
	}
	for _, g := range []Growth{{Topic: topics.ContactEvents, To: 24}, {Topic: topics.Signals, To: 24}, {Topic: topics.QueueStats, To: 12, Force: true}} {
		var out bytes.Buffer
		if err := Grow(t.Context(), &out, cfg, g); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
	}
	counts, err := eventlog.Partitions(cfg, topics.ContactEvents, topics.ContactState, topics.Signals, topics.QueueStats, topics.AgentEvents)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int32{topics.ContactEvents: 24, topics.ContactState: 24, topics.Signals: 24, topics.QueueStats: 12, topics.AgentEvents: 6}
	if !maps.Equal(counts, want) {
		t.Errorf("there are %v, want %v", counts, want)
	}
	var out bytes.Buffer
	if err := Grow(t.Context(), &out, cfg, Growth{Topic: topics.ContactEvents, To: 24}); err != nil || !strings.Contains(out.String(), "already") {
		t.Errorf("a second time: %v\n%s", err, out.String())
	}
}
