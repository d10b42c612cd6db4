package flow

import (
	"context"
	"math"
	"time"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
	"github.com/busyhour/busyhour/services/call-routing/internal/match"
	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

// How many of the ready are looked at in one go. The first nearly always has one who fits; the rest is for queues whose
// ready agents lack what the contact requires.
var readyPages = []int{8, 56, 192}

// How often a contact waits for siblings in this pod that are offering something to the agents it could have.
const seekTries = 4

// Seek looks for an agent for a contact that waits, in the contact's turn.
func (f *Flow) Seek(ctx context.Context, tenant, queue, id string) {
	f.lanes.Go(contactLane(tenant, id), func() time.Duration {
		f.seek(ctx, tenant, queue, id, time.Time{})
		return 0
	})
}

// seek is Seek for who is in the contact's lane. came is when the signal came that made the contact wait, if one did.
func (f *Flow) seek(ctx context.Context, tenant, queue, id string, came time.Time) {
	for range seekTries {
		s := &seeking{Flow: f, tenant: tenant, queue: queue, id: id, came: came, hold: hold{set: f.taken}}
		offered, err := s.once(ctx)
		switch {
		case err != nil:
			f.failed(tenant, "offer", id, err)
			return
		case offered && !came.IsZero():
			f.metrics.signalToOffer.Observe(time.Since(came).Seconds())
			return
		case offered || s.busy == nil:
			return
		}
		select {
		case <-s.busy:
		case <-ctx.Done():
			return
		}
	}
}

// seeking is one attempt to find an agent for a contact.
type seeking struct {
	*Flow
	hold
	tenant, queue, id string
	came              time.Time

	tries int
	busy  <-chan struct{} // closed when a sibling lets go of an agent whom the contact could have had
}

func (s *seeking) once(ctx context.Context) (offered bool, err error) {
	defer s.release()
	result, d, err := s.commit(ctx, s.tenant, operation("offer"), s.decide)
	s.metrics.matchTries.Observe(float64(s.tries))
	if err != nil || d.change == nil {
		return false, err
	}
	s.tell(ctx, s.tenant, result, d)
	s.follow(ctx, s.tenant, d)
	return true, nil
}

func (s *seeking) decide(ctx context.Context, tx *commit.Tx, d *decision) error {
	s.tries++
	d.came = s.came
	s.release()
	s.busy = nil
	r := tx.Record(state.Contact(s.id))
	q := tx.Foreign(state.Provisioning, state.QueueEntry(s.queue))
	ready := tx.First(state.Ready(s.queue), readyPages[0])
	if err := tx.Fetch(ctx); err != nil {
		return err
	}
	c, err := state.ReadContact(r)
	if err != nil || c.GetState() != routingv1.ContactState_CONTACT_STATE_QUEUED || c.QueueId != s.queue {
		return err
	}
	queue, err := state.ReadQueue(q)
	if err != nil || queue == nil {
		return err
	}
	d.contact = c
	chosen, decision, err := s.choose(ctx, tx, match.Waiting{Contact: c, Queue: queue}, ready)
	if err != nil || chosen == nil {
		return err
	}
	d.revision = tx.Next(r)
	return offer(ctx, tx, d, r, q, chosen, decision)
}

// choose goes through the ready, page by page, until one fits.
func (s *seeking) choose(ctx context.Context, tx *commit.Tx, w match.Waiting, ready *commit.Members) (*candidate, *routingv1.Decision, error) {
	var all []*candidate
	for page, size := range readyPages {
		if page > 0 {
			ready = tx.After(state.Ready(s.queue), math.Inf(-1), len(all), size)
			if err := tx.Fetch(ctx); err != nil {
				return nil, nil, err
			}
		}
		more, err := readCandidates(ctx, tx, ready.List)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, more...)
		if chosen, decision := s.pick(tx, w, all); chosen != nil {
			return chosen, decision, nil
		}
		if len(ready.List) < size {
			break
		}
	}
	return nil, nil, nil
}

// pick chooses among those whom no sibling is offering something, and takes the chosen one.
func (s *seeking) pick(tx *commit.Tx, w match.Waiting, all []*candidate) (*candidate, *routingv1.Decision) {
	for {
		plain := make([]match.Candidate, len(all))
		for i, c := range all {
			c.Taken = s.taken.busy(agentLane(s.tenant, c.ID)) != nil
			plain[i] = c.Candidate
		}
		i, decision := match.Agent(w, plain, tx.Now(), s.tries > 1)
		if i < 0 {
			s.waitFor(tx, w, plain)
			return nil, nil
		}
		if s.take(agentLane(s.tenant, all[i].ID)) {
			return all[i], decision
		}
	}
}

// waitFor finds somebody who would fit if a sibling were not offering them something.
func (s *seeking) waitFor(tx *commit.Tx, w match.Waiting, all []match.Candidate) {
	for _, c := range all {
		if match.Unfit(w, c, tx.Now()) == match.Taken {
			s.busy = s.taken.busy(agentLane(s.tenant, c.ID))
			return
		}
	}
}

// offer puts the contact and the agent together, guarded by all that says that they fit.
func offer(ctx context.Context, tx *commit.Tx, d *decision, r, queue *commit.Record, c *candidate, why *routingv1.Decision) (err error) {
	cmd := contact.Command{Verb: contact.Offer, Agent: c.ID, Workload: state.Revision(tx.Next(c.workload)), Decision: why}
	if d.change, err = contact.Decide(d.contact, cmd, atOf(tx, r, d.contact.Id)); err != nil {
		return err
	}
	tx.Guard(c.presence, c.agent, queue)
	if err := state.PutContact(tx, r, d.change); err != nil {
		return err
	}
	before := c.Workload
	c.Workload = contact.Workload(before, d.change, tx.Now())
	c.Workload.QueueIds = c.Agent.QueueIds
	if err := keepWorkload(tx, d, c.workload, c.Workload); err != nil {
		return err
	}
	return c.places(ctx, tx, before.GetQueueIds())
}
