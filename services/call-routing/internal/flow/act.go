package flow

import (
	"context"
	"time"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

// Standing is a contact and the revision it stands at.
type Standing struct {
	Contact  *routingv1.Contact
	Revision *commonv1.Revision
}

// Act carries out what an agent wants of a contact. request is the caller's id of the command; a repeat gives the first
// outcome.
func (f *Flow) Act(ctx context.Context, tenant, id, agent string, action routingv1.ActRequest_Action, request string) (Standing, error) {
	op := operation("act")
	if request != "" {
		op = "act/" + agent + "/" + request
	}
	return f.ask(ctx, tenant, id, op, contact.By(agent, action))
}

// ask decides a command of somebody who waits for the answer.
func (f *Flow) ask(ctx context.Context, tenant, id, op string, cmd contact.Command) (Standing, error) {
	s, _, err := f.askWhether(ctx, tenant, id, op, cmd)
	return s, err
}

// askWhether is ask, and says whether the command changed anything.
func (f *Flow) askWhether(ctx context.Context, tenant, id, op string, cmd contact.Command) (Standing, bool, error) {
	var result commit.Result
	var d *decision
	var err error
	if late := f.lanes.Do(ctx, contactLane(tenant, id), func() { result, d, err = f.command(ctx, tenant, id, op, cmd, time.Time{}) }); late != nil {
		return Standing{}, false, late
	}
	f.metrics.command(cmd.Verb, d, err)
	if err != nil {
		return Standing{}, false, err
	}
	ctx = context.WithoutCancel(ctx)
	f.follow(ctx, tenant, d)
	if d.waits() {
		f.Seek(ctx, tenant, d.change.After.QueueId, id)
	}
	return standing(result, d), d.change != nil, nil
}

func standing(result commit.Result, d *decision) Standing {
	if d.change != nil {
		return Standing{d.change.After, d.change.Revision}
	}
	return Standing{d.contact, state.Revision(result.Revision)}
}

// Expire moves a contact whose deadline has passed.
func (f *Flow) Expire(ctx context.Context, tenant, id string) {
	f.inLane(ctx, tenant, id, contact.Command{Verb: contact.Expire})
}

// withdraw takes an offer back from an agent who cannot take it any more.
func (f *Flow) withdraw(ctx context.Context, tenant, id, agent string) {
	f.inLane(ctx, tenant, id, contact.Command{Verb: contact.Withdraw, Agent: agent})
}

// reclaim takes a contact back from an agent whose slot another contact has.
func (f *Flow) reclaim(ctx context.Context, tenant, id, agent string) {
	f.inLane(ctx, tenant, id, contact.Command{Verb: contact.Reclaim, Agent: agent})
}

// inLane carries out a command that nobody waits for. If it fails it is lost: the deadline that asked for it comes up
// again, and so does the agent at the next look.
func (f *Flow) inLane(ctx context.Context, tenant, id string, commands ...contact.Command) {
	f.lanes.Go(contactLane(tenant, id), func() time.Duration {
		var last *decision
		for _, cmd := range commands {
			_, d, err := f.command(ctx, tenant, id, operation(cmd.Verb.String()), cmd, time.Time{})
			f.metrics.command(cmd.Verb, d, err)
			if err != nil {
				f.failed(tenant, cmd.Verb.String(), id, err)
				break
			}
			f.follow(ctx, tenant, d)
			if d.change != nil {
				last = d
			}
		}
		if last != nil && last.waits() {
			f.seek(ctx, tenant, last.change.After.QueueId, id, time.Time{})
		}
		return 0
	})
}
