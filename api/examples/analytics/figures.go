package main

import (
	"cmp"
	"slices"
	"sync"
	"time"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// cell is a queue in an interval, which begins at from.
type cell struct {
	tenant, queue string
	from          time.Time
}

// counts of the contacts that were queued in an interval.
type counts struct {
	Offered   int `json:"offered"`
	Answered  int `json:"answered"`
	InTarget  int `json:"in_target"`
	Abandoned int `json:"abandoned"`
}

func (c *counts) add(d counts, sign int) {
	c.Offered += sign * d.Offered
	c.Answered += sign * d.Answered
	c.InTarget += sign * d.InTarget
	c.Abandoned += sign * d.Abandoned
}

// figures counts contacts by what their latest event says of them, not by kinds of events: so it matters neither which events
// of a contact were seen nor in which pieces.
type figures struct {
	interval time.Duration

	mu      sync.Mutex
	cells   map[cell]*counts
	counted map[[2]string]contribution // by tenant and contact
}

// contribution is what a contact has brought into the counts.
type contribution struct {
	cell
	counts
}

func newFigures(interval time.Duration) *figures {
	return &figures{interval: interval, cells: map[cell]*counts{}, counted: map[[2]string]contribution{}}
}

// take puts a contact where it counts by now, in place of what it counted before.
func (f *figures) take(c *routingv1.Contact) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := [2]string{c.Tenant, c.Id}
	if before, ok := f.counted[id]; ok {
		f.at(before.cell).add(before.counts, -1)
	}
	now := contribution{cell{c.Tenant, c.QueueId, c.QueuedAt.AsTime().Truncate(f.interval)}, countsOf(c)}
	f.at(now.cell).add(now.counts, +1)
	f.counted[id] = now
}

func countsOf(c *routingv1.Contact) counts {
	n := counts{Offered: 1}
	if c.ConnectedAt != nil {
		n.Answered = 1
		target := time.Duration(c.Terms.GetServiceLevelTargetMs()) * time.Millisecond
		if c.ConnectedAt.AsTime().Sub(c.QueuedAt.AsTime()) <= target {
			n.InTarget = 1
		}
	}
	if c.State == routingv1.ContactState_CONTACT_STATE_ABANDONED {
		n.Abandoned = 1
	}
	return n
}

func (f *figures) at(c cell) *counts {
	n := f.cells[c]
	if n == nil {
		n = &counts{}
		f.cells[c] = n
	}
	return n
}

// row is what is told of a cell.
type row struct {
	Tenant string    `json:"tenant"`
	Queue  string    `json:"queue"`
	From   time.Time `json:"from"`
	counts
	// ServiceLevel is the share of the answered that were answered within the queue's target, as the page shows it;
	// Abandonment the share of the offered that were abandoned.
	ServiceLevel *float64 `json:"service_level,omitempty"`
	Abandonment  float64  `json:"abandonment"`
}

// rows are sorted by tenant, queue and time.
func (f *figures) rows() []row {
	f.mu.Lock()
	defer f.mu.Unlock()
	rows := make([]row, 0, len(f.cells))
	for at, n := range f.cells {
		if n.Offered == 0 {
			continue
		}
		r := row{Tenant: at.tenant, Queue: at.queue, From: at.from, counts: *n, Abandonment: float64(n.Abandoned) / float64(n.Offered)}
		if n.Answered > 0 {
			level := float64(n.InTarget) / float64(n.Answered)
			r.ServiceLevel = &level
		}
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Queue, b.Queue), a.From.Compare(b.From))
	})
	return rows
}
