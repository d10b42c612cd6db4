package bulk

import (
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/scimstub"
)

// perItem is how long a place in the downstream is held for an agent that it does not have yet, on average. It begins
// again with the search after whatever went wrong; what was done and not answered is found by the next search, which is
// then the last request. Pauses count nothing: neither our own nor those that Retry-After asks for.
//
// With s, the share that goes well, a, the share that is done and not understood, and c, the time of a request:
//
//	new  = c + s·(c + a·done + (1-s-a)·new) + (1-s)·new
//	done = c + (1-s)·done
func perItem(b scimstub.Behaviour, timeout time.Duration) time.Duration {
	latency := time.Duration(b.Latency).Seconds()
	each := (1-b.Resets-b.Losses)*latency + b.Losses*timeout.Seconds()
	return seconds(each * requestsPerItem(b))
}

// requestsPerItem are as many on average: two, if all goes well.
func requestsPerItem(b scimstub.Behaviour) float64 {
	after := b.Losses + b.Malformed
	well := 1 - b.Errors - b.Throttles - b.Resets - after
	return (1 + well + after) / (well * (well + after))
}

// minimum is how long so many agents take if all places are held all the time, or the rate is kept.
func (c *Config) minimum(items int, b scimstub.Behaviour) time.Duration {
	placed := float64(items) * perItem(b, c.Timeout).Seconds() / float64(c.Copies*places(c.Concurrency))
	if c.Rate == 0 {
		return seconds(placed)
	}
	return seconds(max(placed, float64(items)*requestsPerItem(b)/(float64(c.Copies)*c.Rate)))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// places that changes which are not urgent have in the downstream, of one pod: an eighth, at least one of two or more, is
// for urgent ones.
func places(concurrency int) int {
	if concurrency < 2 {
		return concurrency
	}
	return concurrency - max(concurrency/8, 1)
}
