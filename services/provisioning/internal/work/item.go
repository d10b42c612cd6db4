package work

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/flow"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/stream"
)

// After a run that came to no outcome, an item is left alone for so long; then for twice as long.
const (
	againAfter  = 100 * time.Millisecond
	againAtMost = 5 * time.Second
)

// run runs an item until it has ended, for as long as one worker may have it. What has no outcome by then another worker
// takes over; what belongs to an epoch that is over, the present one has put into its own stream.
func (p *Pool) run(ctx context.Context, n stream.Namespace, e stream.Entry) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.ItemTimeout)
	defer cancel()
	go p.hold(ctx, n, e, cancel)
	for wait := againAfter; ; wait = min(2*wait, againAtMost) {
		err := p.once(ctx, n, e)
		if err == nil {
			return
		}
		p.metrics.undecided.Inc()
		p.log.Warn("item has no outcome yet, it will be run again", zap.String("tenant", n.Tenant), zap.String("item", e.Item), zap.Error(err))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		if epoch, open := p.store.Verified(n.Tenant); !open || epoch != n.Epoch {
			return
		}
	}
}

// once runs an item, and takes it out of the stream if nothing is left to do for it.
func (p *Pool) once(ctx context.Context, n stream.Namespace, e stream.Entry) error {
	asked := time.Now()
	o, err := p.flow.Item(ctx, n.Tenant, e.Item)
	if err != nil {
		return err
	}
	p.yield.read(time.Since(asked))
	if o == nil || job.Final(o) { // forgotten, or ended by another run
		return p.stream.Done(ctx, n, e)
	}
	v, err := p.verdict(ctx, o)
	switch {
	case errors.Is(err, flow.ErrEnded):
		return p.stream.Done(ctx, n, e)
	case errors.Is(err, flow.ErrCancelled):
		err = p.flow.CancelItem(ctx, n.Tenant, e.Item, o.GetJobId())
	case errors.Is(err, flow.ErrPaused):
		return p.putAside(ctx, n, e, o.GetJobId())
	case errors.Is(err, flow.ErrEarly):
		return p.putOff(ctx, n, e)
	case err == nil:
		_, err = p.flow.Finish(ctx, n.Tenant, e.Item, v)
	}
	if err != nil {
		return err
	}
	return p.stream.Done(ctx, n, e)
}

// putAside takes an item of a paused job out of the stream. Who resumes the job puts it back; if that was done before it
// was out, it is put back here.
func (p *Pool) putAside(ctx context.Context, n stream.Namespace, e stream.Entry, id string) error {
	if err := p.stream.Done(ctx, n, e); err != nil {
		return err
	}
	paused, err := p.flow.Paused(ctx, n.Tenant, id)
	if err != nil || paused {
		return err
	}
	return p.stream.Enqueue(ctx, n, e.Item)
}

// putOff puts an item that waits for others of its job behind everything else, after a while in which they may end.
func (p *Pool) putOff(ctx context.Context, n stream.Namespace, e stream.Entry) error {
	t := time.NewTimer(againAfter)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return p.stream.Again(ctx, n, e)
}

// verdict makes the change, here and in the downstreams.
func (p *Pool) verdict(ctx context.Context, o *provisioningv1.Outcome) (v job.Verdict, err error) {
	r := o.GetRequest()
	defer func() {
		if panicked := recover(); panicked != nil { // it would panic again, and take the pod with it
			p.log.Error("item panicked", zap.String("job", r.GetJobId()), zap.Uint32("number", r.GetNumber()), zap.Any("panic", panicked), zap.ByteString("stack", debug.Stack()))
			v, err = job.Verdict{Reason: fmt.Sprintf("internal error: %v", panicked)}, nil
		}
	}()
	applied, err := p.apply(ctx, o)
	if no, ok := refusal.As(err); ok && no.Code != refusal.Unavailable {
		return job.Verdict{Reason: no.Error()}, nil
	}
	if err != nil {
		return v, err
	}
	v, err = p.tell(ctx, o, applied.Standing)
	if err != nil {
		return v, err
	}
	if err := applied.Durable(ctx); err != nil {
		return v, err
	}
	v.Note = p.flow.Note(ctx, r)
	return v, nil
}

// apply makes the change in the directory. Of an item whose steps have begun it is made.
func (p *Pool) apply(ctx context.Context, o *provisioningv1.Outcome) (*flow.Applied, error) {
	if len(o.GetSteps()) > 0 {
		return p.flow.Resume(ctx, o.GetRequest())
	}
	return p.flow.Apply(ctx, o.GetRequest(), p.downstreams.Compensates())
}

// tell tells the downstreams how the agent stands in the directory; of queues they hear nothing.
func (p *Pool) tell(ctx context.Context, o *provisioningv1.Outcome, s flow.Standing) (job.Verdict, error) {
	if job.OfQueue(o.GetRequest().GetItem()) {
		return job.Verdict{Applied: true}, nil
	}
	return p.downstreams.Run(ctx, p.flow, o, s)
}
