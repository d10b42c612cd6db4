package simulate

import (
	"time"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// Sent is one signal on its way, and when it was due.
type Sent struct {
	Signal    *routingv1.Signal
	Due       time.Time
	Duplicate bool // a deliberate repeat of an earlier position
	// Stream and Position are where it stands.
	Stream   string
	Position uint64
}

// window holds the signals that are not yet acknowledged, at consecutive positions. It is TCP's send buffer in small.
type window struct {
	base uint64 // position of entries[0]; the first not acknowledged
	next uint64 // position to be sent next on the present connection
	high uint64 // positions below it were sent at least once
	// entries[i] stands at position base+i.
	entries []Sent
}

func newWindow() window { return window{base: 1, next: 1, high: 1} }

// add gives the signal the next position.
func (w *window) add(s Sent) uint64 {
	s.Position = w.base + uint64(len(w.entries))
	w.entries = append(w.entries, s)
	return s.Position
}

// resume begins a new connection: everything that is not acknowledged is sent again. It returns the position to resume
// from.
func (w *window) resume() uint64 {
	w.next = w.base
	return w.base
}

// take returns up to limit signals to send now, the position of the first, and how many of them are sent again.
func (w *window) take(limit int) (first uint64, batch []*routingv1.Signal, again int) {
	from := w.next - w.base
	to := min(from+uint64(limit), uint64(len(w.entries)))
	for _, s := range w.entries[from:to] {
		batch = append(batch, s.Signal)
	}
	first, w.next = w.next, w.base+to
	if first < w.high {
		again = int(min(w.high, w.next) - first)
	}
	w.high = max(w.high, w.next)
	return first, batch, again
}

// acknowledge drops everything up to and including the position, and returns it. A position that was never sent is
// cut down to what was.
func (w *window) acknowledge(through uint64) []Sent {
	through = min(through, w.high-1)
	if through < w.base {
		return nil
	}
	n := through - w.base + 1
	done := w.entries[:n:n]
	w.entries = w.entries[n:]
	w.base = through + 1
	w.next = max(w.next, w.base)
	return done
}

// at returns the signal at a position, if it is still held.
func (w *window) at(position uint64) (Sent, bool) {
	if position < w.base || position >= w.base+uint64(len(w.entries)) {
		return Sent{}, false
	}
	return w.entries[position-w.base], true
}

// last is the position that was given last.
func (w *window) last() uint64 { return w.base + uint64(len(w.entries)) - 1 }

func (w *window) empty() bool { return len(w.entries) == 0 }
