package reconcile

import (
	"context"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/provisioning/internal/flow"
	"github.com/busyhour/busyhour/services/provisioning/internal/stream"
)

type items struct {
	store  *commit.Store
	stream *stream.Stream
	flow   *flow.Flow
}

// NewItems reads what is in the stream.
func NewItems(store *commit.Store, s *stream.Stream, f *flow.Flow) Items { return items{store, s, f} }

func (i items) Changing(ctx context.Context, tenant string) (map[string]bool, error) {
	epoch, _ := i.store.Verified(tenant)
	open, err := i.stream.Open(ctx, stream.Namespace{Tenant: tenant, Epoch: epoch})
	if err != nil {
		return nil, err
	}
	return i.flow.Changing(ctx, tenant, open)
}
