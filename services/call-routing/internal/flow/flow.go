// Package flow is the sentence as code: a command comes in, we decide, we keep the new state, the log hears of it, and the
// people concerned are told. Every change of a contact goes through here.
//
//	signal, act, deadline ─▶ command ─▶ commit ─▶ tell: screen, switch ─▶ follow: a waiting contact seeks an agent,
//	presence, directory ───▶ agent ────▶ commit ─▶ tell                            a free agent is given a contact
package flow

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
	"github.com/busyhour/busyhour/services/call-routing/internal/lane"
	"github.com/busyhour/busyhour/services/call-routing/internal/push"
	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

// Connecting media cannot be undone, so that wish waits for the log, but not longer than this.
const connectWaits = 50 * time.Millisecond

var tracer = otel.Tracer("github.com/busyhour/busyhour/services/call-routing/internal/flow")

// Config says what a Flow works with.
type Config struct {
	Store    *commit.Store
	Push     *push.Push
	Logger   *zap.Logger
	Registry prometheus.Registerer
	// Workers is how many commands are under way at once.
	Workers int
}

// Flow carries out commands.
type Flow struct {
	store   *commit.Store
	push    *push.Push
	lanes   *lane.Lanes
	taken   *taken
	metrics *metrics
	log     *zap.Logger

	recounts map[string]*recounts // by tenant, never changed after New

	dueLooks sync.Map // agent lanes with a look that has not begun
}

// New makes a Flow.
func New(cfg Config) *Flow {
	f := &Flow{
		store: cfg.Store, push: cfg.Push, lanes: lane.New(cfg.Workers), taken: newTaken(),
		metrics: newMetrics(cfg.Registry), log: cfg.Logger, recounts: map[string]*recounts{},
	}
	for _, tenant := range cfg.Store.Tenants() {
		f.recounts[tenant] = &recounts{flow: f, tenant: tenant}
	}
	return f
}

// Wait returns when nothing is under way any more.
func (f *Flow) Wait() { f.lanes.Wait() }

// Store that the flow commits to.
func (f *Flow) Store() *commit.Store { return f.store }

// Work of one contact, or one agent, runs in one lane, so that a pod does not conflict with itself.
func contactLane(tenant, id string) string  { return "c/" + tenant + "/" + id }
func agentLane(tenant, agent string) string { return "a/" + tenant + "/" + agent }

// decision is what one run of a decide function came to.
type decision struct {
	// came is when the signal came that is decided on, by this pod's clock; zero if it is none.
	came time.Time
	// contact as it was loaded, and what becomes of it; nil if nothing.
	contact *routingv1.Contact
	change  *contact.Change
	// revision that the commit gives to its primary record.
	revision commit.Revision
	// workload of the agent concerned, to be told.
	workload *push.Workload
}

// commit runs a decision and returns the run that was committed; one that was not carries no change.
func (f *Flow) commit(ctx context.Context, tenant, op string, decide func(context.Context, *commit.Tx, *decision) error) (commit.Result, *decision, error) {
	ctx, span := tracer.Start(ctx, "commit", trace.WithAttributes(attribute.String("tenant", tenant), attribute.String("op", op)))
	defer span.End()
	var runs []*decision
	result, err := f.store.Do(ctx, tenant, op, func(ctx context.Context, tx *commit.Tx) error {
		d := &decision{}
		runs = append(runs, d)
		return decide(ctx, tx, d)
	})
	if err != nil {
		if _, no := refusal.As(err); !no {
			span.RecordError(err)
		}
		return result, &decision{}, err
	}
	return result, committed(runs, result), nil
}

// committed finds the run whose outcome stands. After a time-out the script may have run and its answer been lost: then
// a later run meets the operation, and what was committed is an earlier one.
func committed(runs []*decision, result commit.Result) *decision {
	last := runs[len(runs)-1]
	if result.Changed || !result.Duplicate {
		return last
	}
	for _, d := range runs {
		if d.change != nil && d.revision == result.Revision {
			return d
		}
	}
	return &decision{contact: last.contact}
}

// command decides a command on one contact. came is when the signal came that it is; zero if it is none.
func (f *Flow) command(ctx context.Context, tenant, id, op string, cmd contact.Command, came time.Time) (commit.Result, *decision, error) {
	result, d, err := f.commit(ctx, tenant, op, func(ctx context.Context, tx *commit.Tx, d *decision) error {
		d.came = came
		return decide(ctx, tx, d, id, cmd)
	})
	if err == nil {
		f.tell(ctx, tenant, result, d)
	}
	return result, d, err
}

