package connector

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestHowMuchRoomIsForUrgentChanges(t *testing.T) {
	for size, want := range map[int]int{1: 0, 2: 1, 3: 1, 8: 1, 15: 1, 16: 2, 64: 8} {
		if got := reserved(size); got != want {
			t.Errorf("of %d: %d, want %d", size, got, want)
		}
	}
}

// crowd sends so many changes that are not urgent.
func crowd(t *testing.T, c *Connector, n int) *sync.WaitGroup {
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			if a, err := c.Send(t.Context(), ann()); err != nil || a.Refused != "" {
				t.Errorf("answer %+v, %v", a, err)
			}
		})
	}
	synctest.Wait()
	return &all
}

func urgent() Change {
	change := ann()
	change.Urgent, change.Key = true, "urgent"
	return change
}

func TestAnUrgentChangeDoesNotWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := to(func(*http.Request) (*http.Response, error) {
			<-time.After(5 * time.Second)
			return answer(200, ""), nil
		}, func(cfg *Config) { cfg.Concurrency = 8 })
		all := crowd(t, c, 100)
		began := time.Now()
		if _, err := c.Send(t.Context(), urgent()); err != nil || time.Since(began) != 5*time.Second {
			t.Errorf("%v, it took %s, want one slow call", err, time.Since(began))
		}
		all.Wait()
	})
}

func TestUrgentChangesMayHaveAllTheRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := to(func(*http.Request) (*http.Response, error) {
			<-time.After(time.Second)
			return answer(200, ""), nil
		}, func(cfg *Config) { cfg.Concurrency = 8 })
		began := time.Now()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { c.Send(t.Context(), urgent()) })
		}
		all.Wait()
		if took := time.Since(began); took != time.Second {
			t.Errorf("8 took %s, want all at once", took)
		}
	})
}

func TestWhoLeavesWhileWaitingTakesNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := to(func(*http.Request) (*http.Response, error) {
			<-time.After(5 * time.Second)
			return answer(200, ""), nil
		}, func(cfg *Config) { cfg.Concurrency = 1 })
		all := crowd(t, c, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Send(ctx, ann()); err == nil {
			t.Error("there was room")
		}
		all.Wait()
		if _, err := c.Send(t.Context(), ann()); err != nil || c.room.used != 0 || c.room.byOthers != 0 {
			t.Errorf("%v, %d are still counted", err, c.room.used)
		}
	})
}

func TestNoMoreCallsASecondThanTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		c := to(func(*http.Request) (*http.Response, error) {
			calls.Add(1)
			return answer(200, ""), nil
		}, func(cfg *Config) { cfg.Rate, cfg.Burst = 10, 5 })
		began := time.Now()
		crowd(t, c, 105).Wait()
		if took := time.Since(began).Round(100 * time.Millisecond); took != 10*time.Second || calls.Load() != 105 {
			t.Errorf("%d calls took %s, want 10s: 5 at once, and 10 a second", calls.Load(), took)
		}
	})
}

func TestEveryRequestOfAnAttemptCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := to(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodGet {
				return answer(200, there()), nil
			}
			return answer(201, ""), nil
		}, func(cfg *Config) { asSCIM(cfg); cfg.Rate, cfg.Burst = 1, 1 })
		began := time.Now()
		crowd(t, c, 3).Wait()
		if took := time.Since(began).Round(100 * time.Millisecond); took != 5*time.Second {
			t.Errorf("6 requests took %s, want 5s", took)
		}
	})
}

func TestAnUrgentChangeIsTheNextToBeCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []string
		c := to(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, r.Header.Get("Idempotency-Key"))
			return answer(200, ""), nil
		}, func(cfg *Config) { cfg.Rate, cfg.Burst = 1, 1 })
		all := crowd(t, c, 50)
		began := time.Now()
		if _, err := c.Send(t.Context(), urgent()); err != nil || time.Since(began) > 1010*time.Millisecond {
			t.Errorf("%v, it took %s", err, time.Since(began))
		}
		mu.Lock()
		got := strings.Join(order, " ")
		mu.Unlock()
		if got != "j-1/7 urgent" {
			t.Errorf("called %s", got)
		}
		all.Wait()
	})
}

func TestAnUrgentChangeKeepsToAPauseToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first atomic.Bool
		c := to(func(*http.Request) (*http.Response, error) {
			if first.CompareAndSwap(false, true) {
				return answer(429, "", "Retry-After", "30"), nil
			}
			return answer(200, ""), nil
		}, nil)
		all := crowd(t, c, 1)
		began := time.Now()
		if _, err := c.Send(t.Context(), urgent()); err != nil || time.Since(began) < 30*time.Second {
			t.Errorf("%v, it took %s", err, time.Since(began))
		}
		all.Wait()
	})
}

func TestPatienceEndsWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var mu sync.Mutex
		var calls []string
		c := to(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			calls = append(calls, fmt.Sprint(r.Method, " ", time.Since(began).Round(time.Second)))
			switch {
			case len(calls) == 1: // so that the other is next
				<-time.After(100 * time.Millisecond)
				return answer(200, there()), nil
			case len(calls) == 2:
				return answer(429, "", "Retry-After", "30"), nil
			case r.Method == http.MethodGet:
				return answer(200, there()), nil
			}
			return answer(201, ""), nil
		}, func(cfg *Config) { asSCIM(cfg); cfg.Rate, cfg.Burst = 1, 1 })
		crowd(t, c, 2).Wait()
		if len(calls) != 6 || calls[1] != "GET 1s" || calls[2] != "GET 31s" {
			t.Errorf("calls %q, want none within 30s of the second, and both from the beginning", calls)
		}
	})
}
