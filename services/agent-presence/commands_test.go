package presence_test

import (
	"context"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

const commandType = "busyhour.presence.command.v1"

// command writes a record into agent-presence.commands.
func (s *stage) command(ceType string, value []byte) {
	s.Helper()
	producer, err := eventlog.NewProducer(s.kafkaConfig(prometheus.NewRegistry()))
	if err != nil {
		s.Fatal(err)
	}
	defer producer.Close()
	m := eventlog.Message{Topic: topics.PresenceCommands, Key: []byte("ann"), Value: value, Headers: []eventlog.Header{{Key: "ce_type", Value: ceType}}}
	if err := producer.Send(s.Context(), m); err != nil {
		s.Fatal(err)
	}
}

func wish(agent string, status presencev1.Status, reason, request string) []byte {
	b, _ := proto.Marshal(&presencev1.PresenceCommand{Tenant: tenant, AgentId: agent, Status: status, Reason: reason, RequestId: request})
	return b
}

// read returns what is in a topic now.
func (s *stage) read(topic string) []eventlog.Message {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), limit)
	defer cancel()
	found := make(chan eventlog.Message, 1024)
	err := eventlog.ReadTopic(ctx, s.kafkaConfig(prometheus.NewRegistry()), topic, nil, s.ends(topic), func(m eventlog.Message) error {
		if m.Header("ce_type") != "busyhour.epoch.v1" { // a marker of ends
			found <- m
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	close(found)
	var all []eventlog.Message
	for m := range found {
		all = append(all, m)
	}
	return all
}

func TestOtherSystemsCommandOverKafka(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	p := s.startPod("pod-a", quick())
	desk := p.logIn(t, "ann", "")
	s.command(commandType, wish("ann", onBreak, "training", "wfm-1"))
	desk.await("BREAK", func() bool { return desk.shows(onBreak, connected)() && desk.presence.Reason == "training" })
	if no := desk.set(available, ""); no != nil {
		t.Fatal(no)
	}
	s.command(commandType, wish("ann", onBreak, "training", "wfm-1")) // again, late
	s.command(commandType, wish("ann", offline, "", "wfm-2"))
	desk.await("OFFLINE", desk.shows(offline, connected))
	s.await("three are counted", func() bool { return p.metric(t, "busyhour_presence_commands_total") == 3 })
	if n := p.metric(t, "busyhour_presence_commands_total", "applied"); n != 2 {
		t.Errorf("%v applied", n)
	}
}

func TestWhatIsNoCommandGoesToTheDeadLettersAndTheGroupMovesOn(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	p := s.startPod("pod-a", quick())
	desk := p.logIn(t, "ann", "")
	bad := []struct {
		ceType string
		value  []byte
		reason string
	}{
		{commandType, []byte("\xff\xff garbage"), "not a PresenceCommand"},
		{"busyhour.presence.command.v9", wish("ann", onBreak, "x", "v9"), "v9"},
		{"", wish("ann", onBreak, "x", "v0"), "ce_type"},
		{commandType, nil, "tombstone"},
		{commandType, wish("ann", 0, "", "no-status"), "status"},
		{commandType, wish("ann", onBreak, "x", ""), "request_id"},
		{commandType, wish(strings.Repeat("a", 10_000), onBreak, "x", "long"), "agent_id"},
		{commandType, wish("nobody", onBreak, "x", "nobody"), "AGENT_UNKNOWN"},
		{commandType, wish("ann", onBreak, "", "no-reason"), "REASON_REQUIRED"},
	}
	other, _ := proto.Marshal(&presencev1.PresenceCommand{Tenant: "other", AgentId: "ann", Status: offline, RequestId: "t"})
	for _, b := range bad {
		s.command(b.ceType, b.value)
	}
	s.command(commandType, other)
	s.command(commandType, wish("ann", onBreak, "the good one", "good"))
	desk.await("the good one", func() bool { return desk.presence.GetReason() == "the good one" })
	s.await("all bad ones are counted", func() bool {
		return p.metric(t, "busyhour_presence_commands_total", "unreadable")+p.metric(t, "busyhour_presence_commands_total", "refused") == float64(len(bad)+1)
	})
	var reasons []string
	s.await("all bad ones are dead letters", func() bool {
		reasons = nil
		for _, m := range s.read(topics.PresenceDeadLetter) {
			reasons = append(reasons, m.Header(eventlog.HeaderDeadLetterReason))
		}
		return len(reasons) == len(bad)+1
	})
	all := strings.Join(reasons, "\n")
	for _, b := range bad {
		if !strings.Contains(all, b.reason) {
			t.Errorf("no dead letter says %q:\n%s", b.reason, all)
		}
	}
	if !strings.Contains(all, "TENANT_UNKNOWN") {
		t.Errorf("no dead letter says TENANT_UNKNOWN:\n%s", all)
	}
}

// The events tell the whole story of an agent, in order, and the record after each.
func TestEventsTellTheStory(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	p := s.startPod("pod-a", quick())
	desk := p.logIn(t, "ann", "s-1")
	desk.set(available, "")
	desk.conn.CloseNow()
	s.awaitPresence("ann", func(p *presencev1.Presence) bool { return p.Connection == grace })
	p.stop() // drains the outbox
	var kinds []string
	n := uint32(0)
	for _, m := range s.read(topics.AgentEvents) {
		if m.Header("ce_subject") != "presence:ann" {
			continue
		}
		e := &presencev1.PresenceEvent{}
		if err := proto.Unmarshal(m.Value, e); err != nil {
			t.Fatal(err)
		}
		if e.Revision.N <= n {
			continue // a repeat
		}
		n = e.Revision.N
		kinds = append(kinds, e.Kind.String())
		if string(m.Key) != "ann" || m.Header("ce_type") == "" || e.Presence == nil || e.Before == nil {
			t.Errorf("event %v, headers %v", e, m.Headers)
		}
	}
	if got := strings.Join(kinds, " "); got != "KIND_SCREEN_JOINED KIND_STATUS_CHANGED KIND_GRACE_BEGAN" {
		t.Error(got)
	}
}
