// Package flow is the sentence that this service is: a wish comes in, we decide, we keep the new state, the log hears of
// it, and the people concerned are told. Every way in ends here: RPC, request from Kafka, worker, sweep.
package flow

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/pkg/telemetry"
	"github.com/busyhour/busyhour/services/provisioning/internal/push"
)

// Sender writes to the log and waits until it is durable there.
type Sender interface {
	Send(ctx context.Context, messages ...eventlog.Message) error
}

// Flow carries out wishes.
type Flow struct {
	store   *commit.Store
	push    *push.Push
	log     Sender
	backlog uint32 // items that may be without an outcome, of one tenant
	queue   Queue  // nil: who reads the requests queues all
	ended   *prometheus.CounterVec
}

// New makes a Flow. A job that would make more than backlog items of a tenant wait is refused.
func New(store *commit.Store, push *push.Push, log Sender, backlog uint32, reg prometheus.Registerer) *Flow {
	return &Flow{store: store, push: push, log: log, backlog: backlog, ended: telemetry.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "busyhour_provisioning_items_total",
		Help: "Items that have ended, by outcome.",
	}, []string{"outcome"}))}
}

// QueueIn says where what is urgent waits for a worker. It is called before anything else.
func (f *Flow) QueueIn(q Queue) { f.queue = q }

// durable waits until what was decided rests on nothing that could still be lost.
func (f *Flow) durable(ctx context.Context, tenant string, r commit.Result) error {
	done := make(chan error, 1)
	f.store.WhenDurable(tenant, r, func(err error) { done <- err })
	select {
	case err := <-done:
		if errors.Is(err, commit.ErrVoid) {
			return refusal.New(refusal.Unavailable, "VOID", "%v", err).To("send it again")
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answer gives what Do gave once it is durable. So a refusal, too, is told only when what it rests on cannot be lost.
func (f *Flow) answer(ctx context.Context, tenant string, r commit.Result, err error) error {
	_, refused := refusal.As(err)
	if err != nil && (!refused || r.Record == "") {
		return err
	}
	if lost := f.durable(ctx, tenant, r); lost != nil {
		return lost
	}
	return err
}
