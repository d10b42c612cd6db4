package connector

import (
	"context"
	"time"
)

// room is for so many attempts at once. A part of it is for urgent changes alone, so that one does not wait behind
// thousands of others in a downstream that is slow.
type room struct {
	gate
	size, forOthers int
	used, byOthers  int // under the gate's lock
}

// reservedShare of the room is for urgent changes: one in so many.
const reservedShare = 8

func newRoom(size int) *room {
	r := &room{size: size, forOthers: size - reserved(size)}
	r.may = r.take
	return r
}

// reserved of so much room, for urgent changes. The only place there is, is for all.
func reserved(size int) int {
	if size < 2 {
		return 0
	}
	return max(size/reservedShare, 1)
}

func (r *room) take(urgent bool) (bool, time.Duration) {
	if r.used == r.size || !urgent && r.byOthers == r.forOthers {
		return false, 0
	}
	r.used++
	if !urgent {
		r.byOthers++
	}
	return true, 0
}

// enter returns when there is room; leave gives it back.
func (r *room) enter(ctx context.Context, urgent bool) (leave func(), err error) {
	if err := r.gate.enter(ctx, urgent); err != nil {
		return nil, err
	}
	return func() { r.leave(urgent) }, nil
}

func (r *room) leave(urgent bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used--
	if !urgent {
		r.byOthers--
	}
	r.let()
}
