package embedded

import (
	"fmt"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// Redis is a Redis server in this process. It persists nothing.
type Redis struct {
	// Addr is its host:port; it stays the same over Stop and Start.
	Addr string

	server *miniredis.Miniredis
	closed chan struct{}
	close  sync.Once
}

// tick is how finely TTLs run down.
const tick = 250 * time.Millisecond

// StartRedis starts a server on a free loopback port.
func StartRedis() (*Redis, error) {
	server := miniredis.NewMiniRedis()
	if err := server.Start(); err != nil {
		return nil, fmt.Errorf("start embedded Redis: %w", err)
	}
	r := &Redis{Addr: server.Addr(), server: server, closed: make(chan struct{})}
	go r.age(time.Now())
	return r, nil
}

// age makes TTLs run down until Close. miniredis would do it by itself (ClockTTL), but by sorting all keys at every
// command, also of those within a script: 2 ms a command with 10,000 keys.
func (r *Redis) age(last time.Time) {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-r.closed:
			return
		case now := <-t.C:
			r.server.FastForward(now.Sub(last))
			last = now
		}
	}
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
func (r *Redis) Close() {
	r.close.Do(func() { close(r.closed) })
	r.server.Close()
}
