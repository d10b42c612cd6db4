package presence_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/busyhour/busyhour/api/events"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/busyhour/busyhour/api/golden"
	"github.com/busyhour/busyhour/api/golden/goldentest"
	"github.com/busyhour/busyhour/api/topics"
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
	s.command(events.PresenceCommand, wish("ann", onBreak, "training", "wfm-1"))
	s.awaitPresence("ann", func(p *presencev1.Presence) bool { return p.Status == onBreak })
	s.command(events.PresenceCommand, wish("ann", onBreak, "training", "wfm-2")) // it is so already
	s.awaitPresence("ann", func(p *presencev1.Presence) bool { return len(p.RequestIds) == 2 })
	first.conn.CloseNow()
	s.awaitPresence("ann", func(p *presencev1.Presence) bool { return p.Reason == "lost" })
	p.stop()

	var records []golden.Record
	pod := "" // it takes another name at each start
	for _, topic := range []string{topics.AgentEvents, topics.PresenceCommands} {
		for _, m := range s.read(topic) {
			r := golden.Record{Topic: m.Topic, Key: string(m.Key), Value: m.Value, Headers: map[string]string{}}
			for _, h := range m.Headers {
				r.Headers[h.Key] = h.Value
			}
			records = append(records, r)
			if found := regexp.MustCompile(`pod-a/[a-z0-9]+`).Find(m.Value); found != nil {
				pod = string(found)
			}
		}
	}
	goldentest.Compare(t, records, strings.NewReplacer(pod, "pod-a"), events.AgentStatusChanged, events.AgentScreenJoined, events.AgentScreenLeft,
		events.AgentGraceBegan, events.AgentLost, events.AgentNoted, events.PresenceCommand)
}
