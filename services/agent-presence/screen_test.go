package presence_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/agent-presence/internal/state"
)

func containsLabel(have, want string) bool { return strings.Contains(have, want) }

// screen is a desktop that believes nothing: each delta must follow on what it holds, and no epoch may go back.
type screen struct {
	t      *testing.T
	conn   *websocket.Conn
	binary bool

	mu       sync.Mutex
	changed  chan struct{} // closed and renewed with each frame
	id       string
	name     string
	cards    map[string]*routingv1.Card
	workload commit.Revision
	presence *presencev1.Presence
	prev     commit.Revision
	verified bool
	count    map[string]int // frames by kind
	answers  map[string]*presencev1.ServerFrame
	going    *presencev1.Going
	closed   error
	broken   []string // what did not follow on what was held
	asked    int
	mute     bool // answers no heartbeat
}

func (p *pod) dial(t *testing.T, binary bool) *screen { return p.dialWith(t, binary, nil) }

func (p *pod) dialWith(t *testing.T, binary bool, header http.Header) *screen {
	t.Helper()
	options := &websocket.DialOptions{HTTPClient: p.http, HTTPHeader: header}
	if binary {
		options.Subprotocols = []string{"busyhour.desktop.v1.proto"}
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, p.url+"/ws/desktop", options)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(1 << 20)
	s := &screen{t: t, conn: conn, binary: binary, changed: make(chan struct{}),
		cards: map[string]*routingv1.Card{}, count: map[string]int{}, answers: map[string]*presencev1.ServerFrame{}}
	t.Cleanup(func() { conn.CloseNow() })
	return s
}

// logIn opens a screen and waits for its first snapshot.
func (p *pod) logIn(t *testing.T, agent, id string) *screen {
	t.Helper()
	s := p.dial(t, false)
	s.start(agent, id)
	s.await("a snapshot", func() bool { return s.count["snapshot"] > 0 })
	return s
}

func (s *screen) start(agent, id string) {
	go s.read()
	s.send(&presencev1.ClientFrame{RequestId: "login", Frame: &presencev1.ClientFrame_LogIn{
		LogIn: &presencev1.LogIn{Tenant: tenant, AgentId: agent, ScreenId: id},
	}})
}

