// Package lane keeps order where it matters and nowhere else: work of one key runs one piece after another, work of
// different keys side by side. So a pod does not conflict with itself.
package lane

import (
	"context"
	"sync"
	"time"
)

// Work is one piece. It returns zero when it is done, or how long to wait before it is run again; meanwhile its lane
// waits, and nobody else.
type Work func() (again time.Duration)

// Lanes run work on a bounded number of goroutines, which come with the work and go with it.
type Lanes struct {
	limit int

	mu       sync.Mutex
	lanes    map[string]*lane
	runnable []*lane // lanes with work, none of which is running or waiting
	workers  int
	idle     *sync.Cond // signalled when no lane is left
}

type lane struct {
	key  string
	work []Work
}

// New makes lanes that run at most limit pieces of work at once.
func New(limit int) *Lanes {
	l := &Lanes{limit: limit, lanes: map[string]*lane{}}
	l.idle = sync.NewCond(&l.mu)
	return l
}

// Go adds work behind all that its key has. It never blocks.
func (l *Lanes) Go(key string, w Work) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one, ok := l.lanes[key]; ok {
		one.work = append(one.work, w)
		return
	}
	one := &lane{key: key, work: []Work{w}}
	l.lanes[key] = one
	l.ready(one)
}

// Do runs f in its turn and waits for it. If ctx ends before the turn has come, f does not run.
func (l *Lanes) Do(ctx context.Context, key string, f func()) error {
	done := make(chan struct{})
	begun := false
	l.Go(key, func() time.Duration {
		defer close(done)
		if ctx.Err() == nil {
			begun = true
			f()
		}
		return 0
	})
	<-done
	if !begun {
		return ctx.Err()
	}
	return nil
}

// Wait returns when no work is left.
func (l *Lanes) Wait() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.lanes) > 0 {
		l.idle.Wait()
	}
}

// Len is how many keys have work.
func (l *Lanes) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.lanes)
}

// ready hands a lane to a worker; mu is held.
func (l *Lanes) ready(one *lane) {
	l.runnable = append(l.runnable, one)
	if l.workers < l.limit {
		l.workers++
		go l.run()
	}
}

// run takes one piece of one lane after another, so that a long lane does not keep the others waiting.
func (l *Lanes) run() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.runnable) > 0 {
		one := l.runnable[0]
		l.runnable = l.runnable[1:]
		w := one.work[0]
		l.mu.Unlock()
		again := w()
		l.mu.Lock()
		l.after(one, again)
	}
	l.workers--
}

// after puts the lane where it belongs once a piece of it has run; mu is held.
func (l *Lanes) after(one *lane, again time.Duration) {
	if again > 0 {
		time.AfterFunc(again, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.ready(one)
		})
		return
	}
	one.work[0] = nil
	one.work = one.work[1:]
	if len(one.work) > 0 {
		l.runnable = append(l.runnable, one)
		return
	}
	delete(l.lanes, one.key)
	if len(l.lanes) == 0 {
		l.idle.Broadcast()
	}
}
