package eventlog

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"go.opentelemetry.io/otel"
)

const (
	// windowLimit is how many records may stand behind the mark, and how many may wait to be handed out, before the
	// partition is paused. It is what a restart reads again at most.
	windowLimit = 4096
	// A partition that is given up waits this long for the outcome of what is in hand, to spare others the repetition.
	partingWait = 250 * time.Millisecond

	firstRetry   = 200 * time.Millisecond
	highestRetry = 5 * time.Second
)

// claim is one partition while this member has it. One goroutine, run, hands its records out; outcomes come from any.
//
//	fetched ──▶ backlog ──▶ in hand ──done(nil)──▶ finished, the mark follows
//	                          ▲  └────done(err)──▶ failed ──back-off──┐
//	                          └────────────────────────────────────────┘
//
// While a failed record waits for its next try nothing new is handed out; what is in hand goes on.
type claim struct {
	topic     string
	partition int32
	handler   Handler
	mark      func(next int64) // tells sarama what to commit
	pause     func(bool)
	retried   func()
	end       func() int64 // behind the newest record that the fetches have told of
	arrival   *arrival     // nil in tests

	wake chan struct{} // one element: outcomes came

	mu     sync.Mutex
	water  watermark
	inHand map[int64]*inHand
	failed []int64 // rising
	tries  int     // in a row, without the mark moving
	over   bool    // outcomes change nothing any more

	backlog []Message // run's own
	paused  bool      // run's own
}

type inHand struct {
	message Message
	attempt int
	failed  bool
}

// run hands out the records of the channel until that is closed or ctx ends; handlers get a context of their own. It
// always keeps reading: a full channel would hold up the fetches of all partitions on the same broker, and its closing
// is how a partition is taken away.
func (c *claim) run(ctx, handling context.Context, records <-chan *sarama.ConsumerMessage) {
	var retry <-chan time.Time
	for {
		c.handOut(handling)
		c.pace()
		retry = c.nextRetry(retry)
		select {
		case r, open := <-records:
			if !open {
				c.part()
				return
			}
			c.arrival.first(r.Timestamp)
			c.backlog = append(c.backlog, messageOf(r))
		case <-retry:
			retry = nil
			c.handAgain(handling)
		case <-c.wake:
		case <-ctx.Done():
			c.part()
			return
		}
	}
}

// handOut gives the handler what it may have.
func (c *claim) handOut(ctx context.Context) {
	for len(c.backlog) > 0 && c.take(c.backlog[0]) {
		m := c.backlog[0]
		c.backlog[0] = Message{}
		c.backlog = c.backlog[1:]
		c.hand(ctx, m, 0)
	}
}

// take puts a record in hand, if there is room and none waits for another try.
func (c *claim) take(m Message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.failed) > 0 || c.water.length() >= windowLimit {
		return false
	}
	c.water.hand(m.Offset)
	c.inHand[m.Offset] = &inHand{message: m}
	return true
}

func (c *claim) hand(ctx context.Context, m Message, attempt int) {
	ctx = otel.GetTextMapPropagator().Extract(ctx, headerCarrier(m.Headers))
	c.handler(ctx, m, func(err error) { c.outcome(m.Offset, attempt, err) })
}

// outcome is what the handler calls, once for each attempt.
func (c *claim) outcome(offset int64, attempt int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.inHand[offset]
	if c.over || h == nil || h.attempt != attempt || h.failed {
		return
	}
	if err != nil {
		h.failed = true
		at, _ := slices.BinarySearch(c.failed, offset)
		c.failed = slices.Insert(c.failed, at, offset)
		c.retried()
	} else {
		delete(c.inHand, offset)
		if c.water.finish(offset) {
			c.tries = 0
			c.mark(c.water.mark)
		}
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// nextRetry starts the clock of the next try when one is needed and none runs.
func (c *claim) nextRetry(running <-chan time.Time) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if running != nil || len(c.failed) == 0 {
		return running
	}
	c.tries++
	return time.After(rising(firstRetry, highestRetry)(c.tries))
}

// handAgain gives the handler the failed records once more, oldest first.
func (c *claim) handAgain(ctx context.Context) {
	c.mu.Lock()
	again := make([]inHand, 0, len(c.failed))
	for _, offset := range c.failed {
		h := c.inHand[offset]
		h.attempt++
		h.failed = false
		again = append(again, *h)
	}
	c.failed = nil
	c.mu.Unlock()
	for _, h := range again {
		c.hand(ctx, h.message, h.attempt)
	}
}

// pace stops the fetches while enough waits here, and lets them go on when half of it is handed out.
func (c *claim) pace() {
	switch {
	case !c.paused && len(c.backlog) >= windowLimit:
		c.paused = true
	case c.paused && len(c.backlog) <= windowLimit/2:
		c.paused = false
	default:
		return
	}
	c.pause(c.paused)
}

// part gives the partition up.
func (c *claim) part() {
	if c.paused {
		c.pause(false) // a pause would outlive the claim
	}
	wait := time.NewTimer(partingWait)
	defer wait.Stop()
	for c.awaited() {
		select {
		case <-c.wake:
			continue
		case <-wait.C:
		}
		break
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
}

// awaited reports whether an outcome of what is in hand may still come.
func (c *claim) awaited() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.water.undone > len(c.failed)
}

// lag is how many records this partition is behind, and how old the oldest is that is in hand.
func (c *claim) lag(now time.Time) (records int64, age time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.water.mark < 0 {
		return 0, 0 // nothing was read yet
	}
	if c.water.length() > 0 {
		age = max(0, now.Sub(c.inHand[c.water.mark].message.Time))
	}
	return max(0, c.end()-c.water.mark), age
}

func messageOf(r *sarama.ConsumerMessage) Message {
	return Message{
		Topic: r.Topic, Key: r.Key, Value: r.Value, Headers: headersOf(r.Headers),
		Partition: r.Partition, Offset: r.Offset, Time: r.Timestamp,
	}
}

// headerCarrier lets OpenTelemetry read trace headers.
type headerCarrier []Header

func (h headerCarrier) Get(key string) string {
	m := Message{Headers: h}
	return m.Header(key)
}

func (headerCarrier) Set(string, string) {}

func (h headerCarrier) Keys() []string {
	keys := make([]string, len(h))
	for i := range h {
		keys[i] = h[i].Key
	}
	return keys
}
