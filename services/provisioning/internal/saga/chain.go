package saga

import (
	"context"
	"slices"

	"github.com/busyhour/busyhour/services/provisioning/internal/connector"
)

// Downstream is one of those that are told of an agent.
type Downstream struct {
	// Name is what it has in steps, reasons and metrics.
	Name string
	// Compensate: it is told to put the agent back if another refuses.
	Compensate bool
	// Way to it.
	Way Way
}

// Way leads to a downstream; see connector.Connector.
type Way interface {
	// Send returns the downstream's last word. An error means that ctx ended before that.
	Send(ctx context.Context, c connector.Change) (connector.Answer, error)
	// Wait returns when calls may be made, or when ctx ends.
	Wait(ctx context.Context) error
}

// Chain is the downstreams in the order in which they are told of an agent. Of one that is to be gone they are told in
// reverse: who leans on another lets go first. An empty Chain has taken everything.
type Chain []Downstream

// Wait returns when calls may be made to the first, or when ctx ends. For the others an item waits in its step.
func (c Chain) Wait(ctx context.Context) error {
	if len(c) == 0 {
		return ctx.Err()
	}
	return c[0].Way.Wait(ctx)
}

// Compensates reports whether any of them ever puts an agent back, so that items have to remember how it stood before.
func (c Chain) Compensates() bool {
	return len(c) > 1 && slices.ContainsFunc(c, func(d Downstream) bool { return d.Compensate })
}

func (c Chain) order(deletion bool) Chain {
	if !deletion {
		return c
	}
	c = slices.Clone(c)
	slices.Reverse(c)
	return c
}
