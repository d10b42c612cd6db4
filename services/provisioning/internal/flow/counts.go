package flow

import (
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// counts of a job's items, to be read when they are there.
type counts struct{ applied, failed, cancelled *int64 }

func askCounts(tx *commit.Tx, id string) *counts {
	return &counts{tx.Count(state.Applied(id)), tx.Count(state.Failed(id)), tx.Count(state.Cancelled(id))}
}

func (c *counts) read() job.Counts {
	return job.Counts{Applied: *c.applied, Failed: *c.failed, Cancelled: *c.cancelled}
}
