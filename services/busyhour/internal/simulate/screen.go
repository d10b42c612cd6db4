package simulate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/proto"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/edge"
)

// Subprotocol of binary frames.
const Subprotocol = "busyhour.desktop.v1.proto"

const (
	frameLimit = 1 << 20
	writeLimit = 5 * time.Second

	logInRequest = "login"
)

// ScreenConfig says whose screen it is and who watches it. The functions may be nil; they are called by the screen's
// own goroutine, in order, and must return fast.
type ScreenConfig struct {
	Tenant, Agent string
	// URLs of agent-presence, tried in turn, beginning with First.
	URLs  []string
	First int
	HTTP  *http.Client // nil: http.DefaultClient
	// Token says who logs in; nil: nobody.
	Token edge.TokenSource

	Saw func(*Screen, Seen)
	// Lost is called when a connection ended other than by ctx or LogOut, with why.
	Lost func(error)
}

// Screen is one agent desktop: a WebSocket that logs in, keeps its View, and comes back when it is cut off. It has one
// goroutine.
type Screen struct {
	cfg ScreenConfig

	mu      sync.Mutex
	view    View
	conn    *websocket.Conn // nil while not logged in
	at      int
	asked   uint64
	waiting map[string]func(error) // request id → who waits for the answer
	changed chan struct{}          // closed and renewed at every change of the view
	left    bool                   // logged out: do not come back
	ended   chan struct{}          // closed when Run returns
	pause   time.Duration          // asked for by the server
	stats   ScreenStats
}

// ScreenStats counts what went over a screen's sockets.
type ScreenStats struct {
	Connects int
	Resyncs  int
	Frames   int
}

var errCut = errors.New("the connection was cut before the answer")

// Refusal is the server's no to a command.
type Refusal struct {
	Reason, Message, Record string
}

func (r *Refusal) Error() string { return fmt.Sprintf("refused: %s: %s", r.Reason, r.Message) }

// NewScreen makes a screen; Run connects it.
func NewScreen(cfg ScreenConfig) *Screen {
	return &Screen{cfg: cfg, at: cfg.First, waiting: map[string]func(error){}, changed: make(chan struct{}), ended: make(chan struct{})}
}

// Agent whose screen it is.
func (s *Screen) Agent() string { return s.cfg.Agent }

// View is a copy of what the screen shows.
func (s *Screen) View() View {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.clone()
}

// Stats so far.
func (s *Screen) Stats() ScreenStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Await waits until the view is as wanted.
func (s *Screen) Await(ctx context.Context, wanted func(*View) bool) (View, error) {
	for {
		s.mu.Lock()
		v, changed := s.view.clone(), s.changed
		s.mu.Unlock()
		if wanted(&v) {
			return v, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return v, fmt.Errorf("the screen of %s does not show what is awaited: %w", s.cfg.Agent, ctx.Err())
		}
	}
}

// SetStatus asks for a status and waits for the answer.
func (s *Screen) SetStatus(ctx context.Context, status presencev1.Status, reason string) error {
	return s.Do(ctx, &presencev1.ClientFrame{Frame: setStatus(status, reason)})
}

// Act asks for something to be done to a contact and waits for the answer.
func (s *Screen) Act(ctx context.Context, contact string, action routingv1.ActRequest_Action) error {
	return s.Do(ctx, &presencev1.ClientFrame{Frame: act(contact, action)})
}

// LogOut ends the session of this screen and waits until Run has returned, for as long as ctx lets it.
func (s *Screen) LogOut(ctx context.Context) {
	s.mu.Lock()
	s.left = true
	s.mu.Unlock()
	s.Ask(&presencev1.ClientFrame{Frame: &presencev1.ClientFrame_LogOut{LogOut: &presencev1.LogOut{}}}, func(error) {})
	select {
	case <-s.ended:
	case <-ctx.Done():
	}
}

func setStatus(status presencev1.Status, reason string) *presencev1.ClientFrame_SetStatus {
	return &presencev1.ClientFrame_SetStatus{SetStatus: &presencev1.SetStatus{Status: status, Reason: reason}}
}

func act(contact string, action routingv1.ActRequest_Action) *presencev1.ClientFrame_Act {
	return &presencev1.ClientFrame_Act{Act: &presencev1.Act{ContactId: contact, Action: action}}
}

