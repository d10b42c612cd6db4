package desktop

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/identity"
	"github.com/coder/websocket"
)

const (
	// maxQueue is how many frames may wait for a screen.
	maxQueue = 256
	// A screen that overflows again within this time is closed.
	overflowWindow = time.Minute
	// maxFrame is the largest frame that a client may send.
	maxFrame = 32 << 10
)

// screen is one socket. It has two goroutines: the one of its HTTP handler reads, the other writes.
type screen struct {
	server *Server
	conn   *websocket.Conn
	format format
	socket string // names this socket; unlike id, it is new with each connection
	header string // the token in the request's headers, which browsers cannot send

	// Set by the log-in, before the desk has the screen; never changed.
	id   string
	desk *desk

	// Of the goroutine that reads. Nil where nobody asks.
	who  *identity.Identity
	ends *time.Timer // when the token does

	heard atomic.Int64 // when the client last sent anything, by the server's own time
	epoch uint32       // in which the record last heard of this screen; under the desk's lock

	mu         sync.Mutex // behind the desk's
	queue      []queued
	stale      bool // the queue was dropped; a snapshot must come before any other news
	overflowed time.Time
	goodbye    *goodbye
	wake       chan struct{}
	ended      chan struct{} // closed when reading has ended
}

type queued struct {
	data   []byte
	kind   string
	answer bool
	moments
}

// goodbye is how the server closes the socket once the queue is written.
type goodbye struct {
	code   websocket.StatusCode
	reason string
}

func newScreen(s *Server, conn *websocket.Conn) *screen {
	sc := &screen{
		server: s, conn: conn, format: formatOf(conn.Subprotocol()), socket: newID(),
		wake: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	sc.heard.Store(int64(s.elapsed()))
	return sc
}

// send puts a frame into the queue. It never waits.
func (s *screen) send(f *frame) {
	data, err := f.in(s.format)
	if err != nil {
		s.server.log.Error("frame not sent", s.fields(err)...)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(queued{data, f.kind(), f.answer, f.moments})
}

// answer sends a frame that answers the client.
func (s *screen) answer(f *presencev1.ServerFrame) { s.send(&frame{body: f, answer: true}) }

// put needs s.mu.
func (s *screen) put(q queued) {
	if (s.goodbye != nil || s.stale) && !q.answer {
		return
	}
	s.queue = append(s.queue, q)
	if len(s.queue) > maxQueue {
		s.overflow()
	}
	s.signal()
}

// overflow drops the news; a snapshot will make up for them. A screen that overflows twice in a minute, or with answers
// alone, does not read what it is sent.
func (s *screen) overflow() {
	s.server.metrics.slow.Inc()
	again := !s.overflowed.IsZero() && time.Since(s.overflowed) < overflowWindow
	s.overflowed = time.Now()
	s.queue = slices.DeleteFunc(s.queue, func(q queued) bool { return !q.answer })
	s.stale = true
	if again || len(s.queue) > maxQueue/2 {
		s.queue = nil
		s.goodbye = &goodbye{edge.CloseSlow, "too slow: come back and take a snapshot"}
	}
}

// refresh sends a snapshot to a screen whose queue was dropped. The desk's lock is held, so nothing comes between.
func (s *screen) refresh(f *frame) {
	data, err := f.in(s.format)
	if err != nil {
		s.server.log.Error("snapshot not sent", s.fields(err)...)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = false
	s.put(queued{data, f.kind(), false, f.moments})
}

// close ends the socket when what is queued has been written. The first word counts.
func (s *screen) close(code websocket.StatusCode, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.goodbye == nil {
		s.goodbye = &goodbye{code, reason}
	}
	s.signal()
}

func (s *screen) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// write writes what is queued until the socket has ended. When the server stops it says so, each screen at its own
// moment, so that not all of them look for another server at once.
func (s *screen) write(draining <-chan struct{}) {
	var leave <-chan time.Time
	for {
		select {
		case <-s.wake:
		case <-draining:
			draining, leave = nil, time.After(s.server.farewell())
			continue
		case <-leave:
			s.send(going(s.server.jitter()))
			s.close(edge.CloseRestart, "this server stops: another one answers")
		case <-s.ended:
			return
		}
		if !s.flush() {
			return
		}
	}
}

// flush writes until nothing is left; false means that the socket is closed.
func (s *screen) flush() bool {
	for {
		next, bye, stale := s.next()
		switch {
		case next != nil:
			if !s.writeOne(next) {
				return false
			}
		case bye != nil:
			_ = s.conn.Close(bye.code, bye.reason) // the peer may be gone already
			return false
		case stale:
			s.desk.refresh(s)
		default:
			return true
		}
	}
}

// next is what is to be written; without it, how to close, or whether a snapshot is due.
func (s *screen) next() (*queued, *goodbye, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		s.queue = nil // ten thousand idle screens keep no buffers
		return nil, s.goodbye, s.stale
	}
	q := s.queue[0]
	s.queue = s.queue[1:]
	return &q, nil, false
}

func (s *screen) writeOne(q *queued) bool {
	ctx, cancel := context.WithTimeout(context.Background(), s.server.cfg.WriteTimeout)
	defer cancel()
	if err := s.conn.Write(ctx, s.format.messageType(), q.data); err != nil {
		_ = s.conn.CloseNow() // so that reading ends too
		return false
	}
	s.server.metrics.sent(q, s.server.clock.now())
	return true
}
