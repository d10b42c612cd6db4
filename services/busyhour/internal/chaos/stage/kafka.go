package stage

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
)

// kafka is one broker that is its own controller. It advertises its door. Its data outlive a kill -9, for what was
// acknowledged is in the system's page cache; a power cut with one broker is not promised anything.
func (s *Stage) newKafka(ctx context.Context) error {
	k, err := s.server("kafka")
	if err != nil {
		return err
	}
	controller, err := fleet.FreeAddress()
	if err != nil {
		return err
	}
	properties := filepath.Join(k.Dir, "kafka.properties")
	text := fmt.Sprintf(`process.roles=broker,controller
node.id=1
controller.quorum.voters=1@%[2]s
listeners=PLAINTEXT://%[1]s,CONTROLLER://%[2]s
advertised.listeners=PLAINTEXT://%[3]s
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=%[4]s/data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
`, k.Real, controller, k.Door, k.Dir)
	if err := os.WriteFile(properties, []byte(text), 0o600); err != nil {
		return err
	}
	jars := filepath.Join(s.cfg.KafkaLibs, "*")
	format := exec.CommandContext(ctx, "java", "-cp", jars, "kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", properties)
	if out, err := format.CombinedOutput(); err != nil {
		return fmt.Errorf("format Kafka's storage: %w\n%s", err, out)
	}
	k.argv = []string{
		"java", "-Xms256m", "-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true",
		"-Dlog4j2.configurationFile=" + s.cfg.KafkaLog, "-cp", jars, "kafka.Kafka", properties,
	}
	k.answers = func(ctx context.Context, address string) error {
		return asked(ctx, address, "\x00\x00\x00\x0f\x00\x12\x00\x00\x00\x00\x00\x01\x00\x05stage", "\x00")
	}
	s.Kafka = k
	return nil
}

// newNATS is one server; what it forgets when it dies was never promised.
func (s *Stage) newNATS(context.Context) error {
	n, err := s.server("nats")
	if err != nil {
		return err
	}
	n.argv = []string{"nats-server", "--addr", "127.0.0.1", "--port", port(n.Real)}
	n.answers = func(ctx context.Context, address string) error { return asked(ctx, address, "", "INFO") }
	s.NATS = n
	return nil
}
