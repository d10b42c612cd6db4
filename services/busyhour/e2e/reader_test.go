//go:build stack && readers

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
)

// languages are the example consumers of api/examples, with what starts them. scripts/examples makes them.
func languages(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{
		"go":         {filepath.Join(w.root, "bin/examples/contacts")},
		"python":     {filepath.Join(w.root, ".cache/examples/python/bin/python"), filepath.Join(w.root, "api/examples/python/contacts.py")},
		"typescript": {"node", filepath.Join(w.root, "api/examples/typescript/dist/contacts.js")},
	}
	for language, argv := range all {
		for _, file := range argv {
			if _, err := os.Stat(file); filepath.IsAbs(file) && err != nil {
				t.Fatalf("the example in %s is not built: run scripts/examples; %v", language, err)
			}
		}
	}
	return all
}

// team reads a topic in one language: members of a group, who share what they keep.
type team struct {
	t                        *testing.T
	language, group, letters string
	topic                    string
	dir                      string
	argv                     []string
	members                  []*fleet.Child
}

// hire a team that begins at the beginning of the topic, with nothing kept. It has no members yet.
func hire(t *testing.T, language string, argv []string, name, topic, tenant string) *team {
	t.Helper()
	h := &team{t: t, language: language, topic: topic, dir: t.TempDir()}
	h.group = w.run + "." + name + "." + language
	h.letters = h.group + ".dead-letter"
	cfg := eventlog.Config{Brokers: w.servers.Kafka, ClientID: w.run}
	_, err := eventlog.Ensure(t.Context(), cfg, []eventlog.TopicSpec{{Name: h.letters, Partitions: 1, Cleanup: "delete", Retention: time.Hour}}, 1)
	must(t, err)
	h.argv = append(slices.Clone(argv), "--brokers", strings.Join(w.servers.Kafka, ","), "--group", h.group, "--topic", topic, "--tenant", tenant,
		"--state", filepath.Join(h.dir, "state"), "--dead-letter", h.letters, "--refresh", "2")
	return h
}

// join adds a member.
func (h *team) join() {
	h.t.Helper()
	name := h.language + "-" + strconv.Itoa(len(h.members)+1)
	m := &fleet.Child{Name: name, Log: filepath.Join(h.dir, name+".log")}
	h.members = append(h.members, m)
	h.start(m)
	h.t.Cleanup(func() {
		_ = m.Kill()
		if h.t.Failed() {
			h.t.Logf("--- the end of the log of %s in %s\n%s", m.Name, h.group, m.Tail(15))
		}
	})
}

func (h *team) start(m *fleet.Child) {
	h.t.Helper()
	must(h.t, m.Launch(append(slices.Clone(h.argv), "--out", h.out(m)), os.Environ()))
}

func (h *team) out(m *fleet.Child) string { return filepath.Join(h.dir, m.Name+".jsonl") }

// kill a member, and start it again.
func (h *team) kill(n int) {
	h.t.Helper()
	must(h.t, h.members[n].Kill())
	h.start(h.members[n])
}

// restart a member as an orchestrator does.
func (h *team) restart(n int) {
	h.t.Helper()
	must(h.t, h.members[n].Stop())
	h.start(h.members[n])
}

// caughtUp waits until the group has committed all that stands in the topic now. Behind the last record may stand what ends
// a transaction, which not every client counts.
func (h *team) caughtUp(ctx context.Context) {
	h.t.Helper()
	cfg := eventlog.Config{Brokers: w.servers.Kafka, ClientID: w.run}
	last, err := eventlog.LastOffsets(ctx, cfg, h.topic)
	must(h.t, err)
	behind := int64(0)
	if h.topic == topics.ContactState {
		behind = 1
	}
	for {
		next, err := eventlog.CommittedOffsets(ctx, cfg, h.group, h.topic)
		must(h.t, err)
		late := -1
		for p, l := range last {
			if l >= 0 && (p >= len(next) || next[p] < l+1-behind) {
				late = p
			}
		}
		if late < 0 {
			return
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			h.t.Fatalf("%s does not catch up: partition %d ends at %d, committed %v", h.group, late, last[late], next)
		}
	}
}