func (s *screen) send(f *presencev1.ClientFrame) {
	typ, data, err := websocket.MessageText, []byte(nil), error(nil)
	if s.binary {
		typ = websocket.MessageBinary
		data, err = proto.Marshal(f)
	} else {
		data, err = protojson.Marshal(f)
	}
	if err != nil {
		s.t.Error(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_ = s.conn.Write(ctx, typ, data) // a closed socket shows in read
}

func (s *screen) read() {
	for {
		_, data, err := s.conn.Read(context.Background())
		if err != nil {
			s.apply(func() { s.closed = err })
			return
		}
		f := &presencev1.ServerFrame{}
		if s.binary {
			err = proto.Unmarshal(data, f)
		} else {
			err = protojson.Unmarshal(data, f)
		}
		if err != nil {
			s.t.Errorf("a frame that can't be read: %v", err)
			return
		}
		s.apply(func() { s.take(f) })
	}
}

func (s *screen) apply(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *screen) take(f *presencev1.ServerFrame) {
	switch f := f.Frame.(type) {
	case *presencev1.ServerFrame_Snapshot:
		s.count["snapshot"]++
		s.snapshot(f.Snapshot)
	case *presencev1.ServerFrame_WorkloadChanged:
		s.count["workload"]++
		s.workloadChanged(f.WorkloadChanged)
	case *presencev1.ServerFrame_PresenceChanged:
		s.count["presence"]++
		s.follows("presence", f.PresenceChanged.Previous, s.prev, f.PresenceChanged.Revision)
		s.presence, s.prev = f.PresenceChanged.Presence, state.RevisionOf(f.PresenceChanged.Revision)
	case *presencev1.ServerFrame_Heartbeat:
		s.count["heartbeat"]++
		s.verified = f.Heartbeat.Verified
		if w, p := state.RevisionOf(f.Heartbeat.WorkloadRevision), state.RevisionOf(f.Heartbeat.PresenceRevision); w != s.workload || p != s.prev {
			s.broken = append(s.broken, fmt.Sprintf("heartbeat says workload %s, presence %s; held are %s, %s", w, p, s.workload, s.prev))
		}
		if !s.mute {
			go s.send(&presencev1.ClientFrame{Frame: &presencev1.ClientFrame_Pong{Pong: &presencev1.Pong{}}})
		}
	case *presencev1.ServerFrame_Done:
		s.answers[f.Done.RequestId] = &presencev1.ServerFrame{Frame: f}
	case *presencev1.ServerFrame_Refused:
		s.answers[f.Refused.RequestId] = &presencev1.ServerFrame{Frame: f}
	case *presencev1.ServerFrame_Going:
		s.going = f.Going
	case *presencev1.ServerFrame_Verification:
		s.count["verification"]++
		s.verified = f.Verification.Verified
	}
}

func (s *screen) snapshot(f *presencev1.Snapshot) {
	w, p := state.RevisionOf(f.WorkloadRevision), state.RevisionOf(f.PresenceRevision)
	if s.workload.Newer(w) || s.prev.Newer(p) {
		s.broken = append(s.broken, fmt.Sprintf("snapshot goes back: workload %s after %s, presence %s after %s", w, s.workload, p, s.prev))
	}
	s.id, s.name, s.verified = f.ScreenId, f.AgentName, f.Verified
	s.presence, s.prev, s.workload = f.Presence, p, w
	s.cards = map[string]*routingv1.Card{}
	for _, c := range f.Workload.GetCards() {
		s.cards[c.ContactId] = c
	}
}

func (s *screen) workloadChanged(f *presencev1.WorkloadChanged) {
	s.follows("workload", f.Previous, s.workload, f.Revision)
	s.workload = state.RevisionOf(f.Revision)
	for _, c := range f.Changed {
		s.cards[c.ContactId] = c
	}
	for _, id := range f.Removed {
		if s.cards[id] == nil {
			s.broken = append(s.broken, "removed a card that is not there: "+id)
		}
		delete(s.cards, id)
	}
}

func (s *screen) follows(what string, previous *commonv1.Revision, held commit.Revision, next *commonv1.Revision) {
	if state.RevisionOf(previous) != held || !state.RevisionOf(next).Newer(held) {
		s.broken = append(s.broken, fmt.Sprintf("%s goes from %v to %v, held is %s", what, previous, next, held))
	}
}

// await waits until it holds, and sees that nothing was out of step.
func (s *screen) await(what string, holds func() bool) {
	s.t.Helper()
	late := time.After(limit)
	for {
		s.mu.Lock()
		ok, changed, closed, broken := holds(), s.changed, s.closed, s.broken
		s.mu.Unlock()
		if len(broken) > 0 {
			s.t.Fatalf("out of step: %s", strings.Join(broken, "; "))
		}
		if ok {
			return
		}
		if closed != nil {
			s.t.Fatalf("closed while waiting for %s: %v", what, closed)
		}
		select {
		case <-changed:
		case <-late:
			s.t.Fatalf("no %s: presence %v, cards %v, frames %v", what, s.presence, s.cards, s.count)
		}
	}
}

// awaitClose waits until the server has closed the socket, and returns the code.
func (s *screen) awaitClose() (websocket.StatusCode, string) {
	s.t.Helper()
	late := time.After(limit)
	for {
		s.mu.Lock()
		changed, closed := s.changed, s.closed
		s.mu.Unlock()
		if closed != nil {
			var ce websocket.CloseError
			errors.As(closed, &ce)
			return ce.Code, ce.Reason
		}
		select {
		case <-changed:
		case <-late:
			s.t.Fatal("not closed")
		}
	}
}

// ask sends a command and waits for its answer: nil, or the refusal.
func (s *screen) ask(f *presencev1.ClientFrame) *presencev1.Refused {
	s.t.Helper()
	s.mu.Lock()
	s.asked++
	f.RequestId = fmt.Sprintf("r%d", s.asked)
	s.mu.Unlock()
	s.send(f)
	var answer *presencev1.ServerFrame
	s.await("answer to "+f.RequestId, func() bool { answer = s.answers[f.RequestId]; return answer != nil })
	return answer.GetRefused()
}

func (s *screen) set(status presencev1.Status, reason string) *presencev1.Refused {
	s.t.Helper()
	return s.ask(&presencev1.ClientFrame{Frame: &presencev1.ClientFrame_SetStatus{SetStatus: &presencev1.SetStatus{Status: status, Reason: reason}}})
}

func (s *screen) act(contact string, action routingv1.ActRequest_Action) *presencev1.Refused {
	s.t.Helper()
	return s.ask(&presencev1.ClientFrame{Frame: &presencev1.ClientFrame_Act{Act: &presencev1.Act{ContactId: contact, Action: action}}})
}

func (s *screen) shows(status presencev1.Status, connection presencev1.Connection) func() bool {
	return func() bool { return s.presence.GetStatus() == status && s.presence.GetConnection() == connection }
}
