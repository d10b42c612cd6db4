package agent

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

var rewrite = flag.Bool("rewrite", false, "write what comes out into the scenario files")

// A scenario is a text file: a line is a command, the lines below that begin with ">" are what came of it.
//
//	at 10:00:05                 the time of what follows
//	listed sales support        the agent is in the directory, with these queues; "unlisted" takes it out
//	deactivated                 the agent in the directory takes no contacts; "listed" activates again
//	set BREAK lunch #r1         a request; #r1 is its id
//	join s1 pod-a  logout s1 pod-a  lose s1 pod-a  losepod pod-a  expire  standdown
//	reborn closed=3s            a new epoch begins
func TestScenarios(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	if len(files) == 0 {
		t.Fatal("no scenarios in testdata")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(want))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("%s came out otherwise (-rewrite takes it over):\n%s", file, got)
			}
		})
	}
}

type scene struct {
	known Known
	now   time.Time
	rules Rules
}

func play(t *testing.T, text string) string {
	s := &scene{
		known: Known{Tenant: "demo", ID: "alice"},
		now:   time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC),
		rules: Rules{Grace: 30 * time.Second},
	}
	var out strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, ">") {
			continue
		}
		fmt.Fprintln(&out, line)
		if words := strings.Fields(line); len(words) > 0 && !strings.HasPrefix(line, "#") {
			if came := s.run(t, words); came != "" {
				fmt.Fprintln(&out, "> "+came)
			}
		}
	}
	return out.String()
}

func (s *scene) run(t *testing.T, words []string) string {
	switch words[0] {
	case "at":
		clock, err := time.Parse("15:04:05.999", words[1])
		if err != nil {
			t.Fatal(err)
		}
		s.now = time.Date(2026, 1, 5, clock.Hour(), clock.Minute(), clock.Second(), clock.Nanosecond(), time.UTC)
		return ""
	case "listed":
		s.known.Listed = &provisioningv1.Agent{Id: "alice", QueueIds: words[1:]}
		return ""
	case "deactivated":
		s.known.Listed = proto.CloneOf(s.known.Listed)
		s.known.Listed.Deactivated = true
		return ""
	case "unlisted":
		s.known.Listed = nil
		return ""
	case "reborn":
		closed, err := time.ParseDuration(strings.TrimPrefix(words[1], "closed="))
		if err != nil {
			t.Fatal(err)
		}
		p, changed := Reborn(s.known.Present(), s.now, closed, 0, s.rules)
		if !changed {
			return "as it was"
		}
		s.known.Presence = p
		return "REBORN " + show(p)
	}
	return s.decide(wishOf(t, words))
}

func (s *scene) decide(w Wish) string {
	change, err := Decide(s.known, w, s.now, s.rules)
	switch {
	case err != nil:
		return "refused: " + err.Error()
	case change == nil:
		return "nothing changes"
	}
	s.known.Presence = change.After
	return strings.TrimPrefix(change.Kind.String(), "KIND_") + " " + show(change.After)
}

func wishOf(t *testing.T, words []string) Wish {
	rest := append(words[1:], "", "")
	switch words[0] {
	case "set":
		w := SetStatus{Status: presencev1.Status(presencev1.Status_value["STATUS_"+words[1]])}
		for _, word := range words[2:] {
			if id, ok := strings.CutPrefix(word, "#"); ok {
				w.Request = id
			} else {
				w.Reason = word
			}
		}
		return w
	case "join":
		return Join{Screen: rest[0], Pod: rest[1]}
	case "logout":
		return LogOut{Screen: rest[0], Pod: rest[1]}
	case "lose":
		return Lose{Screen: rest[0], Pod: rest[1]}
	case "losepod":
		return LosePod{Pod: rest[0]}
	case "expire":
		return Expire{}
	case "standdown":
		return StandDown{}
	}
	t.Fatalf("no such command: %q", words)
	return nil
}

func show(p *presencev1.Presence) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", strings.TrimPrefix(p.Status.String(), "STATUS_"))
	if p.Reason != "" {
		fmt.Fprintf(&b, " %q", p.Reason)
	}
	fmt.Fprintf(&b, " since %s, %s since %s", clock(p.Since), strings.TrimPrefix(p.Connection.String(), "CONNECTION_"), clock(p.ConnectionSince))
	if p.Deadline != nil {
		fmt.Fprintf(&b, " until %s", clock(p.Deadline))
	}
	for i, s := range p.Screens {
		if i == 3 {
			fmt.Fprintf(&b, " and %d more", len(p.Screens)-i)
			break
		}
		fmt.Fprintf(&b, ", %s@%s", s.Id, s.Pod)
	}
	if Assignable(p) {
		b.WriteString(", assignable")
	}
	if len(p.QueueIds) > 0 {
		fmt.Fprintf(&b, ", queues %s", strings.Join(p.QueueIds, " "))
	}
	return b.String()
}

func clock(t *timestamppb.Timestamp) string {
	if t == nil {
		return "-"
	}
	return t.AsTime().Format("15:04:05.999")
}
