package work

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

// yield has bulk items give way to calls: they are begun no faster than leaves Redis as quick for this pod as it usually is.
// The reads that begin items tell. What they wait for, calls wait for, too: Redis, or a processor that is busy.
//
//	median of a window ─▶ above three times the usual ─▶ a third slower
//	                   └▶ not, and there was more to begin ─▶ a tenth faster
//
// It is the rule by which TCP shares a line: slowly up, quickly down (RFC 5681).
type yield struct {
	mu      sync.Mutex
	rate    float64   // items a second
	next    time.Time // the next may begin then
	limited bool      // in this window somebody had to wait

	began   time.Time // of the window
	reads   []time.Duration
	usual   [2]time.Duration // the quickest window of the last two whiles
	changed time.Time        // of the whiles
}

const (
	firstRate, lowestRate, highestRate = 100, 10, 5000

	yieldWindow = 200 * time.Millisecond
	fewestReads = 5
	usualWhile  = 5 * time.Minute
	// Below this nobody waits for anything.
	quickEnough = time.Millisecond
)

func newYield() *yield {
	now := time.Now()
	return &yield{rate: firstRate, began: now, changed: now, usual: [2]time.Duration{math.MaxInt64, math.MaxInt64}}
}

// wait until items may begin.
func (y *yield) wait(ctx context.Context) error {
	y.mu.Lock()
	left := time.Until(y.next)
	y.limited = y.limited || left > 0
	y.mu.Unlock()
	if left <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// portion is how many may begin together: those of 50 ms.
func (y *yield) portion() int { return max(int(y.now()/20), 1) }

// now is how many items may begin in a second.
func (y *yield) now() float64 {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.rate
}

// took counts items that begin.
func (y *yield) took(n int) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if now := time.Now(); y.next.Before(now) {
		y.next = now
	}
	y.next = y.next.Add(time.Duration(float64(n) / y.rate * float64(time.Second)))
}

// read is told how long a read of Redis took.
func (y *yield) read(took time.Duration) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.reads = append(y.reads, took)
	now := time.Now()
	if now.Sub(y.began) < yieldWindow || len(y.reads) < fewestReads {
		return
	}
	slices.Sort(y.reads)
	y.judge(y.reads[len(y.reads)/2], now)
	y.began, y.reads, y.limited = now, y.reads[:0], false
}

func (y *yield) judge(median time.Duration, now time.Time) {
	if now.Sub(y.changed) > usualWhile {
		y.changed, y.usual = now, [2]time.Duration{math.MaxInt64, y.usual[0]}
	}
	y.usual[0] = min(y.usual[0], median)
	switch {
	case median > 3*max(min(y.usual[0], y.usual[1]), quickEnough):
		y.rate = max(y.rate*2/3, lowestRate)
	case y.limited:
		y.rate = min(y.rate*1.1, highestRate)
	}
}
