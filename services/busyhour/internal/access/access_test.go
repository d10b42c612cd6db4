package access

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/busyhour/busyhour/api/topics"
)

// from other teams come what only they produce; nobody of us reads dead letters, or queue statistics yet.
var foreign = []string{topics.Signals, topics.PresenceCommands, topics.QueueStats}

func TestEveryTopicAndGroupOfThePlanIsInTheTable(t *testing.T) {
	var consumed, produced, groups []string
	for _, s := range Services() {
		consumed, produced, groups = append(consumed, s.Consumes...), append(produced, s.Produces...), append(groups, s.Groups...)
	}
	for _, p := range topics.Plan() {
		if !slices.Contains(produced, p.Name) && !slices.Contains(foreign, p.Name) {
			t.Errorf("nobody may write to %s", p.Name)
		}
		for _, g := range p.Groups {
			if !slices.Contains(groups, g) || !slices.Contains(consumed, p.Name) {
				t.Errorf("nobody may read %s as %s", p.Name, g)
			}
		}
	}
}

func TestNobodyWritesToATopicOfAnother(t *testing.T) {
	for _, s := range Services() {
		for _, p := range s.Produces {
			if !strings.HasPrefix(p, s.Name+".") {
				t.Errorf("%s writes to %s", s.Name, p)
			}
		}
	}
}

func TestTheComposeFileHasTheseRights(t *testing.T) {
	text, err := os.ReadFile("../../../../docker-compose.tls.yml")
	if err != nil {
		t.Fatal(err)
	}
	file := string(text)
	for _, s := range Services() {
		file = strings.Replace(file, "user "+s.Name+" on >dev-"+s.Name, "user "+s.Name+" on", 1)
	}
	var redis, nats bytes.Buffer
	Redis(&redis)
	NATS(&nats)
	for line := range strings.Lines(redis.String() + nats.String()) {
		line = strings.ReplaceAll(strings.TrimSpace(line), "$", "$$")
		if !strings.HasPrefix(line, "#") && !strings.Contains(file, line) {
			t.Errorf("docker-compose.tls.yml lacks %s", line)
		}
	}
}
