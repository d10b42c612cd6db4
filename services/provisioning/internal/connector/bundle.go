package connector

import (
	"context"
	"sync"
)

// bundles have many of a tenant ask at once: what comes while one bundle is under way goes with the next.
type bundles[Q, A any] struct {
	// most questions in a bundle.
	most int
	// ask gives an answer to each question, in their order.
	ask func(ctx context.Context, tenant string, all []Q) []A

	mu    sync.Mutex
	lines map[string]*line[Q, A] // by tenant
}

// line of those who wait for the next bundle.
type line[Q, A any] struct {
	waiting []asker[Q, A]
	busy    bool // a bundle is under way
}

type asker[Q, A any] struct {
	ctx      context.Context
	question Q
	answer   chan A
}

// do returns the answer, or an error if ctx ends before it comes. Who has not left yet when ctx ends never leaves.
func (b *bundles[Q, A]) do(ctx context.Context, tenant string, question Q) (answer A, err error) {
	a := asker[Q, A]{ctx, question, make(chan A, 1)}
	b.queue(tenant, a)
	select {
	case answer = <-a.answer:
		return answer, nil
	case <-ctx.Done():
		return answer, ctx.Err()
	}
}

func (b *bundles[Q, A]) queue(tenant string, a asker[Q, A]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lines == nil {
		b.lines = map[string]*line[Q, A]{}
	}
	l := b.lines[tenant]
	if l == nil {
		l = &line[Q, A]{}
		b.lines[tenant] = l
	}
	l.waiting = append(l.waiting, a)
	if !l.busy {
		l.busy = true
		go b.serve(tenant, l)
	}
}

// serve sends one bundle after another until nobody waits.
func (b *bundles[Q, A]) serve(tenant string, l *line[Q, A]) {
	for {
		some := b.next(l)
		if len(some) == 0 {
			return
		}
		questions := make([]Q, len(some))
		for i, a := range some {
			questions[i] = a.question
		}
		for i, answer := range b.ask(context.WithoutCancel(some[0].ctx), tenant, questions) {
			some[i].answer <- answer
		}
	}
}

func (b *bundles[Q, A]) next(l *line[Q, A]) (some []asker[Q, A]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(l.waiting) > 0 && len(some) < b.most {
		if l.waiting[0].ctx.Err() == nil {
			some = append(some, l.waiting[0])
		}
		l.waiting = l.waiting[1:]
	}
	l.busy = len(some) > 0
	return some
}
