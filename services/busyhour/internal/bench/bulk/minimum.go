package bulk

import (
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/scimstub"
)

// requestsPerItem: the user is looked for, and created.
const requestsPerItem = 2

// perItem is how long a place in the downstream is held for an agent that it does not have yet, on average. It begins
// again with the search after whatever went wrong; what was done and not answered is found by the next search, which is
// then the last request. Pauses count nothing: neither our own nor those that Retry-After asks for.
//
// With s, the share that goes well, a, the share that is done and not understood, and c, the time of a request:
//
//	new  = c + s·(c + a·done + (1-s-a)·new) + (1-s)·new
//	done = c + (1-s)·done
func perItem(b scimstub.Behaviour, timeout time.Duration) time.Duration {
	after := b.Losses + b.Malformed
	well := 1 - b.Errors - b.Throttles - b.Resets - after
	latency := time.Duration(b.Latency).Seconds()
	each := (1-b.Resets-b.Losses)*latency + b.Losses*timeout.Seconds()
	return seconds(each * (1 + well + after) / (well * (well + after)))
}

// minimum is how long so many agents take if that many places are held all the time.
func minimum(items int, each time.Duration, places int) time.Duration {
	return time.Duration(float64(items) * float64(each) / float64(places))
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
