package consume

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

const (
	// backlogLimit is how many records of a partition wait here before its fetches are paused.
	backlogLimit = 4096

	firstRetry   = 200 * time.Millisecond
	highestRetry = 10 * time.Second
)

// claim is one partition while this member has it: one record at a time, in order.
type claim struct {
	*Consumer
	at     Partition
	fences map[string]uint32 // by tenant: the highest epoch of a marker so far

	end    func() int64 // behind the newest record that the fetches have told of
	next   atomic.Int64 // the offset that is not done yet
	inHand atomic.Int64 // when Kafka got the record in hand, ms; zero if there is none
}

func (c *claim) run(session sarama.ConsumerGroupSession, records <-chan *sarama.ConsumerMessage) {
	// What is in hand may finish when the session has ended.
	ctx, cancel := context.WithCancel(context.WithoutCancel(session.Context()))
	defer cancel()
	waiting := make(chan *sarama.ConsumerMessage)
	go c.pump(session.Context(), ctx, cancel, records, waiting)
	c.recall(ctx)
	for r := range waiting {
		c.inHand.Store(r.Timestamp.UnixMilli())
		done := c.settle(ctx, r)
		c.inHand.Store(0)
		if !done {
			return
		}
		session.MarkMessage(r, "")
		c.next.Store(r.Offset + 1)
	}
}

// pump always reads: a full channel would hold up all partitions on the same broker, and its closing is how a partition is
// taken away, which a handler in trouble must hear of.
func (c *claim) pump(session, handling context.Context, cancel func(), in <-chan *sarama.ConsumerMessage, out chan<- *sarama.ConsumerMessage) {
	paused := false
	defer func() {
		if paused {
			c.pause(false) // a pause would outlive the claim
		}
		time.AfterFunc(c.cfg.Grace, cancel)
		close(out)
	}()
	var backlog []*sarama.ConsumerMessage
	for {
		var head *sarama.ConsumerMessage
		var to chan<- *sarama.ConsumerMessage
		if len(backlog) > 0 {
			head, to = backlog[0], out
		}
		select {
		case r, open := <-in:
			if !open {
				return
			}
			backlog = append(backlog, r)
		case to <- head:
			backlog = backlog[1:]
		case <-session.Done():
			return
		case <-handling.Done():
			return
		}
		if pause := len(backlog) > backlogLimit || paused && len(backlog) > backlogLimit/2; pause != paused {
			paused = pause
			c.pause(pause)
		}
	}
}

func (c *claim) pause(pause bool) {
	partition := map[string][]int32{c.at.Topic: {c.at.Number}}
	if pause {
		c.group.Pause(partition)
		return
	}
	c.group.Resume(partition)
}

// recall what the store knows of markers before this member had the partition.
func (c *claim) recall(ctx context.Context) {
	c.insist(ctx, func() (err error) {
		c.fences, err = c.cfg.Store.Fences(ctx, c.at)
		return err
	})
	if c.fences == nil {
		c.fences = map[string]uint32{}
	}
}

// settle sees to it that a record is done, one way or the other. False: the partition was taken away before.
func (c *claim) settle(ctx context.Context, r *sarama.ConsumerMessage) bool {
	tries := 0
	return c.insist(ctx, func() error {
		tries++
		err := c.take(ctx, r)
		no, refused := refusalIn(err)
		switch {
		case refused:
		case err != nil && c.cfg.Tries > 0 && tries >= c.cfg.Tries && ctx.Err() == nil:
			no = &Refusal{"HANDLER_FAILED", err.Error()}
		default:
			return err
		}
		c.cfg.Logger.Warn("to the dead letters", "reason", no.Error(), "topic", r.Topic, "partition", r.Partition, "offset", r.Offset)
		return c.cfg.DeadLetter(ctx, Letter{Reason: no.Error(), Record: r})
	})
}

// insist repeats what fails until it succeeds, or the partition is gone.
func (c *claim) insist(ctx context.Context, try func() error) bool {
	backoff := rising(firstRetry, highestRetry)
	for tries := 1; ; tries++ {
		err := try()
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		c.cfg.Logger.Warn("a record waits for its next try", "topic", c.at.Topic, "partition", c.at.Number, "offset", c.next.Load(), "tries", tries, "error", err)
		select {
		case <-time.After(backoff(tries)):
		case <-ctx.Done():
			return false
		}
	}
}

// take understands a record and hands it out, unless it counts for nothing.
func (c *claim) take(ctx context.Context, r *sarama.ConsumerMessage) error {
	m, err := decode(r, c.cfg.MaxBytes)
	switch {
	case err != nil:
		return err
	case m.marker != nil:
		return c.heed(ctx, m.marker)
	case len(c.cfg.Tenants) > 0 && !slices.Contains(c.cfg.Tenants, m.Tenant):
		return nil
	}
	handler := c.handlerOf(m)
	switch {
	case handler == nil:
		return nil
	case isGap(m.message):
		return handler.handle(ctx, m)
	case m.Revision.Epoch() < c.fences[m.Tenant]:
		return nil // void
	}
	_, err = c.cfg.Store.Once(ctx, Record{m.Tenant, m.Subject}, versionOf(&m.Meta), func(ctx context.Context) error { return handler.handle(ctx, m) })
	return err
}

func (c *claim) handlerOf(m *read) *Handler {
	name := m.message.ProtoReflect().Descriptor().FullName()
	i := slices.IndexFunc(c.handlers, func(h Handler) bool { return h.message == name })
	if i < 0 {
		return nil
	}
	return &c.handlers[i]
}

// heed a marker. In a compacted topic there is nothing void, and tombstones there may rightly have an older epoch.
func (c *claim) heed(ctx context.Context, m *marker) error {
	if compacted(c.at.Topic) {
		return nil
	}
	for _, tenant := range m.Tenants {
		if err := c.cfg.Store.Fence(ctx, c.at, tenant, m.Epoch); err != nil {
			return err
		}
		c.fences[tenant] = max(c.fences[tenant], m.Epoch)
	}
	return nil
}
