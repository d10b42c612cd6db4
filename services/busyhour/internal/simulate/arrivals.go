package simulate

import (
	"context"
	"math/rand/v2"
	"time"
)

// Arrivals calls arrive at the times of a Poisson process with perHour events per hour, for as long as span and ctx
// allow. It is open-loop: the times are drawn beforehand, so to say, and whoever is late counts from the time drawn;
// nothing that is slow makes the next event come later.
func Arrivals(ctx context.Context, seed uint64, perHour float64, span time.Duration, arrive func(due time.Time)) {
	random := rand.New(rand.NewPCG(seed, seed))
	mean := float64(time.Hour) / perHour
	start := time.Now()
	due := start
	for {
		due = due.Add(time.Duration(random.ExpFloat64() * mean))
		if due.Sub(start) > span {
			return
		}
		if d := time.Until(due); d > 0 && Wait(ctx, d) != nil {
			return
		}
		if ctx.Err() != nil {
			return
		}
		arrive(due)
	}
}
