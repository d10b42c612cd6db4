package embedded

import (
	"fmt"
	"net"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// NATS is a NATS server in this process.
type NATS struct {
	// URL is where clients connect to; it stays the same over Stop and Start.
	URL string

	port   int
	server *server.Server
}

// StartNATS starts a server on a free loopback port.
func StartNATS() (*NATS, error) {
	n := &NATS{port: server.RANDOM_PORT}
	if err := n.Start(); err != nil {
		return nil, err
	}
	return n, nil
}

// Start starts a server that was stopped, on the same address.
func (n *NATS) Start() error {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: n.port, NoLog: true, NoSigs: true})
	if err != nil {
		return fmt.Errorf("start embedded NATS: %w", err)
	}
	go s.Start() // returns when it listens; ends with Shutdown
	if !s.ReadyForConnections(10 * time.Second) {
		s.Shutdown()
		return fmt.Errorf("start embedded NATS: port %d does not answer after 10 s", n.port)
	}
	n.server, n.URL = s, s.ClientURL()
	if n.port == server.RANDOM_PORT {
		n.port = portOf(s)
	}
	return nil
}

// Stop ends all connections and refuses new ones.
func (n *NATS) Stop() {
	n.server.Shutdown()
	n.server.WaitForShutdown()
}

// Close stops the server for good.
func (n *NATS) Close() { n.Stop() }

func portOf(s *server.Server) int { return s.Addr().(*net.TCPAddr).Port }