func decide(ctx context.Context, tx *commit.Tx, d *decision, id string, cmd contact.Command) (err error) {
	r := tx.Record(state.Contact(id))
	var queue *commit.Record
	if cmd.Verb == contact.CallOffered {
		queue = tx.Foreign(state.Provisioning, state.QueueEntry(cmd.Signal.Offered.GetQueueId()))
	}
	w := &workload{}
	w.ask(tx, cmd.Agent) // nearly always the one whose workload changes; others are known only from the contact
	if err := tx.Fetch(ctx); err != nil {
		return err
	}
	if d.contact, err = state.ReadContact(r); err != nil {
		return err
	}
	if w.record != nil {
		cmd.Workload = state.Revision(tx.Next(w.record))
	}
	at := atOf(tx, r, id)
	if queue != nil {
		if at.Queue, err = state.ReadQueue(queue); err != nil {
			return err
		}
	}
	if d.change, err = contact.Decide(d.contact, cmd, at); err != nil {
		return err
	}
	if d.change == nil {
		if cmd.Verb == contact.Expire {
			correctDeadline(tx, r, d.contact)
		}
		return nil
	}
	if d.contact == nil {
		tx.Grow()
	}
	d.revision = tx.Next(r)
	return keep(ctx, tx, d, r, w)
}

func atOf(tx *commit.Tx, r *commit.Record, id string) contact.At {
	return contact.At{Now: tx.Now(), ID: id, Revision: state.Revision(r.Revision), Next: state.Revision(tx.Next(r))}
}

// correctDeadline mends the index where it says that something is due which is not: a deadline is a hint too.
func correctDeadline(tx *commit.Tx, r *commit.Record, c *routingv1.Contact) {
	if c == nil {
		tx.Deadline(r, time.Time{})
		return
	}
	tx.Guard(r)
	tx.Deadline(r, contact.Due(c))
}

// workload is an agent's record, asked for as soon as the agent is known.
type workload struct {
	agent  string
	record *commit.Record
}

func (w *workload) ask(tx *commit.Tx, agent string) {
	if agent != "" {
		w.agent, w.record = agent, tx.Record(state.Workload(agent))
	}
}

// keep writes the change, and what its agent holds now.
func keep(ctx context.Context, tx *commit.Tx, d *decision, r *commit.Record, w *workload) error {
	if err := state.PutContact(tx, r, d.change); err != nil {
		return err
	}
	agent := d.change.Agent()
	if agent == "" {
		return nil
	}
	if w.agent != agent {
		w.ask(tx, agent)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
	}
	before, err := state.ReadWorkload(w.record)
	if err != nil {
		return err
	}
	return keepWorkload(tx, d, w.record, contact.Workload(before, d.change, tx.Now()))
}

func keepWorkload(tx *commit.Tx, d *decision, r *commit.Record, w *routingv1.Workload) error {
	encoded, err := state.PutWorkload(tx, r, w)
	d.workload = &push.Workload{
		Agent: w.AgentId, Revision: state.Revision(tx.Next(r)), Previous: state.Revision(r.Revision), Encoded: encoded, At: tx.Now(),
	}
	if !d.came.IsZero() {
		d.workload.Signal = tx.Now().Add(-time.Since(d.came))
	}
	return err
}

// tell tells the agent's screens and the switch what the commit means for them.
func (f *Flow) tell(ctx context.Context, tenant string, result commit.Result, d *decision) {
	if d.workload != nil {
		f.push.Workload(ctx, tenant, d.workload)
	}
	if d.change == nil {
		return
	}
	if wish := d.change.Wish(); wish != nil {
		f.tellWish(ctx, tenant, result, d.change.After)
	}
}

func (f *Flow) tellWish(ctx context.Context, tenant string, result commit.Result, c *routingv1.Contact) {
	send := sync.OnceFunc(func() { f.push.Wish(ctx, tenant, c.SwitchId, wishIn(result.Epoch, c)) })
	if c.Wanted.Kind != routingv1.Wanted_KIND_CONNECT {
		send()
		return
	}
	timer := time.AfterFunc(connectWaits, send)
	f.store.WhenDurable(tenant, result, func(err error) {
		switch {
		case err == nil:
			send()
		case errors.Is(err, commit.ErrVoid):
			timer.Stop() // what wanted it may count for nothing
		}
	})
}

// wishIn is a contact's wish as it is told in an epoch. Switches refuse what a lower epoch wants: a wish that came back from
// the log is told under the present one, with the number it has, so that a later wish is still newer.
func wishIn(epoch uint32, c *routingv1.Contact) *routingv1.SwitchCommand {
	w := proto.CloneOf(c.Wanted)
	w.Revision = &commonv1.Revision{Epoch: max(epoch, w.Revision.GetEpoch()), N: w.Revision.GetN()}
	return &routingv1.SwitchCommand{ContactId: c.Id, CallId: c.CallId, Wanted: w}
}

// follow does what a change of a contact makes necessary elsewhere: an agent who is free of it is looked at. The caller,
// who is in the contact's lane, seeks an agent for a contact that waits.
func (f *Flow) follow(ctx context.Context, tenant string, d *decision) {
	if d.change == nil {
		return
	}
	f.metrics.moved(d.change)
	if d.change.Frees() {
		f.LookAt(ctx, tenant, d.change.Agent())
	}
}

// waits reports whether the contact waits for an agent since this decision.
func (d *decision) waits() bool {
	return d.change != nil && !d.change.Forget && d.change.Kind != routingv1.ContactEvent_KIND_NOTED &&
		d.change.After.State == routingv1.ContactState_CONTACT_STATE_QUEUED
}

// operation makes the id of an operation that nobody asks for twice.
func operation(verb string) string { return verb + "/" + ulid.Make().String() }