// kept is what a consumer keeps of a contact.
type kept struct {
	revision uint64
	contact  *routingv1.Contact
}

// leave ends all members and gives what the last one has written.
func (h *team) leave() map[string]kept {
	h.t.Helper()
	for _, m := range h.members {
		if err := m.Stop(); err != nil {
			h.t.Fatalf("%v\n%s", err, m.Tail(20))
		}
	}
	return readContacts(h.t, h.out(h.members[len(h.members)-1]))
}

func readContacts(t *testing.T, path string) map[string]kept {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	all := map[string]kept{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Tenant, ID string
			Revision   uint64 `json:",string"`
			Contact    json.RawMessage
		}
		must(t, json.Unmarshal(lines.Bytes(), &line))
		c := &routingv1.Contact{}
		must(t, protojson.Unmarshal(line.Contact, c))
		if c.Id != line.ID || c.Tenant != line.Tenant {
			t.Errorf("%s: the line of %s/%s has contact %s/%s", path, line.Tenant, line.ID, c.Tenant, c.Id)
		}
		all[line.ID] = kept{line.Revision, c}
	}
	must(t, lines.Err())
	return all
}

// same compares two states and says how they differ. same contacts may be nil: only ids, revisions and states count.
func same(t *testing.T, whose string, got, want map[string]kept, equal func(a, b *routingv1.Contact) bool) {
	t.Helper()
	wrong := 0
	complain := func(format string, args ...any) {
		if wrong++; wrong <= 5 {
			t.Errorf(whose+": "+format, args...)
		}
	}
	for id, a := range want {
		b, ok := got[id]
		switch {
		case !ok:
			complain("contact %s (%s) is missing", id, a.contact.State)
		case a.revision != b.revision:
			complain("contact %s is at revision %d.%d, want %d.%d", id, b.revision>>32, uint32(b.revision), a.revision>>32, uint32(a.revision))
		case !equal(a.contact, b.contact):
			complain("contact %s is\n%v, want\n%v", id, b.contact, a.contact)
		}
	}
	for id := range got {
		if _, ok := want[id]; !ok {
			complain("contact %s should not be there", id)
		}
	}
	if wrong > 5 {
		t.Errorf("%s: and %d more", whose, wrong-5)
	}
}

func whole(a, b *routingv1.Contact) bool { return proto.Equal(a, b) }

// ends compares what is kept of an ended contact for an hour.
func ends(a, b *routingv1.Contact) bool {
	return a.State == b.State && a.QueueId == b.QueueId && a.CallId == b.CallId && a.EndedBy == b.EndedBy &&
		proto.Equal(a.Since, b.Since) && proto.Equal(a.CreatedAt, b.CreatedAt) && proto.Equal(a.EndedAt, b.EndedAt)
}

// reasons of the dead letters that have a key of ours, by key.
func (h *team) reasons(ctx context.Context, keys map[string]string) map[string]string {
	h.t.Helper()
	found := map[string]string{}
	err := eventlog.ReadTopic(ctx, eventlog.Config{Brokers: w.servers.Kafka}, h.letters, nil, nil, func(m eventlog.Message) error {
		if _, ours := keys[string(m.Key)]; ours {
			code, _, _ := strings.Cut(m.Header(eventlog.HeaderDeadLetterReason), ":")
			found[string(m.Key)] = code
			if m.Header(eventlog.HeaderDeadLetterTopic) != h.topic || m.Header(eventlog.HeaderSpecVersion) != "1.0" {
				h.t.Errorf("%s: the letter of %s has lost its headers: %v", h.group, m.Key, m.Headers)
			}
		}
		return nil
	})
	must(h.t, err)
	return found
}
