package fanout

import (
	"context"
	"errors"
	"time"
)

// Server is the server that is connected.
type Server struct {
	Version    string
	MaxPayload int64
	// RoundTrip is how long it took to answer.
	RoundTrip time.Duration
}

// Server asks the server that is connected. ctx needs a deadline.
func (c *Conn) Server(ctx context.Context) (Server, error) {
	began := time.Now()
	if err := c.Flush(ctx); err != nil {
		return Server{}, errors.Join(err, c.nats.LastError())
	}
	return Server{Version: c.nats.ConnectedServerVersion(), MaxPayload: c.nats.MaxPayload(), RoundTrip: time.Since(began)}, nil
}

// Refused is why the server refused something of late, a subject that is not permitted, say; nil if it did not.
func (c *Conn) Refused() error { return c.nats.LastError() }
