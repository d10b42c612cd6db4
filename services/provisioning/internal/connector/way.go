package connector

import (
	"context"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// way is how one kind of downstream is told.
type way interface {
	// tell makes one attempt and says what came of it.
	tell(ctx context.Context, change Change) said
	// look makes one attempt to see how an agent stands there; taken: it was seen, or seen not to be there.
	look(ctx context.Context, tenant string, agent *provisioningv1.Agent) (sight, said)
}

func wayTo(cfg Config, w *wire) way {
	if cfg.Kind == kindSCIM {
		return newSCIM(w)
	}
	return newPlain(cfg, w)
}
