package up

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/embedded"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/busyhour/internal/plan"
)

// servers are what the services stand on, in this process.
type servers struct {
	kafka *embedded.Kafka
	redis *embedded.Redis
	nats  *embedded.NATS
}

func startServers(data string, log *zap.Logger) (*servers, error) {
	dir := filepath.Join(data, "kafka")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	s := &servers{}
	var err error
	if s.kafka, err = embedded.StartKafka(dir, log.Sugar().Warnf); err != nil {
		return nil, err
	}
	if s.redis, err = embedded.StartRedis(); err != nil {
		s.close()
		return nil, err
	}
	if s.nats, err = embedded.StartNATS(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *servers) topics(ctx context.Context) error {
	cfg := eventlog.Config{Brokers: []string{s.kafka.Addr}, ClientID: "up"}
	return plan.Apply(ctx, io.Discard, cfg, topics.Plan(), 1)
}

func (s *servers) close() {
	if s.nats != nil {
		s.nats.Close()
	}
	if s.redis != nil {
		s.redis.Close()
	}
	s.kafka.Close()
}
