package flow

import "sync"

// taken is what siblings in this pod are offering right now: agents and contacts. It only spares the pod conflicts with
// itself; who is free is for the commit to say.
type taken struct {
	mu   sync.Mutex
	held map[string]chan struct{} // closed when it is let go
}

func newTaken() *taken { return &taken{held: map[string]chan struct{}{}} }

// take reports whether it was free.
func (t *taken) take(key string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, busy := t.held[key]; busy {
		return false
	}
	t.held[key] = make(chan struct{})
	return true
}

// busy is nil if it is free, else closed when it will be.
func (t *taken) busy(key string) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.held[key]
}

// release lets go of what take took.
func (t *taken) release(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.held[key])
	delete(t.held, key)
}

// hold is what one attempt has taken.
type hold struct {
	set *taken
	key string // empty: nothing
}

func (h *hold) take(key string) bool {
	if !h.set.take(key) {
		return false
	}
	h.key = key
	return true
}

func (h *hold) release() {
	if h.key != "" {
		h.set.release(h.key)
		h.key = ""
	}
}
