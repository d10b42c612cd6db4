package connector

import "context"

// way is how one kind of downstream is told.
type way interface {
	// tell makes one attempt and says what came of it.
	tell(ctx context.Context, change Change) said
}

func wayTo(cfg Config, w *wire) way {
	if cfg.Kind == kindSCIM {
		return &scim{wire: w}
	}
	return newPlain(cfg, w)
}
