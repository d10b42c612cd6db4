package flow

import (
	"context"
	"math"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// Mark is a place in the list of jobs. New jobs come before it, so no page shifts.
type Mark struct {
	Created int64 // ms
	Skip    int   // jobs of that very time that come before it
}

// Jobs is a page of jobs, the newest first.
type Jobs struct {
	Jobs []*provisioningv1.Job
	// Next is where the next page begins; nil if there is none.
	Next *Mark
}

// ListJobs reads up to n jobs from a place on; nil: the newest.
func (f *Flow) ListJobs(ctx context.Context, tenant string, from *Mark, n int) (page Jobs, verified bool, err error) {
	verified, err = f.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		page = Jobs{}
		found := askJobs(tx, from, n+1)
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		list := found.List
		if len(list) > n {
			page.Next = markAt(list, n, from)
			list = list[:n]
		}
		page.Jobs, err = countedJobs(ctx, tx, list)
		return err
	})
	return page, verified, err
}

func askJobs(tx *commit.Tx, from *Mark, n int) *commit.Members {
	if from == nil {
		return tx.After(state.Jobs, math.Inf(-1), 0, n)
	}
	return tx.After(state.Jobs, -float64(from.Created), from.Skip, n)
}

// markAt is the place of the i-th member of a list that began at another place.
func markAt(list []commit.Member, i int, from *Mark) *Mark {
	m := &Mark{Created: int64(-list[i].Score)}
	for j := i - 1; j >= 0 && list[j].Score == list[i].Score; j-- {
		m.Skip++
	}
	if from != nil && m.Created == from.Created {
		m.Skip += from.Skip
	}
	return m
}

func countedJobs(ctx context.Context, tx *commit.Tx, list []commit.Member) ([]*provisioningv1.Job, error) {
	if len(list) == 0 {
		return nil, nil
	}
	records, ended := make([]*commit.Record, len(list)), make([]*counts, len(list))
	for i, m := range list {
		records[i], ended[i] = tx.Record(state.Job(m.Name)), askCounts(tx, m.Name)
	}
	if err := tx.Fetch(ctx); err != nil {
		return nil, err
	}
	var jobs []*provisioningv1.Job
	for i, r := range records {
		j, err := state.JobIn(r)
		if err != nil {
			return nil, err
		}
		if j != nil { // forgotten since the index was read
			jobs = append(jobs, job.Count(j, ended[i].read()))
		}
	}
	return jobs, nil
}
