package stage

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
)

// Server is Kafka, a Redis node, a Sentinel or NATS: a process of its own on data of its own, with a door before it that
// everybody goes through.
type Server struct {
	fleet.Child
	// Real is where it listens, Door where the others find it.
	Real, Door string
	// Dir has its data.
	Dir string

	argv    []string
	answers func(ctx context.Context, address string) error
}

// Start it, and wait until it answers.
func (s *Server) Start(ctx context.Context) error {
	if err := s.Launch(s.argv, os.Environ()); err != nil {
		return err
	}
	return s.Await(ctx)
}

// Await waits until it answers.
func (s *Server) Await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		why := s.answers(ctx, s.Real)
		switch {
		case why == nil:
			return nil
		case s.PID() == 0:
			return fmt.Errorf("%s ended at its start: %w\n%s", s.Name, why, s.Tail(10))
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w\n%s", s.Name, why, s.Tail(10))
		}
	}
}

// asked sends bytes and wants an answer that begins like that.
func asked(ctx context.Context, address, say, hear string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	deadline, _ := ctx.Deadline()
	_ = c.SetDeadline(deadline)
	if _, err := c.Write([]byte(say)); err != nil {
		return err
	}
	got := make([]byte, max(len(hear), 4))
	if _, err := bufio.NewReader(c).Read(got); err != nil {
		return err
	}
	if !strings.HasPrefix(string(got), hear) {
		return errors.New("it answers " + string(got))
	}
	return nil
}

func port(address string) string {
	_, p, _ := strings.Cut(address, ":")
	return p
}
