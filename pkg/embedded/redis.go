package embedded

import (
	"fmt"

	"github.com/alicebob/miniredis/v2"
)

// Redis is a Redis server in this process. It persists nothing.
type Redis struct {
	// Addr is its host:port; it stays the same over Stop and Start.
	Addr string

	server *miniredis.Miniredis
}

// StartRedis starts a server on a free loopback port.
func StartRedis() (*Redis, error) {
	server := miniredis.NewMiniRedis()
	server.ClockTTL(true) // else a TTL never runs down
	if err := server.Start(); err != nil {
		return nil, fmt.Errorf("start embedded Redis: %w", err)
	}
	return &Redis{Addr: server.Addr(), server: server}, nil
}

// Flush removes everything, as FLUSHALL does.
func (r *Redis) Flush() { r.server.FlushAll() }

// Stop ends all connections and refuses new ones; the data stays.
func (r *Redis) Stop() { r.server.Close() }

// Start starts a server that was stopped, on the same address and with the data it had. A real Redis would have another
// replication id afterwards.
func (r *Redis) Start() error {
	if err := r.server.Restart(); err != nil {
		return fmt.Errorf("start embedded Redis again on %s: %w", r.Addr, err)
	}
	return nil
}

// Close stops the server for good.
func (r *Redis) Close() { r.server.Close() }
