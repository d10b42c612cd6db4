package rebuild

import (
	"context"
	"fmt"

	"github.com/busyhour/busyhour/pkg/commit"
)

// Discovery asks those who choose the primary (Sentinels, a Cluster's majority) whether the server that a tenant's
// commands go to is the one. Nil: it is, as far as they know.
type Discovery func(ctx context.Context, tenant string) error

// notPrimary says why this server must not be recovered: it would void the events of the one that is in office.
func (r *Recovery) notPrimary(ctx context.Context, tenant string, mark commit.Mark) string {
	if mark.Replica {
		return "this Redis is a replica; waiting for a primary"
	}
	if r.discovery == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if err := r.discovery(ctx, tenant); err != nil {
		return fmt.Sprintf("this Redis is not known as the primary: %v", err)
	}
	return ""
}
