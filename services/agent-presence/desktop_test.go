package presence_test

import (
	"testing"
	"time"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/edge"
)

const (
	available = presencev1.Status_STATUS_AVAILABLE
	offline   = presencev1.Status_STATUS_OFFLINE
	onBreak   = presencev1.Status_STATUS_BREAK
	connected = presencev1.Connection_CONNECTION_CONNECTED
	grace     = presencev1.Connection_CONNECTION_GRACE
	none      = presencev1.Connection_CONNECTION_NONE

	offered = routingv1.ContactState_CONTACT_STATE_OFFERED
	talking = routingv1.ContactState_CONTACT_STATE_CONNECTED
)

func TestADayAtTheDesk(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	p := s.startPod("pod-a", quick())
	desk := p.logIn(t, "ann", "")
	if desk.id == "" || desk.name != "Agent ann" || !desk.verified {
		t.Fatalf("snapshot: id %q, name %q, verified %v", desk.id, desk.name, desk.verified)
	}
	if no := desk.set(onBreak, ""); no.GetRefusal().GetReason() != "REASON_REQUIRED" || no.GetRefusal().GetRecord() != "presence:ann" {
		t.Fatalf("a break without reason: %v", no)
	}
	if no := desk.set(available, ""); no != nil {
		t.Fatalf("refused: %v", no)
	}
	desk.await("AVAILABLE", desk.shows(available, connected))
	s.give("ann", true, card("c-1", offered))
	desk.await("an offer", func() bool { return desk.cards["c-1"].GetState() == offered })
	s.give("ann", true, card("c-1", talking), card("c-2", offered))
	desk.await("two cards", func() bool { return desk.cards["c-1"].GetState() == talking && desk.cards["c-2"] != nil })
	s.give("ann", true)
	desk.await("no card", func() bool { return len(desk.cards) == 0 })
	if desk.count["snapshot"] != 1 {
		t.Errorf("%d snapshots where deltas would do", desk.count["snapshot"])
	}
	desk.send(&presencev1.ClientFrame{RequestId: "bye", Frame: &presencev1.ClientFrame_LogOut{LogOut: &presencev1.LogOut{}}})
	if code, reason := desk.awaitClose(); code != edge.CloseDone {
		t.Errorf("closed with %d %s", code, reason)
	}
	if p, _ := s.presenceOf("ann"); p.Status != offline || p.Connection != none || p.Reason != "logged out" {
		t.Errorf("after the log-out: %v", p)
	}
}

func TestBinaryFramesSayTheSame(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	p := s.startPod("pod-a", quick())
	desk := p.dial(t, true)
	desk.start("ann", "my-screen")
	desk.await("a snapshot", func() bool { return desk.count["snapshot"] > 0 && desk.id == "my-screen" })
	s.give("ann", true, card("c-1", offered))
	desk.await("an offer", func() bool { return desk.cards["c-1"] != nil })
	if no := desk.set(available, ""); no != nil {
		t.Fatal(no)
	}
	s.await("it is timed from the signal", func() bool { return p.metric(t, "busyhour_signal_to_card_seconds") == 1 })
}

func TestAPushThatWasMissedLeavesNoGap(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	cfg := quick()
	cfg.Desktop.Heartbeat, cfg.Desktop.Silence = time.Hour, 3*time.Hour
	p := s.startPod("pod-a", cfg)
	desk := p.logIn(t, "ann", "")
	s.give("ann", true, card("c-1", offered))
	desk.await("an offer", func() bool { return len(desk.cards) == 1 })
	s.give("ann", false, card("c-1", talking), card("c-2", offered))
	s.give("ann", true, card("c-2", offered), card("c-3", offered))
	desk.await("what the missed push told too", func() bool { return desk.cards["c-1"] == nil && len(desk.cards) == 2 })
	if gaps := p.metric(t, "busyhour_push_gaps_total"); gaps != 1 {
		t.Errorf("%v gaps counted", gaps)
	}
}

func TestAPushThatComesTwiceOrLateChangesNothing(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	p := s.startPod("pod-a", quick())
	desk := p.logIn(t, "ann", "")
	first := s.give("ann", true, card("c-1", offered))
	second := s.give("ann", true, card("c-2", offered))
	s.pushWorkload("ann", second, first, &routingv1.Workload{AgentId: "ann", Cards: []*routingv1.Card{card("c-2", offered)}})
	s.pushWorkload("ann", first, commit.Revision{}, &routingv1.Workload{AgentId: "ann", Cards: []*routingv1.Card{card("c-1", offered)}})
	s.pushWorkload("ann", commit.Revision{Epoch: first.Epoch - 1, N: 99}, commit.Revision{}, &routingv1.Workload{AgentId: "ann"})
	s.give("ann", true, card("c-3", offered))
	desk.await("the newest", func() bool { return desk.cards["c-3"] != nil && len(desk.cards) == 1 })
	if n := desk.count["workload"]; n != 3 {
		t.Errorf("%d deltas for 3 changes", n)
	}
}

func TestHeartbeatsBringWhatNoPushTold(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	p := s.startPod("pod-a", quick())
	desk := p.logIn(t, "ann", "")
	s.give("ann", false, card("c-1", offered))
	desk.await("an offer", func() bool { return desk.cards["c-1"] != nil })
	s.nats.Stop()
	if no := desk.set(available, ""); no != nil {
		t.Fatal(no)
	}
	desk.await("AVAILABLE without NATS", desk.shows(available, connected))
	s.give("ann", false, card("c-2", offered))
	desk.await("another offer", func() bool { return desk.cards["c-2"] != nil })
	if err := s.nats.Start(); err != nil {
		t.Fatal(err)
	}
	s.await("the neighbours have NATS again", s.conn.Connected)
	s.give("ann", true, card("c-3", offered))
	desk.await("an offer again", func() bool { return desk.cards["c-3"] != nil })
}

