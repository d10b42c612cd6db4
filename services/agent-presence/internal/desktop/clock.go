package desktop

import (
	"sync/atomic"
	"time"
)

// clock is Redis' clock as this pod knows it: the last reading, and the own monotonic time since. It is for showing ages
// and measuring delays, never for decisions.
type clock struct{ last atomic.Pointer[reading] }

type reading struct{ redis, local time.Time }

func (c *clock) set(redis time.Time) {
	if !redis.IsZero() {
		c.last.Store(&reading{redis, time.Now()})
	}
}

func (c *clock) now() time.Time {
	r := c.last.Load()
	if r == nil {
		return time.Now()
	}
	return r.redis.Add(time.Since(r.local))
}
