package boot

import (
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/busyhour/busyhour/pkg/identity"
	"github.com/busyhour/busyhour/pkg/telemetry"
)

// Common is the configuration that all services share. A service embeds it in its own.
type Common struct {
	Listen  string        `key:"listen" default:":8080" doc:"Where to serve gRPC, JSON, WebSockets and pages."`
	Ops     string        `key:"ops.listen" default:":9090" doc:"Where to serve /healthz, /readyz and /metrics."`
	OpsTLS  bool          `key:"ops.tls" default:"false" doc:"Speak TLS there too, with tls.cert. With tls.client-ca all but /healthz and /readyz is for callers who have a certificate."`
	Pprof   string        `key:"pprof.listen" doc:"Where to serve profiles, for instance 127.0.0.1:6060; empty: nowhere. Keep it private."`
	Grace   time.Duration `key:"grace" default:"20s" doc:"How long a stopping process waits for requests in hand."`
	Pod     string        `key:"pod" doc:"Name of this process among its like; empty: the host's name."`
	Tenants []string      `key:"tenants" default:"demo" doc:"Tenants to serve."`

	TLS      ServerTLS             `key:"tls"`
	Peers    PeersConfig           `key:"peers"`
	Kafka    KafkaConfig           `key:"kafka"`
	Redis    RedisConfig           `key:"redis"`
	NATS     NATSConfig            `key:"nats"`
	Recovery RecoveryConfig        `key:"recovery"`
	Outbox   OutboxConfig          `key:"outbox"`
	Auth     identity.Config       `key:"auth"`
	Log      telemetry.LogConfig   `key:"log"`
	Trace    telemetry.TraceConfig `key:"trace"`
}

// RecoveryConfig says when a person has to look.
type RecoveryConfig struct {
	Limit int `key:"limit" default:"3" doc:"Recoveries of a tenant within ten minutes, after which it stays closed until a person has it rebuilt; 0: no limit."`
}

// OutboxConfig bounds what waits in Redis while Kafka is away.
type OutboxConfig struct {
	Limit int64 `key:"limit" default:"536870912" doc:"Bytes of events per tenant that may wait for Kafka in Redis; above it nothing new begins, and what lives has half as much again."`
}

// PeersConfig says how this process calls our other services.
type PeersConfig struct {
	TLS Certificates `key:"tls"`
	identity.OutgoingConfig
}

// common lets Service reach the Common within a service's own configuration.
func (c *Common) common() *Common { return c }

var plain = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}$`)

// Validate says everything that is wrong, at once.
func (c *Common) Validate() error {
	var problems []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	want(len(c.Tenants) > 0, "tenants: name at least one")
	for _, t := range c.Tenants {
		want(plain.MatchString(t), "tenants: %q has more than letters, digits, - and _, or more than 63 of them", t)
	}
	want(!c.OpsTLS || c.TLS.Cert != "", "ops.tls: it needs tls.cert")
	want(c.Recovery.Limit >= 0, "recovery.limit: %d is no number of recoveries; 0 is no limit", c.Recovery.Limit)
	want(c.Outbox.Limit > 0, "outbox.limit: %d bytes hold no event", c.Outbox.Limit)
	want(c.Grace > 0, "grace: %s is no time to wait", c.Grace)
	return errors.Join(problems...)
}

// Warnings are what is allowed and better avoided.
func (c *Common) Warnings() []string {
	return slices.Concat(c.Kafka.warnings(), c.Redis.warnings(), c.NATS.warnings())
}

// closed refuses a port that is open to the network while nobody is asked who they are.
func (c *Common) closed() error {
	if c.Auth.Guarded() || c.Auth.Anonymous || Loopback(c.Listen) {
		return nil
	}
	return fmt.Errorf("listen: %s is open to the network, and nobody would be asked who they are: "+
		"set auth.issuer and auth.audience (or auth.jwks), or listen on 127.0.0.1, or set auth.anonymous=true on a network that you trust", c.Listen)
}

// Loopback says whether an address to listen on, host:port, is for this machine alone.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// pod is the configured name, or the host's.
func (c *Common) pod() (string, error) {
	if c.Pod != "" {
		return c.Pod, nil
	}
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("pod: the host has no name, configure one: %w", err)
	}
	return name, nil
}
