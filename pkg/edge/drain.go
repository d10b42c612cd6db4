package edge

import (
	"context"

	"github.com/busyhour/busyhour/pkg/refusal"
)

type drainKey struct{}

// Draining is closed when the server has begun to stop. What never ends by itself, a stream or a WebSocket, waits on it
// and says goodbye: a stream by returning ErrDraining, a WebSocket with CloseRestart. Its request's context ends only
// when the time for that is up.
func Draining(ctx context.Context) <-chan struct{} {
	c, _ := ctx.Value(drainKey{}).(chan struct{})
	return c
}

// ErrDraining ends a stream on a server that stops.
func ErrDraining() error {
	return refusal.New(refusal.Unavailable, "DRAINING", "this server is stopping").To("connect again, another one answers")
}
