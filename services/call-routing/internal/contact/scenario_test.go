package contact

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
)

var update = flag.Bool("update", false, "write what happens into testdata; review it as a diff")

// A scenario is a text file that a supervisor can read. Each line is a moment, a command, and behind => what became of
// the contact. Lines that begin with # are prose; `queue` sets the queue's rules.
//
//	12:00:00  call offered #1  =>  queued until 13:00:00, event QUEUED
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.scenario")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".scenario"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("%s does not happen as written; go test -run Scenarios -update shows how as a diff. Got:\n%s", file, got)
			}
		})
	}
}

func play(t *testing.T, text string) string {
	t.Helper()
	w := newWorld()
	var out strings.Builder
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		said, _, _ := strings.Cut(line, "=>")
		said = strings.TrimRight(said, " ")
		if said == "" || said[0] == '#' {
			out.WriteString(said + "\n")
			continue
		}
		became, err := w.say(said)
		if err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if became == "" {
			out.WriteString(said + "\n")
			continue
		}
		fmt.Fprintf(&out, "%-44s => %s\n", said, became)
	}
	return out.String()
}

// world is one contact, its queue and its agents' workloads, moved by lines of text.
type world struct {
	queue     *provisioningv1.Queue
	contact   *routingv1.Contact
	revision  uint32
	workloads map[string]*routingv1.Workload
}

const call = "call-1"

func newWorld() *world {
	return &world{
		queue:     &provisioningv1.Queue{Id: "support", Name: "Support", Channel: commonv1.Channel_CHANNEL_VOICE},
		workloads: map[string]*routingv1.Workload{},
	}
}

var day = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func (w *world) say(line string) (string, error) {
	words := strings.Fields(line)
	if words[0] == "queue" {
		return "", w.rules(words[1:])
	}
	clock, err := time.Parse("15:04:05", words[0])
	if err != nil {
		return "", err
	}
	now := day.Add(time.Duration(clock.Hour())*time.Hour + time.Duration(clock.Minute())*time.Minute + time.Duration(clock.Second())*time.Second)
	cmd, err := command(words[1:])
	if err != nil {
		return "", err
	}
	return w.do(cmd, now), nil
}

func (w *world) rules(words []string) error {
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		d, err := time.ParseDuration(value)
		if err != nil {
			return err
		}
		switch key {
		case "max_wait":
			w.queue.MaxWait = durationpb.New(d)
		case "offer_timeout":
			w.queue.OfferTimeout = durationpb.New(d)
		case "wrap_up":
			w.queue.WrapUpLimit = durationpb.New(d)
		default:
			return fmt.Errorf("unknown rule %q", key)
		}
	}
	return nil
}

// command reads "call ended #4 by=agent", "offer anna", "anna accept", "close because done", "expire".
func command(words []string) (Command, error) {
	switch words[0] {
	case "call":
		s, err := signal(words[1], words[2:])
		return Of(s), err
	case "offer", "withdraw", "reclaim", "find":
		cmd := Command{Verb: verbOf(words[0]), Agent: words[1]}
		if cmd.Verb == Offer {
			cmd.Decision = &routingv1.Decision{Chosen: words[1], Why: "LONGEST_IDLE"}
		}
		return cmd, nil
	case "close":
		return Command{Verb: Close, Reason: strings.Join(words[1:], " ")}, nil
	case "lose":
		return Command{Verb: Lose, Reason: strings.Join(words[1:], " ")}, nil
	case "expire":
		return Command{Verb: Expire}, nil
	}
	v := verbOf(words[1])
	if v == 0 {
		return Command{}, fmt.Errorf("unknown command %q", words[1])
	}
	return Command{Verb: v, Agent: words[0]}, nil
}

func verbOf(name string) Verb {
	for v, n := range verbNames {
		if n == name {
			return Verb(v)
		}
	}
	return 0
}

func signal(kind string, words []string) (*routingv1.Signal, error) {
	s := &routingv1.Signal{Tenant: "acme", SwitchId: "sbc-1", CallId: call}
	s.Kind = routingv1.SignalKind(routingv1.SignalKind_value["SIGNAL_KIND_"+strings.ToUpper(kind)])
	if s.Kind == 0 {
		return nil, fmt.Errorf("unknown signal %q", kind)
	}
	if s.Kind == routingv1.SignalKind_SIGNAL_KIND_OFFERED {
		s.Offered = &routingv1.CallOffered{QueueId: "support", From: "+4930123456", To: "100"}
	}
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		switch {
		case key[0] == '#':
			n, err := strconv.ParseUint(key[1:], 10, 64)
			if err != nil {
				return nil, err
			}
			s.Number = n
		case key == "id":
			s.Id = value
		case key == "leg":
			s.LegId = value
		case key == "agent":
			s.AgentId = value
		case key == "by":
			s.Ended = &routingv1.CallEnded{By: routingv1.EndedBy(routingv1.EndedBy_value["ENDED_BY_"+strings.ToUpper(value)])}
		case key == "queue":
			s.Offered.QueueId = value
		default:
			return nil, fmt.Errorf("unknown word %q", word)
		}
	}
	return s, nil
}

func (w *world) at(now time.Time, cmd Command) At {
	at := At{Now: now, ID: ID("acme", "sbc-1", call), Next: &commonv1.Revision{Epoch: 1, N: w.revision + 1}}
	if w.revision > 0 {
		at.Revision = &commonv1.Revision{Epoch: 1, N: w.revision}
	}
	if cmd.Verb == CallOffered && cmd.Signal.Offered.QueueId == w.queue.Id {
		at.Queue = w.queue
	}
	return at
}

func (w *world) do(cmd Command, now time.Time) string {
	at := w.at(now, cmd)
	change, err := Decide(w.contact, cmd, at)
	if r, ok := refusal.As(err); ok {
		return fmt.Sprintf("refused %s at revision %d", r.Reason, r.N)
	}
	if change == nil {
		return "nothing"
	}
	w.revision++
	w.contact = change.After
	if change.Forget {
		w.revision = 0
		return "forgotten"
	}
	if agent := change.Agent(); agent != "" {
		w.workloads[agent] = Workload(w.workloads[agent], change, now)
	}
	return w.tell(change)
}

func (w *world) tell(c *Change) string {
	a := c.After
	parts := []string{Word(a.State)}
	if a.Deadline != nil {
		parts[0] += " until " + a.Deadline.AsTime().Format("15:04:05")
		if a.Deadline.AsTime().Sub(day) >= 24*time.Hour {
			parts[0] += " tomorrow"
		}
	}
	parts = append(parts, "event "+strings.TrimPrefix(c.Kind.String(), "KIND_"))
	if Final(a.State) {
		parts = append(parts, "ended by "+strings.ToLower(strings.TrimPrefix(a.EndedBy.String(), "ENDED_BY_")))
	}
	if wish := c.Wish(); wish != nil {
		parts = append(parts, strings.TrimSpace("switch: "+strings.TrimPrefix(wish.Kind.String(), "KIND_")+" "+wish.AgentId))
	} else if c.Before.GetWanted() != nil && a.Wanted == nil {
		parts = append(parts, "switch: no more wish")
	}
	if agent := c.Agent(); agent != "" {
		if c.Frees() {
			parts = append(parts, "card leaves "+agent)
		} else {
			parts = append(parts, "card at "+agent)
		}
	}
	return strings.Join(parts, ", ")
}
