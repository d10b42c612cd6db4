package contact

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// paths leads to every state by the shortest road.
var paths = []struct {
	state State
	road  []string
}{
	{absent, nil},
	{queued, []string{"call offered #1"}},
	{offered, []string{"call offered #1", "offer anna"}},
	{connecting, []string{"call offered #1", "offer anna", "anna accept"}},
	{connected, []string{"call offered #1", "offer anna", "anna accept", "call answered #2"}},
	{held, []string{"call offered #1", "offer anna", "anna accept", "call answered #2", "call held #3"}},
	{wrapUp, []string{"call offered #1", "offer anna", "anna accept", "call answered #2", "call ended #3"}},
	{completed, []string{"call offered #1", "offer anna", "anna accept", "call answered #2", "call ended #3", "anna complete"}},
	{abandoned, []string{"call offered #1", "call ended #2"}},
	{overflowed, []string{"call offered #1", "expire"}},
	{failed, []string{"call offered #1", "call failed #2 by=switch"}},
	{lost, []string{"call offered #1", "offer anna", "anna accept", "call answered #2", "expire"}},
}

// each command once, and again where who or why makes a difference.
var commands = []string{
	"call offered #9", "call offered #9 agent=anna", "call ringing #9", "call answered #9", "call answered #9 agent=anna", "call answered #9 agent=bert", "call held #9", "call resumed #9",
	"call ended #9", "call ended #9 by=switch", "call failed #9", "call failed #9 by=switch",
	"offer bert", "withdraw anna", "withdraw bert", "reclaim anna", "reclaim bert",
	"anna accept", "anna decline", "anna hold", "anna resume", "anna end", "anna complete",
	"bert accept", "bert complete",
	"close for a reason", "lose it", "find anna", "find bert", "expire", "expire in time",
}

// TestEveryPair writes down what every command does in every state; a change of the table of moves shows as a diff of
// testdata/every-pair.txt.
func TestEveryPair(t *testing.T) {
	seen := map[Verb]bool{}
	var out strings.Builder
	for _, p := range paths {
		fmt.Fprintf(&out, "# %s\n", strings.Replace(Word(p.state), "unspecified", "there is none", 1))
		for _, c := range commands {
			cmd, err := command(strings.Fields(c))
			if err != nil {
				t.Fatal(err)
			}
			seen[cmd.Verb] = true
			fmt.Fprintf(&out, "%-26s => %s\n", c, outcome(t, p.road, c))
		}
		out.WriteString("\n")
	}
	for v := CallOffered; v <= Expire; v++ {
		if !seen[v] {
			t.Errorf("command %q is missing in the list", v)
		}
	}
	const file = "testdata/every-pair.txt"
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != out.String() {
		t.Errorf("%s is not what happens; go test -run EveryPair -update shows how as a diff", file)
	}
}

func outcome(t *testing.T, road []string, last string) string {
	t.Helper()
	w := newWorld()
	now := day.Add(12 * time.Hour)
	for _, line := range road {
		cmd, err := command(strings.Fields(line))
		if err != nil {
			t.Fatal(err)
		}
		if cmd.Verb == Expire {
			now = Due(w.contact)
		}
		if got := w.do(cmd, now); strings.HasPrefix(got, "refused") || got == "nothing" {
			t.Fatalf("road %q: %s: %s", road, line, got)
		}
	}
	cmd, _ := command(strings.Fields(last))
	if last == "expire" && w.contact != nil {
		now = Due(w.contact)
	}
	return w.do(cmd, now)
}

// TestWhateverIsNotFinalFallsDue plays every row of the table of moves, and looks at the deadline of what comes out.
func TestWhateverIsNotFinalFallsDue(t *testing.T) {
	played := map[situation]bool{}
	for _, p := range paths {
		for _, c := range commands {
			cmd, _ := command(strings.Fields(c))
			w, now := newWorld(), day.Add(12*time.Hour)
			for _, line := range p.road {
				step, _ := command(strings.Fields(line))
				if step.Verb == Expire {
					now = Due(w.contact)
				}
				w.do(step, now)
			}
			played[situation{cmd.Verb, p.state}] = true
			w.do(cmd, now)
			switch a := w.contact; {
			case a == nil:
			case !Final(a.State) && (a.Deadline == nil || a.Deadline.AsTime().Before(now)):
				t.Errorf("%s when %s: %s with the deadline %v", c, Word(p.state), Word(a.State), a.Deadline)
			case Due(a).Before(now) || Due(a).Sub(now) > callTimeout:
				t.Errorf("%s when %s: %s falls due at %s", c, Word(p.state), Word(a.State), Due(a))
			}
		}
	}
	for s := range table {
		if !played[s] {
			t.Errorf("%s when %s is in the table and was not played", s.verb, Word(s.state))
		}
	}
}

func TestRoadsLeadWhereTheySay(t *testing.T) {
	for _, p := range paths {
		w := newWorld()
		now := day.Add(12 * time.Hour)
		for _, line := range p.road {
			cmd, _ := command(strings.Fields(line))
			if cmd.Verb == Expire {
				now = Due(w.contact)
			}
			w.do(cmd, now)
		}
		if got := w.contact.GetState(); got != p.state {
			t.Errorf("the road to %s leads to %s", p.state, got)
		}
	}
}

func TestIDFollowsFromTheCall(t *testing.T) {
	a := ID("acme", "sbc-1", "1")
	if a != ID("acme", "sbc-1", "1") || len(a) != 28 || !strings.HasPrefix(a, "c-") {
		t.Errorf("id %q", a)
	}
	if a == ID("acme", "sbc-11", "") || a == ID("acm", "esbc-1", "1") {
		t.Error("two calls share an id")
	}
}
