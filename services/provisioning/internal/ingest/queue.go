package ingest

import (
	"context"
	"sync"

	"github.com/busyhour/busyhour/services/provisioning/internal/stream"
)

// queue puts items into the stream: at once when no script is under way, else together with all that came meanwhile.
type queue struct {
	stream *stream.Stream

	mu      sync.Mutex
	waiting map[stream.Namespace][]waiter
	busy    map[stream.Namespace]bool
}

type waiter struct {
	item string
	done chan error
}

func newQueue(s *stream.Stream) *queue {
	return &queue{stream: s, waiting: map[stream.Namespace][]waiter{}, busy: map[stream.Namespace]bool{}}
}

func (q *queue) put(ctx context.Context, n stream.Namespace, item string) error {
	w := waiter{item, make(chan error, 1)}
	q.mu.Lock()
	q.waiting[n] = append(q.waiting[n], w)
	first := !q.busy[n]
	q.busy[n] = true
	q.mu.Unlock()
	if first {
		q.work(context.WithoutCancel(ctx), n)
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// work runs in the goroutine of whoever came first, until nobody waits.
func (q *queue) work(ctx context.Context, n stream.Namespace) {
	for {
		q.mu.Lock()
		bundle := q.waiting[n]
		delete(q.waiting, n)
		if len(bundle) == 0 {
			delete(q.busy, n)
		}
		q.mu.Unlock()
		if len(bundle) == 0 {
			return
		}
		items := make([]string, len(bundle))
		for i, w := range bundle {
			items[i] = w.item
		}
		err := q.stream.Enqueue(ctx, n, items...)
		for _, w := range bundle {
			w.done <- err
		}
	}
}
