package consume

import (
	"cmp"
	"slices"
	"time"
)

// Lag is how far this member is behind in one of its partitions.
type Lag struct {
	Partition
	// Records that are not done, as far as the fetches know. Behind the end of a transaction one may remain.
	Records int64
	// Seconds since Kafka got the record in hand; zero if there is none.
	Seconds float64
}

// Lag of each partition that this member has.
func (c *Consumer) Lag() []Lag {
	c.mu.Lock()
	defer c.mu.Unlock()
	lags := make([]Lag, 0, len(c.claims))
	for at, p := range c.claims {
		l := Lag{Partition: at, Records: max(0, p.end()-p.next.Load())}
		if since := p.inHand.Load(); since > 0 {
			l.Seconds = max(0, time.Since(time.UnixMilli(since)).Seconds())
		}
		lags = append(lags, l)
	}
	slices.SortFunc(lags, func(a, b Lag) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Number, b.Number))
	})
	return lags
}
