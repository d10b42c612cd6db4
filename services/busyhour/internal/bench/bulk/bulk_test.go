package bulk

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/busyhour/internal/scimstub"
)

func TestTimeOfAnItemInTheDownstream(t *testing.T) {
	for _, c := range []struct {
		name string
		b    scimstub.Behaviour
		want time.Duration
	}{
		{"two requests, when all goes well", scimstub.Behaviour{Latency: scimstub.Duration(2 * time.Second)}, 4 * time.Second},
		// Each of the two steps is tried twice on average, and the second fails back to the first: 2 + 2·(1 + ½·…) = 6.
		{"half of all go wrong", scimstub.Behaviour{Latency: scimstub.Duration(time.Second), Errors: 0.5}, 6 * time.Second},
		// A search at 1.5 s on average until one is answered: 3 s; then a POST; half of them are searched for again.
		{"half are lost after the fact", scimstub.Behaviour{Latency: scimstub.Duration(time.Second), Losses: 0.5}, 8 * time.Second},
		{"a reset costs no time", scimstub.Behaviour{Latency: scimstub.Duration(time.Second), Resets: 0.5}, 3 * time.Second},
	} {
		if got := perItem(c.b, 3*time.Second); math.Abs((got - c.want).Seconds()) > 0.001 {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	cfg, slow := Default(), scimstub.Behaviour{Latency: scimstub.Duration(2 * time.Second)}
	if got := cfg.minimum(1500, slow); got.Round(time.Second) != 54*time.Second {
		t.Errorf("1500 items of 4 s in 112 places: %s", got)
	}
	cfg.Rate = 10
	if got := cfg.minimum(1500, slow); got.Round(time.Second) != 150*time.Second {
		t.Errorf("3000 requests at 20 a second: %s", got)
	}
	for concurrency, want := range map[int]int{64: 56, 8: 7, 2: 1, 1: 1} {
		if got := places(concurrency); got != want {
			t.Errorf("%d places: %d for bulk, want %d", concurrency, got, want)
		}
	}
}

func TestSpreadOfSamples(t *testing.T) {
	var samples []float64
	for i := range 100 {
		samples = append(samples, float64(99-i))
	}
	if got := spreadOf(samples); got != (Spread{100, 50, 99, 99}) {
		t.Errorf("%+v", got)
	}
	if got := spreadOf(nil); got != (Spread{}) {
		t.Errorf("%+v", got)
	}
}

func ann() *provisioningv1.Agent {
	return &provisioningv1.Agent{
		Id: "ann", Name: "Ann Ångström", Address: "sip:ann@example.com", QueueIds: []string{"crew"},
		Skills:   []*commonv1.Skill{{Name: "english", Level: 80}},
		Capacity: []*provisioningv1.Capacity{{Channel: commonv1.Channel_CHANNEL_VOICE, Contacts: 1}},
	}
}

// overTheWire is what a server makes of a user.
func overTheWire(t *testing.T, u user, change func(user)) user {
	t.Helper()
	text, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	var got user
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	got["id"], got["meta"] = "user-1", user{"version": `W/"1"`}
	if change != nil {
		change(got)
	}
	return got
}

func TestEveryAttributeOfAUserCounts(t *testing.T) {
	extension := func(u user) user { return u[agentSchema].(user) }
	for name, c := range map[string]struct {
		change func(user)
		says   string
	}{
		"the same":            {nil, ""},
		"another name":        {func(u user) { u["displayName"] = "Anna" }, "displayName"},
		"inactive":            {func(u user) { u["active"] = false }, "active"},
		"no number":           {func(u user) { delete(u, "phoneNumbers") }, "phoneNumbers[0].value"},
		"another level":       {func(u user) { extension(u)["skills"].([]any)[0].(user)["level"] = 79 }, "skills[0].level"},
		"one queue too many":  {func(u user) { extension(u)["queues"] = []any{"crew", "other"} }, "queues[1]"},
		"no capacity":         {func(u user) { delete(extension(u), "capacity") }, "capacity[0].contacts"},
		"another's id":        {func(u user) { u["externalId"] = "acme/bea" }, "externalId"},
		"more than should be": {func(u user) { u["title"] = "Dr" }, "title"},
	} {
		got := strings.Join(differences(overTheWire(t, userOf("acme", ann()), c.change), userOf("acme", ann())), "; ")
		if (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
			t.Errorf("%s: %q, want %q", name, got, c.says)
		}
	}
}

func TestUsersThatAreNotTheDirectoryAreFound(t *testing.T) {
	bea := proto.CloneOf(ann())
	bea.Id = "bea"
	agents := map[string]*provisioningv1.Agent{"ann": ann(), "bea": bea}
	one, two := overTheWire(t, userOf("acme", ann()), nil), overTheWire(t, userOf("acme", bea), nil)
	stranger := overTheWire(t, two, func(u user) { u["userName"] = "cleo" })
	changed := overTheWire(t, two, func(u user) { u["displayName"] = "Bea" })
	for name, c := range map[string]struct {
		users []user
		found int
	}{
		"equal": {[]user{one, two}, 0}, "one is missing": {[]user{one}, 1}, "one is there twice": {[]user{one, two, two}, 1},
		"a stranger": {[]user{one, two, stranger}, 1}, "one is another": {[]user{one, changed}, 1}, "none": {nil, 2},
	} {
		check := &Check{}
		sameUsers(check, "acme", c.users, agents)
		if check.Found != c.found || check.Looked != 2 {
			t.Errorf("%s: %d findings of %d, want %d of 2: %v", name, check.Found, check.Looked, c.found, check.First)
		}
	}
}

func TestItemsThatDoNotEndOnceAreFound(t *testing.T) {
	items := []string{"item:j-1/1", "item:j-1/2"}
	first, second := told{"item:j-1/1", "1.2", "APPLIED"}, told{"item:j-1/2", "1.2", "FAILED"}
	for name, c := range map[string]struct {
		events []told
		found  int
	}{
		"each once":                     {[]told{first, second}, 0},
		"the same told again":           {[]told{first, first, second}, 0},
		"one never":                     {[]told{first}, 1},
		"one twice":                     {[]told{first, second, {"item:j-1/2", "1.3", "APPLIED"}}, 1},
		"one in no end":                 {[]told{first, {"item:j-1/2", "1.2", "PENDING"}}, 1},
		"one that nobody has asked for": {[]told{first, second, {"item:j-2/1", "1.2", "APPLIED"}}, 1},
	} {
		check := &Check{}
		onceFinal(check, items, c.events)
		if check.Found != c.found || check.Looked != 2 {
			t.Errorf("%s: %d findings of %d, want %d of 2: %v", name, check.Found, check.Looked, c.found, check.First)
		}
	}
}

func TestAgentsThatAreNotCreatedOnceAreFound(t *testing.T) {
	created := told{"agent:ann", "1.1", "created"}
	for name, c := range map[string]struct {
		events []told
		found  int
	}{
		"created": {[]told{created}, 0}, "the same told again": {[]told{created, created}, 0}, "never": {nil, 1},
		"created twice":     {[]told{created, {"agent:ann", "1.2", "created"}}, 1},
		"written over":      {[]told{created, {"agent:ann", "1.2", "updated"}}, 1},
		"only written over": {[]told{{"agent:ann", "1.2", "updated"}}, 1},
		"others do as they": {[]told{created, {"agent:bea", "1.2", "deleted"}}, 0},
	} {
		check := &Check{}
		onceCreated(check, []string{"ann"}, c.events)
		if check.Found != c.found {
			t.Errorf("%s: %d findings, want %d: %v", name, check.Found, c.found, check.First)
		}
	}
}

func TestAJobThatBlocksTakesTheSumOfItsPhases(t *testing.T) {
	fast, slow := blockedPhase("fast", 10*time.Second, 1000, 9000), blockedPhase("slow", 20*time.Second, 15, 8985)
	if slow.Rate != 0.75 || slow.UrgentS != 11980 {
		t.Errorf("%+v", slow)
	}
	if got := whole([]BlockedPhase{fast, slow}, []float64{0.4, 0.6}, 10_000); got != 40+8000 {
		t.Errorf("%v s, want 8040", got)
	}
	if got := whole([]BlockedPhase{fast, blockedPhase("slow", time.Second, 0, 1)}, []float64{0.4, 0.6}, 10_000); got != 0 {
		t.Errorf("%v s, and it would never end", got)
	}
}

func TestUrgentChangesAreCountedWhereTheyBelong(t *testing.T) {
	died := time.Now()
	at := func(phase string, after, directory time.Duration) *probe {
		return &probe{agent: phase, phase: phase, began: died.Add(after), directory: directory, ended: directory + time.Second}
	}
	cfg := Default()
	u := &urgent{cfg: &cfg, deaths: []time.Time{died}, probes: []*probe{
		at("fast", -time.Minute, 100*time.Millisecond),
		at("slow", -time.Minute, 2100*time.Millisecond), // too late
		at("slow", time.Second, 7*time.Second),          // nobody had the partition
		at("slow", time.Second, 11*time.Second),         // too late even so
		at("slow", -time.Second, 9*time.Second),         // the pod that had it died
		at("slow", time.Minute, 500*time.Millisecond),
	}}
	if c := u.check(); c.Found != 2 || c.Looked != 6 {
		t.Errorf("%d findings of %d, want 2 of 6: %v", c.Found, c.Looked, c.First)
	}
	counts := map[string]int64{}
	for _, r := range u.rows(cfg.phases()) {
		counts[r.Phase] = r.Directory.Count
	}
	if counts["fast"] != 1 || counts["slow"] != 2 || counts[podDied] != 3 {
		t.Errorf("%v", counts)
	}
}

func TestWhatIsWrongWithAConfigIsSaidAtOnce(t *testing.T) {
	good := Default()
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	bad := Config{Agents: 20_000, FastUntil: 0.5, SlowUntil: 0.4}
	err := bad.Validate()
	for _, word := range []string{"agents", "copies", "concurrency", "timeout", "phases", "urgent"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not say %q", err, word)
		}
	}
}
