//go:build stack

package secure

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/busyhour/busyhour/pkg/authority"
	"github.com/busyhour/busyhour/pkg/tlsfiles"
	"github.com/busyhour/busyhour/services/busyhour/internal/access"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
)

// stage is a directory with everything in it, and the servers.
type stage struct {
	t         *testing.T
	dir, root string
	kafka     string
	redis     string
	nats      string
	brokers   *fleet.Child
	// ours is trusted by everything here, theirs by nothing.
	ours, theirs tlsfiles.Files
}

func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// password of a user; they differ so that a mix-up shows.
func password(user string) string { return "pw-of-" + user }

// certify makes our authority with a certificate for loopback, and another one.
func (s *stage) certify(name string) tlsfiles.Files {
	a, err := authority.New(name, time.Hour)
	s.must(err)
	pair, err := a.Issue(name, "127.0.0.1", "localhost")
	s.must(err)
	f := tlsfiles.Files{CA: s.path(name + "-ca.pem"), Cert: s.path(name + ".pem"), Key: s.path(name + ".key")}
	s.must(pair.Write(f.Cert, f.Key))
	s.must(os.WriteFile(f.CA, a.PEM, 0o600))
	s.must(os.WriteFile(s.path(name+"-store.pem"), append(bytes.Clone(pair.Key), pair.Certificate...), 0o600))
	return f
}

func (s *stage) free() string {
	a, err := fleet.FreeAddress()
	s.must(err)
	return a
}

// launch starts a server and waits until it shakes hands, or only listens.
func (s *stage) launch(name, address string, argv, environment []string) *fleet.Child {
	c := &fleet.Child{Name: name, Log: s.path(name + ".log")}
	s.must(c.Launch(argv, append(os.Environ(), environment...)))
	s.t.Cleanup(func() { _ = c.Kill() })
	late := time.After(90 * time.Second)
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return c
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-late:
			s.t.Fatalf("%s does not answer: %v\n%s", name, err, c.Tail(20))
		}
		if c.PID() == 0 {
			s.t.Fatalf("%s ended at its start:\n%s", name, c.Tail(20))
		}
	}
}

const properties = `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@%[2]s
listeners=SASL_SSL://%[1]s,CONTROLLER://%[2]s
advertised.listeners=SASL_SSL://%[1]s
listener.security.protocol.map=SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=SASL_SSL
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="%[5]s" user_admin="%[5]s";
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location=%[3]s/ours-store.pem
ssl.truststore.type=PEM
ssl.truststore.location=%[3]s/ours-ca.pem
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin;User:ANONYMOUS
log.dirs=%[4]s
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
`

// startKafka is a broker that lets in by SASL over TLS, and its controller, whose own port only it knows.
func (s *stage) startKafka(ctx context.Context, users ...string) {
	get := exec.CommandContext(ctx, filepath.Join(s.root, "scripts", "stack"), "get")
	libs, err := get.Output()
	s.must(err)
	s.kafka = s.free()
	config := s.path("kafka.properties")
	s.must(os.WriteFile(config, fmt.Appendf(nil, properties, s.kafka, s.free(), s.dir, s.path("kafka"), password("admin")), 0o600))
	jars := strings.TrimSpace(string(libs)) + "/*"
	format := []string{"-cp", jars, "kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", config}
	for _, u := range users {
		format = append(format, "--add-scram", fmt.Sprintf("SCRAM-SHA-512=[name=%s,password=%s]", u, password(u)))
	}
	out, err := exec.CommandContext(ctx, "java", format...).CombinedOutput()
	s.must(wrong(err, out))
	log := "-Dlog4j2.configurationFile=" + filepath.Join(s.root, "scripts/stack.d/log4j2.yaml")
	s.brokers = s.launch("kafka", s.kafka, []string{"java", "-Xms256m", "-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", log, "-cp", jars, "kafka.Kafka", config}, nil)
}

func wrong(err error, out []byte) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w\n%s", err, out)
}

// startRedis has the users of package access, and one for this test.
func (s *stage) startRedis() {
	var users bytes.Buffer
	access.Redis(&users)
	text := users.String()
	for _, v := range access.Services() {
		text = strings.Replace(text, "user "+v.Name+" on", "user "+v.Name+" on >"+password(v.Name), 1)
	}
	text += "user admin on >" + password("admin") + " ~* &* +@all\n"
	s.must(os.WriteFile(s.path("users.acl"), []byte(text), 0o600))
	s.redis = s.free()
	_, port, _ := net.SplitHostPort(s.redis)
	s.launch("redis", s.redis, []string{
		"redis-server", "--bind", "127.0.0.1", "--port", "0", "--tls-port", port, "--save", "", "--aclfile", s.path("users.acl"),
		"--tls-cert-file", s.ours.Cert, "--tls-key-file", s.ours.Key, "--tls-ca-cert-file", s.ours.CA, "--maxmemory-policy", "noeviction",
	}, nil)
}

// startNATS has the permissions of package access.
func (s *stage) startNATS() {
	var users bytes.Buffer
	access.NATS(&users)
	s.nats = s.free()
	text := fmt.Sprintf("listen: %q\ntls { cert_file: %q, key_file: %q, ca_file: %q, verify: true }\n%s", s.nats, s.ours.Cert, s.ours.Key, s.ours.CA, users.String())
	s.must(os.WriteFile(s.path("nats.conf"), []byte(text), 0o600))
	var environment []string
	for _, v := range access.Services() {
		environment = append(environment, "NATS_"+strings.ToUpper(strings.ReplaceAll(v.Name, "-", "_"))+"="+password(v.Name))
	}
	s.launch("nats", s.nats, []string{"nats-server", "-c", s.path("nats.conf")}, environment)
}
