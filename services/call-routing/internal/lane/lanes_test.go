package lane

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestOneKeyRunsInOrderAndNeverTwiceAtOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := New(rapid.IntRange(1, 8).Draw(t, "limit"))
		keys := rapid.IntRange(1, 5).Draw(t, "keys")
		var mu sync.Mutex
		ran := map[string][]int{}
		running := map[string]*atomic.Int32{}
		for k := range keys {
			running[fmt.Sprint(k)] = &atomic.Int32{}
		}
		n := rapid.IntRange(1, 200).Draw(t, "work")
		for i := range n {
			key := fmt.Sprint(i % keys)
			l.Go(key, func() time.Duration {
				if running[key].Add(1) != 1 {
					panic("two pieces of one lane run at once")
				}
				defer running[key].Add(-1)
				mu.Lock()
				defer mu.Unlock()
				ran[key] = append(ran[key], i)
				return 0
			})
		}
		l.Wait()
		total := 0
		for key, list := range ran {
			total += len(list)
			if !slices.IsSorted(list) {
				t.Fatalf("lane %s ran in the order %v", key, list)
			}
		}
		if total != n {
			t.Fatalf("%d of %d ran", total, n)
		}
	})
}

func TestWaitingLaneHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(1)
		var order []string
		tries := 0
		l.Go("closed", func() time.Duration {
			if tries++; tries < 3 {
				return time.Second
			}
			order = append(order, "closed 1")
			return 0
		})
		l.Go("closed", func() time.Duration { order = append(order, "closed 2"); return 0 })
		l.Go("open", func() time.Duration { order = append(order, "open"); return 0 })
		l.Wait()
		if want := []string{"open", "closed 1", "closed 2"}; !slices.Equal(order, want) {
			t.Errorf("ran %v, want %v", order, want)
		}
		if l.Len() != 0 {
			t.Error("a lane is left")
		}
	})
}

func TestAtMostLimitAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(3)
		now, most := 0, 0
		var mu sync.Mutex
		for i := range 20 {
			l.Go(fmt.Sprint(i), func() time.Duration {
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				time.Sleep(time.Millisecond)
				mu.Lock()
				now--
				mu.Unlock()
				return 0
			})
		}
		l.Wait()
		if most != 3 {
			t.Errorf("%d ran at once", most)
		}
	})
}

func TestGivenUpBeforeItsTurnDoesNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(1)
		hold := make(chan struct{})
		l.Go("a", func() time.Duration { <-hold; return 0 })
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		ran := false
		go func() { result <- l.Do(ctx, "a", func() { ran = true }) }()
		synctest.Wait()
		cancel()
		close(hold)
		if err := <-result; err == nil || ran {
			t.Errorf("error %v, ran %v", err, ran)
		}
		if err := l.Do(t.Context(), "a", func() { ran = true }); err != nil || !ran {
			t.Errorf("error %v, ran %v", err, ran)
		}
	})
}
