package presence_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/busyhour/busyhour/api/events"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/busyhour/busyhour/api/golden"
	"github.com/busyhour/busyhour/api/golden/goldentest"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/agent-presence/internal/state"
)

func TestGoldenEventsOfAgents(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	cfg := quick()
	cfg.Agents.Grace = 300 * time.Millisecond
	p := s.startPod("pod-a", cfg)
	first := p.logIn(t, "ann", "s-1")
	first.set(available, "")
	second := p.logIn(t, "ann", "s-2")
	second.conn.CloseNow()
	s.awaitPresence("ann", func(p *presencev1.Presence) bool { return len(p.Screens) == 1 })
	s.sendCommand(t, "wfm-1")
	s.awaitPresence("ann", func(p *presencev1.Presence) bool { return p.Status == onBreak })
	s.command(events.PresenceCommand, wish("ann", onBreak, "training", "wfm-2")) // it is so already
	s.awaitPresence("ann", func(p *presencev1.Presence) bool { return len(p.RequestIds) == 2 })
	first.conn.CloseNow()
	s.awaitPresence("ann", func(p *presencev1.Presence) bool { return p.Reason == "lost" })
	p.stop()

	records := goldenRecords(append(s.read(topics.AgentEvents), s.read(topics.PresenceCommands)...)...)
	goldentest.Compare(t, records, renamed(records), events.AgentStatusChanged, events.AgentScreenJoined,
		events.AgentScreenLeft, events.AgentGraceBegan, events.AgentLost, events.AgentNoted, events.PresenceCommand)
}

// sendCommand is a workforce management that sends an agent to a training.
func (s *stage) sendCommand(t *testing.T, request string) {
	t.Helper()
	producer, err := eventlog.NewProducer(s.kafkaConfig(prometheus.NewRegistry()))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	m := eventlog.Message{Topic: topics.PresenceCommands, Key: []byte("ann"), Value: wish("ann", onBreak, "training", request), Headers: []eventlog.Header{
		{Key: eventlog.HeaderSpecVersion, Value: "1.0"}, {Key: eventlog.HeaderID, Value: request},
		{Key: eventlog.HeaderSource, Value: "/wfm"}, {Key: eventlog.HeaderType, Value: events.PresenceCommand},
		{Key: eventlog.HeaderSubject, Value: "ann"}, {Key: eventlog.HeaderContentType, Value: "application/protobuf"},
		{Key: eventlog.HeaderTenant, Value: tenant}, {Key: eventlog.HeaderDataSchema, Value: events.SchemaCommand},
	}}
	if err := producer.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

// What the auditor and a recovery write.
func TestGoldenEventsOfMending(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	p := s.startPod("pod-a", quick())
	screen := p.logIn(t, "ann", "s-1")
	_, revision := s.presenceOf("ann")
	key, rdb := s.key(state.Name("ann"))
	if err := rdb.HSet(t.Context(), key, "v", "nonsense").Err(); err != nil {
		t.Fatal(err)
	}
	s.await("the lie is found", func() bool { return s.wrote(events.AgentHealed) })

	s.kafka.Stop()
	screen.send(&presencev1.ClientFrame{RequestId: "never durable", Frame: &presencev1.ClientFrame_SetStatus{SetStatus: &presencev1.SetStatus{Status: available}}})
	s.await("only Redis has what was decided", func() bool { return p.metric(t, "busyhour_log_away_seconds") > 1.1 })
	s.redis.Flush()
	if err := s.kafka.Start(); err != nil {
		t.Fatal(err)
	}
	s.await("the log says what it lacks", func() bool { return s.wrote(events.PresenceGap) })
	p.stop()
	records := goldenRecords(s.read(topics.AgentEvents)...)
	fixed := renamed(records, fmt.Sprintf("Redis at %s, log at %[1]s", revision), fmt.Sprintf("Redis at 7.%d, log at 7.%[1]d", revision.N))
	goldentest.Compare(t, records, fixed, events.AgentHealed, events.PresenceGap)
}

var podAtAStart = regexp.MustCompile(`pod-a/[a-z0-9]+`)

// renamed gives the pod one name, for it takes another at each start.
func renamed(records []golden.Record, also ...string) *strings.Replacer {
	for _, r := range records {
		if found := podAtAStart.Find(r.Value); found != nil {
			return strings.NewReplacer(append(also, string(found), "pod-a")...)
		}
	}
	return strings.NewReplacer(also...)
}

func (s *stage) wrote(typ string) bool {
	s.Helper()
	return slices.ContainsFunc(s.read(topics.AgentEvents), func(m eventlog.Message) bool { return m.Header(eventlog.HeaderType) == typ })
}

func goldenRecords(messages ...eventlog.Message) (records []golden.Record) {
	for _, m := range messages {
		r := golden.Record{Topic: m.Topic, Key: string(m.Key), Value: m.Value, Headers: map[string]string{}}
		for _, h := range m.Headers {
			r.Headers[h.Key] = h.Value
		}
		records = append(records, r)
	}
	return records
}
