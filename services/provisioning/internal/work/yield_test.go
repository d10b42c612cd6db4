package work

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// redis answers slower the more items have begun of late: above its capacity, which others may take from it.
type redis struct {
	capacity float64 // items a second
	usual    time.Duration
}

// work begins items for a while, as fast as they may be, and returns how many a second have begun.
func (r *redis) work(t *testing.T, y *yield, during time.Duration) float64 {
	t.Helper()
	end, begun := time.Now().Add(during), 0
	for time.Now().Before(end) {
		if err := y.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		n := y.portion()
		y.took(n)
		begun += n
		took := r.usual
		if y.now() > r.capacity {
			took *= 10
		}
		for range n {
			y.read(took)
		}
		<-time.After(time.Millisecond)
	}
	return float64(begun) / during.Seconds()
}

func TestBulkItemsGiveWayToCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y, r := newYield(), &redis{capacity: 400, usual: 2 * time.Millisecond}
		r.work(t, y, 10*time.Second)
		if got := r.work(t, y, 10*time.Second); got < 250 || got > 450 {
			t.Errorf("%.0f items a second, where 400 harm nobody", got)
		}
		r.capacity = 60 // calls come in
		r.work(t, y, 5*time.Second)
		if got := r.work(t, y, 10*time.Second); got < 40 || got > 70 {
			t.Errorf("%.0f items a second, where 60 harm nobody", got)
		}
		r.capacity = 400
		r.work(t, y, 10*time.Second)
		if got := r.work(t, y, 10*time.Second); got < 250 {
			t.Errorf("%.0f items a second, and nobody is harmed by 400 any more", got)
		}
	})
}

func TestBulkItemsNeverStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y, r := newYield(), &redis{capacity: 1000, usual: 2 * time.Millisecond}
		r.work(t, y, 5*time.Second)
		r.capacity = 0
		r.work(t, y, 10*time.Second)
		if got := r.work(t, y, 10*time.Second); got < lowestRate-1 || got > lowestRate+1 {
			t.Errorf("%.1f items a second, want %d", got, lowestRate)
		}
	})
}

// A Redis far away is not a Redis that somebody waits for; one that is far away since a while becomes the usual one.
func TestWhatIsUsualIsLearnt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y, far := newYield(), &redis{capacity: 1e9, usual: 20 * time.Millisecond}
		far.work(t, y, 20*time.Second)
		if y.now() < 1000 {
			t.Errorf("%.0f items a second at a Redis that is always 20 ms away", y.now())
		}
		far.usual = 100 * time.Millisecond
		far.work(t, y, time.Minute)
		if y.now() > 20 {
			t.Errorf("%.0f items a second at a Redis that is slower than ever", y.now())
		}
		far.work(t, y, 2*usualWhile)
		if y.now() < 1000 {
			t.Errorf("%.0f items a second at a Redis that is 100 ms away for ten minutes", y.now())
		}
	})
}

// Who has had nothing to do has not learnt that he may go faster.
func TestARateThatIsNotUsedDoesNotRise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYield()
		for range 1000 {
			y.took(1)
			y.read(time.Millisecond)
			<-time.After(20 * time.Millisecond) // 50 a second
		}
		if y.now() != firstRate {
			t.Errorf("%.0f items a second, want %d", y.now(), firstRate)
		}
	})
}

func TestWhoWaitsToBeginEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYield()
		y.took(1000) // ten seconds' worth
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := y.wait(ctx); err == nil {
			t.Error("it was let through")
		}
	})
}
