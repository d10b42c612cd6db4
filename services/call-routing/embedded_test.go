//go:build !stack

package routing_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/embedded"
)

// kafka and stopNATS are this test's, for nobody else hangs on its servers.
var (
	kafka    *embedded.Kafka
	stopNATS func()
)

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
	stopNATS = nats.Stop
	s.tenant, s.kafka, s.nats, s.flush = "demo", kafka.Addr, nats.URL, server.Flush
	s.redis = redis.UniversalOptions{Addrs: []string{server.Addr}, MaxRetries: 1, ContextTimeoutEnabled: true}
}

func TestWishesComeWithoutPushes(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	s.hire("anna", "support")
	p := s.startPod("pod-1")
	s.set("anna", available)
	s.awaitReady(p, "support", 1)
	sw := p.connect("sbc-1", 1)
	sw.welcome()
	stopNATS()
	sw.say(callOffered("call-1", "support"))
	for {
		if w := sw.hear().GetWelcome(); len(w.GetCommands()) == 1 && w.Commands[0].Wanted.Kind == ring {
			break
		}
	}
	sw.acked()
}
