package presence_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/encoding/protojson"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/edge"
)

func TestAfterRedisIsLostEveryScreenAnswersAgain(t *testing.T) {
	s := newStage(t)
	s.hire("ann", "bob")
	p := s.startPod("pod-a", quick())
	ann, bob := p.logIn(t, "ann", ""), p.logIn(t, "bob", "")
	ann.set(available, "")
	bob.set(onBreak, "lunch")
	s.give("ann", true, card("c-1", offered))
	ann.await("an offer", func() bool { return ann.cards["c-1"] != nil })
	bob.conn.CloseNow() // it will not answer
	s.awaitPresence("bob", func(p *presencev1.Presence) bool { return p.Connection == grace })
	_, before := s.presenceOf("ann")

	s.redis.Flush()
	ann.await("the news that nothing is verified, then everything again", func() bool {
		return ann.count["verification"] >= 2 && ann.verified && ann.prev.Epoch > before.Epoch && ann.cards["c-1"] != nil
	})
	ann.await("AVAILABLE still", ann.shows(available, connected))
	s.await("ann can be found again", func() bool { return s.isAvailable("ann") })
	s.awaitPresence("bob", func(p *presencev1.Presence) bool { return p.Connection == grace && p.Status == onBreak })
	if now, r := s.presenceOf("ann"); r.Epoch <= before.Epoch || len(now.Screens) != 1 {
		t.Errorf("ann at %s: %v", r, now)
	}
	if no := ann.set(onBreak, "after that"); no != nil {
		t.Error(no)
	}
}

func TestTheScreensOfADeadPodAreSwept(t *testing.T) {
	s := newStage(t)
	s.hire("ann", "bob")
	a := s.startPod("pod-a", quick())
	ann := a.logIn(t, "ann", "")
	ann.set(available, "")
	// A pod that died left its screens in the records and its lease on the list.
	s.haunt("ghost/1", "bob")
	s.awaitPresence("bob", func(p *presencev1.Presence) bool { return p.Connection == grace && len(p.Screens) == 0 })
	s.await("the ghost is off the list", func() bool {
		return len(s.index("pod:ghost/1")) == 0 && !strings.Contains(fmt.Sprint(s.index("pods")), "ghost")
	})
	if now, _ := s.presenceOf("ann"); now.Connection != connected {
		t.Errorf("the living were swept too: %v", now)
	}
	if n := a.metric(t, "busyhour_presence_swept_total", "pod"); n != 1 {
		t.Errorf("%v swept", n)
	}
}

// A pod that was stopped for longer than its lease finds its screens swept. They are still there, so it says so.
func TestAPodThatWasTakenForDeadTakesItsScreensBack(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	p := s.startPod("pod-a", quick())
	ann := p.logIn(t, "ann", "")
	ann.set(available, "")
	mine, _ := s.presenceOf("ann")
	s.sweepAway(mine.Screens[0].Pod, "ann")
	ann.await("AVAILABLE and connected again", func() bool {
		return ann.count["presence"] > 2 && ann.shows(available, connected)() && len(ann.presence.Screens) == 1
	})
	s.awaitPresence("ann", func(p *presencev1.Presence) bool { return p.Connection == connected })
}

func TestASlowScreenIsSentASnapshotInsteadOfAllThatItMissed(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	p := s.startPod("pod-a", quick())
	quickOne := p.logIn(t, "ann", "")
	slow := p.dial(t, true)
	slow.sendLogIn("ann", "slow")
	s.awaitPresence("ann", func(p *presencev1.Presence) bool { return len(p.Screens) == 2 })
	// It reads nothing while far more is pushed than the kernel buffers and the queue hold.
	big := card("c-big", offered)
	big.Attributes = map[string]string{"note": strings.Repeat("x", 30_000)}
	workload := &routingv1.Workload{AgentId: "ann", Cards: []*routingv1.Card{big}}
	r := s.give("ann", true, big)
	last := ""
	for i := 0; p.metric(t, "busyhour_screens_slow_total") == 0; i++ {
		for j := range 20 {
			last = fmt.Sprint(i, ".", j)
			big.Attributes["n"] = last
			next := r
			next.N++
			s.pushWorkload("ann", next, r, workload)
			r = next
		}
		quickOne.await("all of it at the quick screen", func() bool { return quickOne.cards["c-big"].GetAttributes()["n"] == last })
	}
	go slow.read()
	slow.await("the newest, by a snapshot", func() bool {
		return slow.cards["c-big"].GetAttributes()["n"] == last && slow.count["snapshot"] >= 2
	})
	if slow.count["workload"] >= quickOne.count["workload"] {
		t.Errorf("%d deltas, nothing was dropped", slow.count["workload"])
	}
	if n := p.metric(t, "busyhour_screen_resyncs_total", "slow"); n < 1 {
		t.Errorf("%v resyncs counted", n)
	}
}

