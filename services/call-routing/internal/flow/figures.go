package flow

import (
	"context"
	"math"
	"time"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/call-routing/internal/match"
	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

// maxQueues bounds how many queues of a tenant are shown and swept.
const maxQueues = 2000

// Figures are the live figures of all queues of a tenant.
type Figures struct {
	Queues   []*routingv1.QueueFigures
	At       time.Time
	Epoch    uint32
	Verified bool
}

// Figures reads the figures of all queues at one moment.
func (f *Flow) Figures(ctx context.Context, tenant string) (Figures, error) {
	var result Figures
	verified, err := f.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		queues := tx.ForeignFirst(state.Provisioning, state.Queues, maxQueues)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		rows := make([]*figuring, len(queues.List))
		for i, m := range queues.List {
			rows[i] = figure(tx, m.Name)
		}
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		if err := oldest(ctx, tx, rows); err != nil {
			return err
		}
		result = Figures{At: tx.Now(), Epoch: tx.Epoch()}
		for _, r := range rows {
			row, err := r.figures(tx.Now())
			if err != nil {
				return err
			}
			result.Queues = append(result.Queues, row)
		}
		return nil
	})
	result.Verified = verified
	return result, err
}

// figuring is one queue's row being read.
type figuring struct {
	id                                                        string
	entry                                                     *commit.Record
	waiting, ready, inHand                                    *int64
	calledTotal, answeredTotal, inTargetTotal, abandonedTotal *int64
	front                                                     *commit.Members
	since                                                     float64 // when the longest waiting was queued, ms; infinite if none waits
}

func figure(tx *commit.Tx, queue string) *figuring {
	return &figuring{
		id: queue, entry: tx.Foreign(state.Provisioning, state.QueueEntry(queue)),
		waiting: tx.Count(state.Waiting(queue)), ready: tx.Count(state.Ready(queue)), inHand: tx.Count(state.InHand(queue)),
		calledTotal: tx.Counter(state.CalledTotal(queue)), answeredTotal: tx.Counter(state.AnsweredTotal(queue)),
		inTargetTotal: tx.Counter(state.InTargetTotal(queue)), abandonedTotal: tx.Counter(state.AbandonedTotal(queue)),
		front: tx.First(state.Waiting(queue), 1), since: math.Inf(1),
	}
}

// oldest finds how long each queue's longest waiting has waited. The index is in the order of priority first, so it looks
// at the front of each priority that waits, one after another.
func oldest(ctx context.Context, tx *commit.Tx, rows []*figuring) error {
	for len(rows) > 0 {
		var left []*figuring
		for _, r := range rows {
			if len(r.front.List) == 0 {
				continue
			}
			queuedAt, next := match.PlaceOf(r.front.List[0].Score)
			r.since = min(r.since, float64(queuedAt.UnixMilli()))
			r.front = tx.After(state.Waiting(r.id), next, 0, 1)
			left = append(left, r)
		}
		if len(left) == 0 {
			return nil
		}
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		rows = left
	}
	return nil
}

func (r *figuring) figures(now time.Time) (*routingv1.QueueFigures, error) {
	q, err := state.ReadQueue(r.entry)
	if err != nil {
		return nil, err
	}
	row := &routingv1.QueueFigures{
		QueueId: r.id, Name: q.GetName(), Waiting: uint32(*r.waiting), Ready: uint32(*r.ready), InHand: uint32(*r.inHand),
		OfferedTotal: uint64(*r.calledTotal), AnsweredTotal: uint64(*r.answeredTotal),
		AbandonedTotal: uint64(*r.abandonedTotal), AnsweredInTargetTotal: uint64(*r.inTargetTotal),
	}
	if !math.IsInf(r.since, 1) {
		row.OldestWaitMs = uint64(max(0, float64(now.UnixMilli())-r.since))
	}
	return row, nil
}
