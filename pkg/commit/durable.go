package commit

import (
	"context"
	"errors"
	"time"
)

// ErrVoid says that a later epoch has begun, so that what was decided may count for nothing: send it again.
var ErrVoid = errors.New("a later epoch has begun; what was decided in the one before may be void: send it again")

const confirmTimeout = 5 * time.Second

// WhenDurable calls done with nil once what Do decided is durable: the event of the revision it rests on is in Kafka,
// and a read of the newest epoch that began after Kafka's ack shows no later one. Otherwise done gets the error that
// says why it may never be; the sender then sends again. done is called once, must not block, and may be called before
// WhenDurable returns.
func (s *Store) WhenDurable(tenant string, r Result, done func(error)) {
	began := time.Now()
	timed := func(err error) {
		s.metrics.durable.Observe(time.Since(began).Seconds())
		done(err)
	}
	g, err := s.gateOf(tenant)
	if err != nil {
		timed(err)
		return
	}
	if epoch, open := g.state(); !open || epoch != r.Epoch {
		timed(ErrVoid)
		return
	}
	if r.Revision.IsZero() { // decided on the absence of a record
		s.confirm.add(confirmation{tenant, r.Epoch, timed})
		return
	}
	s.outbox.wait(tenant, r, timed)
}

// confirmation waits for the confirming read.
type confirmation struct {
	tenant string
	epoch  uint32
	done   func(error)
}

// confirmer makes one confirming read for all that wait. The read begins after they came, that is after Kafka's ack.
type confirmer struct {
	bundler[confirmation]
	store *Store
}

func newConfirmer(s *Store) *confirmer {
	c := &confirmer{store: s}
	c.work = c.read
	return c
}

func (c *confirmer) read(bundle []confirmation) {
	ctx, cancel := context.WithTimeout(context.Background(), confirmTimeout)
	defer cancel()
	err := c.store.epochs.Confirm(ctx)
	for _, one := range bundle {
		if err == nil && c.store.epochs.Newest(one.tenant) > one.epoch {
			c.store.metrics.voided.Inc()
			c.store.shut(one.tenant, one.epoch, "the log has a later epoch")
			one.done(ErrVoid)
			continue
		}
		one.done(err)
	}
}
