package commit

import "sync"

// bundler hands items to work in bundles: at once when no bundle is under way, else all that came meanwhile.
type bundler[T any] struct {
	work func([]T)

	mu      sync.Mutex
	waiting []T
	busy    bool
}

func (b *bundler[T]) add(items ...T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, items...)
	if !b.busy && len(b.waiting) > 0 {
		b.busy = true
		go b.run()
	}
}

func (b *bundler[T]) run() {
	for {
		b.mu.Lock()
		bundle := b.waiting
		b.waiting = nil
		if len(bundle) == 0 {
			b.busy = false
			b.mu.Unlock()
			return
		}
		b.mu.Unlock()
		b.work(bundle)
	}
}