// Do asks and waits.
func (s *Screen) Do(ctx context.Context, frame *presencev1.ClientFrame) error {
	answer := make(chan error, 1)
	s.Ask(frame, func(err error) { answer <- err })
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Ask sends a command; answer is called once, with nil, a *Refusal, or why there is no answer.
func (s *Screen) Ask(frame *presencev1.ClientFrame, answer func(error)) {
	s.mu.Lock()
	s.asked++
	frame.RequestId = "r" + strconv.FormatUint(s.asked, 10)
	conn := s.conn
	if conn != nil {
		s.waiting[frame.RequestId] = answer
	}
	s.mu.Unlock()
	if conn == nil {
		answer(errors.New("the screen is not connected"))
		return
	}
	if err := send(conn, frame); err != nil {
		s.answer(frame.RequestId, err)
	}
}

func (s *Screen) answer(request string, err error) {
	s.mu.Lock()
	f := s.waiting[request]
	delete(s.waiting, request)
	s.mu.Unlock()
	if f != nil {
		f(err)
	}
}

// Run keeps the screen connected until ctx ends or the agent has logged out. Run it once.
func (s *Screen) Run(ctx context.Context) error {
	defer close(s.ended)
	for {
		err := s.connect(ctx)
		s.cut()
		s.mu.Lock()
		left, pause := s.left, s.pause
		s.pause = 0
		s.mu.Unlock()
		if left || ctx.Err() != nil {
			return nil
		}
		if s.cfg.Lost != nil {
			s.cfg.Lost(err)
		}
		if pause == 0 {
			pause = 200 * time.Millisecond
		}
		if Wait(ctx, pause/2+rand.N(pause)) != nil {
			return nil
		}
	}
}

// connect is the life of one socket.
func (s *Screen) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(silence, func() { cancel(fmt.Errorf("nothing heard for %s", silence)) })
	defer watchdog.Stop()

	conn, _, err := websocket.Dial(ctx, s.pick(), &websocket.DialOptions{Subprotocols: []string{Subprotocol}, HTTPClient: s.cfg.HTTP})
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	conn.SetReadLimit(frameLimit)
	if conn.Subprotocol() != Subprotocol {
		return fmt.Errorf("the server does not speak %s", Subprotocol)
	}
	in, err := s.logIn(ctx)
	if err == nil {
		err = send(conn, in)
	}
	if err != nil {
		return err
	}
	var buffer bytes.Buffer
	for {
		kind, r, err := conn.Reader(ctx)
		if err == nil {
			buffer.Reset()
			_, err = buffer.ReadFrom(r)
		}
		if err != nil {
			if c := context.Cause(ctx); c != nil {
				return c
			}
			return err
		}
		watchdog.Reset(silence)
		if kind != websocket.MessageBinary {
			return fmt.Errorf("a text frame in %s", Subprotocol)
		}
		f := &presencev1.ServerFrame{}
		if err := proto.Unmarshal(buffer.Bytes(), f); err != nil {
			return fmt.Errorf("a frame that cannot be read: %w", err)
		}
		if err := s.take(conn, f); err != nil {
			return err
		}
	}
}

func (s *Screen) pick() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.cfg.URLs[s.at%len(s.cfg.URLs)]
	s.at++
	s.stats.Connects++
	return desktopURL(u)
}

func (s *Screen) logIn(ctx context.Context) (*presencev1.ClientFrame, error) {
	token := ""
	if s.cfg.Token != nil {
		var err error
		if token, err = s.cfg.Token(ctx); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return &presencev1.ClientFrame{RequestId: logInRequest, Frame: &presencev1.ClientFrame_LogIn{LogIn: &presencev1.LogIn{
		Tenant: s.cfg.Tenant, AgentId: s.cfg.Agent, ScreenId: s.view.ScreenID, Token: token,
	}}}, nil
}

// take handles one frame from the server. It fails only when the log-in was refused.
func (s *Screen) take(conn *websocket.Conn, f *presencev1.ServerFrame) error {
	switch f := f.Frame.(type) {
	case *presencev1.ServerFrame_Done:
		s.answer(f.Done.RequestId, nil)
		return nil
	case *presencev1.ServerFrame_Refused:
		no := &Refusal{f.Refused.GetRefusal().GetReason(), f.Refused.Message, f.Refused.GetRefusal().GetRecord()}
		if f.Refused.RequestId == logInRequest {
			return no
		}
		s.answer(f.Refused.RequestId, no)
		return nil
	case *presencev1.ServerFrame_Going:
		s.mu.Lock()
		s.pause = max(time.Duration(f.Going.ReconnectAfterMs)*time.Millisecond, time.Millisecond)
		s.mu.Unlock()
		return nil
	case *presencev1.ServerFrame_Heartbeat:
		_ = send(conn, &presencev1.ClientFrame{Frame: &presencev1.ClientFrame_Pong{Pong: &presencev1.Pong{}}})
	}
	s.mu.Lock()
	seen := s.view.apply(f)
	s.stats.Frames++
	if seen.Snapshot {
		s.conn = conn
	}
	if seen.Gap {
		s.stats.Resyncs++
	}
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
	if seen.Gap {
		_ = send(conn, &presencev1.ClientFrame{Frame: &presencev1.ClientFrame_Resync{Resync: &presencev1.Resync{}}})
	}
	if s.cfg.Saw != nil {
		s.cfg.Saw(s, seen)
	}
	return nil
}

// cut answers everybody who still waits.
func (s *Screen) cut() {
	s.mu.Lock()
	waiting := s.waiting
	s.waiting, s.conn = map[string]func(error){}, nil
	s.mu.Unlock()
	for _, f := range waiting {
		f(errCut)
	}
}

// send writes one frame; a failure shows at the reader, too.
func send(conn *websocket.Conn, f *presencev1.ClientFrame) error {
	b, err := proto.Marshal(f)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeLimit)
	defer cancel()
	return conn.Write(ctx, websocket.MessageBinary, b)
}

// Connected says whether the screen is logged in now.
func (s *Screen) Connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn != nil
}
