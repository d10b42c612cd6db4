//go:build !stack

package provisioning_test

import (
	"github.com/redis/go-redis/v9"

	"github.com/busyhour/busyhour/pkg/embedded"
)

// kafka is this test's, for nobody else hangs on it.
var kafka *embedded.Kafka

// connect starts servers in this process.
func (s *stage) connect() {
	s.Helper()
	var err error
	if kafka, err = embedded.StartKafka(s.TempDir(), nil); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(kafka.Close)
	server, err := embedded.StartRedis()
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(server.Close)
	nats, err := embedded.StartNATS()
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(nats.Close)
	s.tenant, s.kafka, s.nats, s.flush = "demo", kafka.Addr, nats.URL, server.Flush
	s.redis = redis.UniversalOptions{Addrs: []string{server.Addr}, MaxRetries: 1, ContextTimeoutEnabled: true}
}