func TestAllScreensOfAnAgentShowTheSame(t *testing.T) {
	s := newStage(t)
	s.hire("ann", "bob")
	a, b := s.startPod("pod-a", quick()), s.startPod("pod-b", quick())
	one, two, three := a.logIn(t, "ann", ""), a.logIn(t, "ann", ""), b.logIn(t, "ann", "")
	other := a.logIn(t, "bob", "")
	if no := two.set(available, ""); no != nil {
		t.Fatal(no)
	}
	s.give("ann", true, card("c-1", offered))
	for _, desk := range []*screen{one, two, three} {
		desk.await("AVAILABLE on three screens", func() bool {
			return desk.shows(available, connected)() && len(desk.presence.Screens) == 3 && desk.cards["c-1"] != nil
		})
	}
	if len(other.cards) != 0 {
		t.Error("bob sees what ann holds")
	}
	// The last to leave ends the session, not the first.
	one.conn.CloseNow()
	two.send(&presencev1.ClientFrame{Frame: &presencev1.ClientFrame_LogOut{LogOut: &presencev1.LogOut{}}})
	three.await("the last screen", func() bool { return len(three.presence.Screens) == 1 })
	if three.presence.Status != available {
		t.Errorf("status %s", three.presence.Status)
	}
	three.conn.CloseNow()
	s.awaitPresence("ann", func(p *presencev1.Presence) bool { return p.Connection == grace && p.Status == available })
}

func TestAScreenThatComesBackInTimeFindsItsStatus(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	a, b := s.startPod("pod-a", quick()), s.startPod("pod-b", quick())
	desk := a.logIn(t, "ann", "")
	desk.set(available, "")
	desk.conn.CloseNow()
	s.awaitPresence("ann", func(p *presencev1.Presence) bool { return p.Connection == grace })
	if s.isAvailable("ann") {
		t.Error("in grace, and still to be found in the index of the available")
	}
	again := b.logIn(t, "ann", desk.id)
	again.await("AVAILABLE again", again.shows(available, connected))
	if again.id != desk.id {
		t.Errorf("screen %q came back as %q", desk.id, again.id)
	}
	if !s.isAvailable("ann") {
		t.Error("back, and not in the index of the available")
	}
}

func TestAScreenThatDoesNotComeBackIsLost(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	cfg := quick()
	cfg.Agents.Grace = 300 * time.Millisecond
	p := s.startPod("pod-a", cfg)
	desk := p.logIn(t, "ann", "")
	desk.set(available, "")
	desk.conn.CloseNow()
	s.awaitPresence("ann", func(p *presencev1.Presence) bool {
		return p.Status == offline && p.Reason == "lost" && p.Connection == none
	})
}

// A screen logs in again before its old socket is known to be dead, here and elsewhere. The new socket stays; the old
// one goes, and what its end would say of the agent is not said.
func TestTheNewSocketOfAScreenWins(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	a, b := s.startPod("pod-a", quick()), s.startPod("pod-b", quick())
	first := a.logIn(t, "ann", "s-1")
	first.set(available, "")
	second := a.logIn(t, "ann", "s-1")
	if code, _ := first.awaitClose(); code != edge.CloseReplaced {
		t.Errorf("the old socket was closed with %d", code)
	}
	third := b.logIn(t, "ann", "s-1")
	if code, _ := second.awaitClose(); code != edge.CloseReplaced {
		t.Errorf("the old socket was closed with %d", code)
	}
	third.await("AVAILABLE at pod-b alone", func() bool {
		return third.shows(available, connected)() && len(third.presence.Screens) == 1
	})
	beats := third.count["heartbeat"]
	third.await("heartbeats", func() bool { return third.count["heartbeat"] > beats+3 })
	if p, _ := s.presenceOf("ann"); p.Connection != connected || p.Status != available {
		t.Errorf("presence: %v", p)
	}
}

func TestASilentScreenIsClosed(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	cfg := quick()
	cfg.Desktop.Silence = 600 * time.Millisecond
	p := s.startPod("pod-a", cfg)
	talker := p.logIn(t, "ann", "")
	desk := p.dial(t, false)
	desk.mute = true
	desk.start("ann", "")
	if code, _ := desk.awaitClose(); code != edge.CloseSilent {
		t.Errorf("closed with %d", code)
	}
	if talker.await("one screen", func() bool { return len(talker.presence.Screens) == 1 }); talker.closed != nil {
		t.Errorf("the other was closed too: %v", talker.closed)
	}
}

func TestAServerThatStopsSaysWhenToComeBack(t *testing.T) {
	s := newStage(t)
	s.hire("ann", "bob")
	p := s.startPod("pod-a", quick())
	ann, bob := p.logIn(t, "ann", ""), p.logIn(t, "bob", "")
	p.stop()
	for _, desk := range []*screen{ann, bob} {
		if code, _ := desk.awaitClose(); code != edge.CloseRestart {
			t.Errorf("closed with %d", code)
		}
		if desk.going == nil || desk.going.ReconnectAfterMs > 10_000 {
			t.Errorf("going: %v", desk.going)
		}
	}
	if p, _ := s.presenceOf("ann"); p.Connection != grace || len(p.Screens) != 0 {
		t.Errorf("presence: %v", p)
	}
	if pods := s.index("pods"); len(pods) != 0 {
		t.Errorf("pods on the list after an orderly stop: %v", pods)
	}
}
