package fanout

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
)

// What a subscriber has not taken yet. With more it loses messages instead of holding up the others: what it would get
// is stale by then.
const (
	pendingMessages = 4096
	pendingBytes    = 8 << 20
)

// Subscription hands messages to one handler, one at a time, in the order in which each publisher sent them.
type Subscription struct {
	conn *Conn
	nats *nats.Subscription
}

// Subscribe has h called for each message on the subject. The wildcards of NATS are allowed: * for one token, > for the
// rest. ctx carries the publisher's trace.
func (c *Conn) Subscribe(subject string, h func(ctx context.Context, subject string, data []byte)) (*Subscription, error) {
	return c.subscribe(subject, "", h)
}

// QueueSubscribe is Subscribe, but each message goes to one member of the queue only.
func (c *Conn) QueueSubscribe(subject, queue string, h func(ctx context.Context, subject string, data []byte)) (*Subscription, error) {
	return c.subscribe(subject, queue, h)
}

func (c *Conn) subscribe(subject, queue string, h func(ctx context.Context, subject string, data []byte)) (*Subscription, error) {
	sub, err := c.nats.QueueSubscribe(subject, queue, func(m *nats.Msg) { h(traceOf(m), m.Subject, m.Data) })
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	if err := sub.SetPendingLimits(pendingMessages, pendingBytes); err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	s := &Subscription{conn: c, nats: sub}
	c.mu.Lock()
	c.subscriptions[s] = struct{}{}
	c.mu.Unlock()
	return s, nil
}

func traceOf(m *nats.Msg) context.Context {
	if len(m.Header) == 0 {
		return context.Background()
	}
	return otel.GetTextMapPropagator().Extract(context.Background(), propagation.HeaderCarrier(m.Header))
}

// Close ends the subscription. A handler that runs may still be running when it returns.
func (s *Subscription) Close() error {
	lost := s.dropped()
	s.conn.mu.Lock()
	if _, open := s.conn.subscriptions[s]; open {
		delete(s.conn.subscriptions, s)
		s.conn.dropped += lost
	}
	s.conn.mu.Unlock()
	if err := s.nats.Unsubscribe(); err != nil {
		return fmt.Errorf("unsubscribe from %s: %w", s.nats.Subject, err)
	}
	return nil
}

// dropped is how many messages this subscriber was too slow for.
func (s *Subscription) dropped() uint64 {
	n, err := s.nats.Dropped()
	if err != nil {
		return 0 // closed
	}
	return uint64(n)
}

// Dropped is how many messages subscribers of this connection have lost because they were too slow.
func (c *Conn) Dropped() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := c.dropped
	for s := range c.subscriptions {
		sum += s.dropped()
	}
	return sum
}