func (s *screen) sendLogIn(agent, id string) {
	s.send(&presencev1.ClientFrame{RequestId: "login", Frame: &presencev1.ClientFrame_LogIn{
		LogIn: &presencev1.LogIn{Tenant: tenant, AgentId: agent, ScreenId: id},
	}})
}

func TestWhatIsNoFrameClosesTheSocketWithItsReason(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	p := s.startPod("pod-a", quick())
	for name, c := range map[string]struct {
		typ  websocket.MessageType
		data string
		code websocket.StatusCode
	}{
		"no JSON":             {websocket.MessageText, `{"logIn":`, edge.CloseInvalid},
		"other JSON":          {websocket.MessageText, `[1,2,3]`, edge.CloseInvalid},
		"wrong type":          {websocket.MessageText, `{"logIn":{"tenant":7}}`, edge.CloseInvalid},
		"broken UTF-8":        {websocket.MessageText, "{\"requestId\":\"\xff\xfe\"}", edge.CloseInvalid},
		"binary without word": {websocket.MessageBinary, "\x00\x01\x02", edge.CloseInvalid},
		"too long":            {websocket.MessageText, `{"requestId":"` + strings.Repeat("x", 40_000) + `"}`, websocket.StatusMessageTooBig},
		"not a log-in":        {websocket.MessageText, `{"resync":{}}`, edge.CloseInvalid},
		"no tenant":           {websocket.MessageText, `{"logIn":{"agentId":"ann"}}`, edge.CloseInvalid},
		"nothing at all":      {websocket.MessageText, `{}`, edge.CloseInvalid},
		"an id of 10 kB":      {websocket.MessageText, `{"logIn":{"tenant":"demo","agentId":"` + strings.Repeat("a", 10_000) + `"}}`, edge.CloseInvalid},
		"unknown agent":       {websocket.MessageText, `{"logIn":{"tenant":"demo","agentId":"nobody"}}`, edge.CloseUnknown},
		"unknown tenant":      {websocket.MessageText, `{"logIn":{"tenant":"other","agentId":"ann"}}`, edge.CloseUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			desk := p.dial(t, false)
			go desk.read()
			if err := desk.conn.Write(t.Context(), c.typ, []byte(c.data)); err != nil {
				t.Fatal(err)
			}
			if code, reason := desk.awaitClose(); code != c.code {
				t.Errorf("closed with %d %q, want %d", code, reason, c.code)
			}
		})
	}
	if n := s.index("online"); len(n) != 0 {
		t.Errorf("online: %v", n)
	}
}

func TestFramesThatBreakTheRulesAreRefusedAndTheSocketStays(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	p := s.startPod("pod-a", quick())
	desk := p.logIn(t, "ann", "")
	for text, reason := range map[string]string{
		`{"requestId":"x","setStatus":{"status":"STATUS_UNSPECIFIED"}}`:                             "FRAME_INVALID",
		`{"requestId":"x","setStatus":{"status":99}}`:                                               "FRAME_INVALID",
		`{"requestId":"x","act":{"contactId":"","action":"ACTION_ACCEPT"}}`:                         "FRAME_INVALID",
		`{"requestId":"x","fromTheFuture":{"a":1}}`:                                                 "FRAME_INVALID",
		`{"requestId":"x","logIn":{"tenant":"demo","agentId":"ann"}}`:                               "LOGGED_IN_ALREADY",
		`{"requestId":"x","act":{"contactId":"c-1","action":"ACTION_ACCEPT"}}`:                      "ROUTING_UNKNOWN",
		`{"requestId":"x","setStatus":{"status":"STATUS_BREAK","reason":"` + long(2000) + `"}}`:     "FRAME_INVALID",
		`{"requestId":"x","setStatus":{"status":"STATUS_BREAK"}}`:                                   "REASON_REQUIRED",
		`{"requestId":"x","setStatus":{"status":"STATUS_AVAILABLE","newField":true},"alsoNew":[1]}`: "",
	} {
		desk.mu.Lock()
		delete(desk.answers, "x")
		desk.mu.Unlock()
		if err := desk.conn.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		desk.await("an answer to "+text, func() bool { return desk.answers["x"] != nil })
		if got := desk.answers["x"].GetRefused().GetRefusal().GetReason(); got != reason {
			t.Errorf("%s: %q, want %q", text, got, reason)
		}
	}
}

