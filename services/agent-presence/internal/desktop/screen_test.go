package desktop

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// unread is a screen whose socket takes nothing.
func unread() *screen {
	s := &Server{log: zap.NewNop()}
	s.metrics = newMetrics(prometheus.NewRegistry(), s)
	return &screen{server: s, wake: make(chan struct{}, 1), ended: make(chan struct{})}
}

func (s *screen) fill(n int) {
	for range n {
		s.send(verified())
	}
}

func TestNewsAreDroppedForASnapshotAndAnswersAreKept(t *testing.T) {
	s := unread()
	s.answer(done("r-1"))
	s.fill(maxQueue)
	if !s.stale || len(s.queue) != 1 || !s.queue[0].answer {
		t.Fatalf("stale %v, queue of %d", s.stale, len(s.queue))
	}
	s.fill(10)
	s.answer(done("r-2"))
	if len(s.queue) != 2 {
		t.Errorf("news got into the queue before the snapshot: %d", len(s.queue))
	}
	s.refresh(verified()) // in place of a snapshot
	s.fill(1)
	if s.stale || len(s.queue) != 4 || s.goodbye != nil {
		t.Errorf("after the snapshot: stale %v, queue of %d, goodbye %v", s.stale, len(s.queue), s.goodbye)
	}
}

func TestAScreenThatOverflowsAgainAndAgainIsClosed(t *testing.T) {
	for pause, closed := range map[time.Duration]bool{time.Second: true, overflowWindow + time.Second: false} {
		synctest.Test(t, func(t *testing.T) {
			s := unread()
			s.fill(maxQueue + 1)
			s.refresh(verified())
			<-time.After(pause)
			s.fill(maxQueue + 1)
			if got := s.goodbye != nil && s.goodbye.code == edge.CloseSlow; got != closed {
				t.Errorf("overflow after %s: closed %v", pause, got)
			}
		})
	}
}

func TestAScreenThatAsksWithoutReadingIsClosed(t *testing.T) {
	s := unread()
	for range maxQueue + 1 {
		s.answer(done("r"))
	}
	if s.goodbye == nil || len(s.queue) != 0 {
		t.Errorf("goodbye %v, queue of %d", s.goodbye, len(s.queue))
	}
}

func TestTheFirstGoodbyeCounts(t *testing.T) {
	s := unread()
	s.close(edge.CloseReplaced, "elsewhere")
	s.close(edge.CloseRestart, "stopping")
	s.fill(1)
	if s.goodbye.code != edge.CloseReplaced || len(s.queue) != 0 {
		t.Errorf("goodbye %v, queue of %d", s.goodbye, len(s.queue))
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"requestId":"1","logIn":{"tenant":"demo","agentId":"ann"}}`))
	f.Add([]byte(`{"act":{"contactId":"c-1","action":"ACTION_ACCEPT"}}`))
	f.Add([]byte("\x0a\x01\x31\x3a\x00"))
	f.Add([]byte("\xff\xfe{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, as := range []format{text, binary} {
			frame, err := as.decode(as.messageType(), data)
			if (frame == nil) == (err == nil) {
				t.Errorf("frame %v and error %v", frame, err)
			}
		}
		if _, err := text.decode(binary.messageType(), data); err == nil {
			t.Error("a binary frame was taken for text")
		}
	})
}