func long(n int) string { return strings.Repeat("y", n) }

func TestNoLogInNoSocket(t *testing.T) {
	s := newStage(t)
	cfg := quick()
	cfg.Desktop.LogIn = 100 * time.Millisecond
	p := s.startPod("pod-a", cfg)
	desk := p.dial(t, false)
	go desk.read()
	if code, _ := desk.awaitClose(); code != edge.CloseSilent {
		t.Errorf("closed with %d", code)
	}
}

func TestAnotherOriginMayNotConnect(t *testing.T) {
	s := newStage(t)
	cfg := quick()
	cfg.Desktop.Origins = []string{"desk.example.com"}
	p := s.startPod("pod-a", cfg)
	for origin, want := range map[string]bool{"": true, p.url: true, "https://desk.example.com": true, "https://evil.example.org": false} {
		options := &websocket.DialOptions{HTTPClient: p.http, HTTPHeader: map[string][]string{"Origin": {origin}}}
		if origin == "" {
			options.HTTPHeader = nil
		}
		conn, _, err := websocket.Dial(t.Context(), p.url+"/ws/desktop", options)
		if (err == nil) != want {
			t.Errorf("origin %q: %v", origin, err)
		}
		if conn != nil {
			conn.CloseNow()
		}
	}
}

func TestALogInWhileTheStateIsRebuiltMayComeBack(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	p := s.startPod("pod-a", quick())
	s.redis.Stop()
	desk := p.dial(t, false)
	desk.start("ann", "")
	code, reason := desk.awaitClose()
	if !edge.ComesBack(code) {
		t.Errorf("closed for good with %d %s", code, reason)
	}
	if desk.answers["login"].GetRefused() == nil {
		t.Error("not told why")
	}
	if err := s.redis.Start(); err != nil {
		t.Fatal(err)
	}
	s.await("it works again", func() bool {
		again := p.dial(t, false)
		again.start("ann", "")
		again.mu.Lock()
		defer again.mu.Unlock()
		for again.count["snapshot"] == 0 && again.closed == nil {
			changed := again.changed
			again.mu.Unlock()
			<-changed
			again.mu.Lock()
		}
		return again.closed == nil
	})
}

// A screen is lost while Redis is away: nobody can be told then, so somebody must remember.
func TestALossIsNotForgottenWhenRedisIsAway(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	p := s.startPod("pod-a", quick())
	desk := p.logIn(t, "ann", "")
	desk.set(available, "")
	s.redis.Stop()
	desk.conn.CloseNow()
	s.await("the socket is closed", func() bool { return p.metric(t, "busyhour_screens_connected") == 0 })
	if err := s.redis.Start(); err != nil {
		t.Fatal(err)
	}
	s.awaitPresence("ann", func(p *presencev1.Presence) bool { return p.Connection == grace && len(p.Screens) == 0 })
}

func TestAnswersAloneDoNotFillMemory(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	p := s.startPod("pod-a", quick())
	desk := p.dial(t, false)
	desk.sendLogIn("ann", "")
	frame, err := protojson.Marshal(&presencev1.ClientFrame{RequestId: strings.Repeat("r", 64), Frame: &presencev1.ClientFrame_Resync{Resync: &presencev1.Resync{}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	for range 200_000 { // it asks and asks, and reads nothing
		if desk.conn.Write(ctx, websocket.MessageText, frame) != nil {
			break
		}
	}
	other := p.logIn(t, "ann", "")
	if no := other.set(available, ""); no != nil {
		t.Error(no)
	}
}
