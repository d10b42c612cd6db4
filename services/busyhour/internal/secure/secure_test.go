//go:build stack

package secure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/fanout"
	"github.com/busyhour/busyhour/pkg/tlsfiles"
	"github.com/busyhour/busyhour/services/busyhour/internal/access"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// The whole of it once: the servers let nobody in but the users of package access, and with their rights a call goes through,
// a bulk job is applied, and a Redis that has lost everything is built anew.
func TestEverythingRunsOverTLSWithTheRightsThatAreListed(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	s := &stage{t: t, dir: t.TempDir()}
	var err error
	s.root, err = filepath.Abs("../../../..")
	s.must(err)
	s.ours, s.theirs = s.certify("ours"), s.certify("theirs")
	s.build(ctx)
	s.startRedis()
	s.startNATS()
	s.startKafka(ctx, access.Topics, fleet.Routing, fleet.Presence, fleet.Provisioning)

	s.busyhour(ctx, s.asKafka("plain", "admin"), "access", "kafka", "--apply")
	s.busyhour(ctx, s.asKafka("scram-sha-512", access.Topics), "topics", "apply", "--replication-factor=1")
	f, err := fleet.New(fleet.Config{
		Bin: s.path("bin"), Dir: s.path("fleet"), Tenants: []string{"acme"}, Copies: 1, TLS: s.ours, Set: s.keys(),
		Servers: fleet.Servers{Kafka: []string{s.kafka}, Redis: []string{s.redis}, NATS: "tls://" + s.nats},
	})
	s.must(err)
	defer f.Kill()
	s.must(f.Start(ctx))
	defer func() {
		for _, p := range f.All() {
			if t.Failed() {
				t.Logf("the end of the log of %s\n%s", p.Name, p.Tail(30))
			}
		}
	}()

	t.Run("calls go through", func(t *testing.T) { calls(ctx, t, f) })
	t.Run("a bulk job is applied", func(t *testing.T) { s.imports(ctx, t, f) })
	t.Run("an empty Redis is built anew", func(t *testing.T) {
		admin := s.client("admin", s.ours)
		defer admin.Close()
		if err := admin.FlushAll(ctx).Err(); err != nil {
			t.Fatal(err)
		}
		for _, p := range f.All() {
			if err := p.Ready(ctx); err != nil {
				t.Fatal(err)
			}
		}
		calls(ctx, t, f)
	})
	t.Run("strangers are refused", s.strangers)
	t.Run("a service has its own rights only", s.strayers)
	s.must(f.Stop())
	for _, p := range f.All() {
		for _, no := range []string{"NOPERM", "ermissions Violation", "not authorized", "AUTHORIZATION_FAILED"} {
			if log, err := os.ReadFile(p.Log); err != nil || bytes.Contains(log, []byte(no)) {
				t.Errorf("%s was refused something: its log has %q, %v", p.Name, no, err)
			}
		}
	}
}

func (s *stage) build(ctx context.Context) {
	s.must(os.MkdirAll(s.path("bin"), 0o755))
	c := exec.CommandContext(ctx, "go", "build", "-o", s.path("bin")+"/",
		"./services/call-routing/cmd/call-routing", "./services/agent-presence/cmd/agent-presence",
		"./services/provisioning/cmd/provisioning", "./services/busyhour/cmd/busyhour")
	c.Dir = s.root
	out, err := c.CombinedOutput()
	s.must(wrong(err, out))
}

// busyhour runs a command to its end, which must be a good one.
func (s *stage) busyhour(ctx context.Context, environment []string, args ...string) {
	s.t.Helper()
	c := exec.CommandContext(ctx, s.path("bin/busyhour"), args...)
	c.Env = append(os.Environ(), environment...)
	if out, err := c.CombinedOutput(); err != nil {
		s.t.Fatalf("busyhour %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// asKafka is the environment of a user of Kafka; the password is mounted.
func (s *stage) asKafka(mechanism, user string) []string {
	file := s.path(user + ".password")
	s.must(os.WriteFile(file, []byte(password(user)+"\n"), 0o600))
	return []string{
		"BUSYHOUR_KAFKA_BROKERS=" + s.kafka, "BUSYHOUR_KAFKA_TLS_ENABLED=true", "BUSYHOUR_KAFKA_TLS_CA=" + s.ours.CA,
		"BUSYHOUR_KAFKA_SASL_MECHANISM=" + mechanism, "BUSYHOUR_KAFKA_SASL_USERNAME=" + user, "BUSYHOUR_KAFKA_SASL_PASSWORD_FILE=" + file,
	}
}

// keys of each service: who it is everywhere.
func (s *stage) keys() map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, v := range access.Services() {
		keys := map[string]any{
			"tls.cert": s.ours.Cert, "tls.key": s.ours.Key, "tls.client-ca": s.ours.CA, "ops.tls": true,
			"kafka.tls.enabled": true, "kafka.tls.ca": s.ours.CA, "kafka.sasl.mechanism": "scram-sha-512",
			"kafka.sasl.username": v.Name, "kafka.sasl.password": password(v.Name),
			"redis.tls.enabled": true, "redis.username": v.Name, "redis.password": password(v.Name),
			"nats.username": v.Name, "nats.password": password(v.Name),
		}
		for _, at := range []string{"peers.tls", "redis.tls", "nats.tls"} {
			keys[at+".ca"], keys[at+".cert"], keys[at+".key"] = s.ours.CA, s.ours.Cert, s.ours.Key
		}
		all[v.Name] = keys
	}
	return all
}

// calls come in, reach a card, are answered and end; the audit finds nothing.
func calls(ctx context.Context, t *testing.T, f *fleet.Fleet) {
	cfg := simulate.DefaultLoad()
	cfg.Targets, cfg.Tenant, cfg.BHCC, cfg.Agents, cfg.Span, cfg.Switches = f.Targets(), "acme", 7200, 20, 8*time.Second, 1
	report, err := simulate.Run(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if report.Calls.Connected == 0 || !report.Clean() {
		var text bytes.Buffer
		report.Write(&text)
		t.Errorf("%s", text.String())
	}
}

func (s *stage) imports(ctx context.Context, t *testing.T, f *fleet.Fleet) {
	var csv strings.Builder
	csv.WriteString("id,name\n")
	for n := range 100 {
		fmt.Fprintf(&csv, "bulk-%d,Agent %d\n", n, n)
	}
	file := s.path("agents.csv")
	s.must(os.WriteFile(file, []byte(csv.String()), 0o600))
	c := exec.CommandContext(ctx, s.path("bin/busyhour"), "provision", "import", file, "--tenant=acme", "--url="+f.URLs(fleet.Provisioning)[0],
		"--ca="+s.ours.CA, "--cert="+s.ours.Cert, "--key="+s.ours.Key)
	if out, err := c.CombinedOutput(); err != nil { // it follows the job until every item is applied
		t.Errorf("%v\n%s", err, out)
	}
}

func (s *stage) client(user string, f tlsfiles.Files) *redis.Client {
	secure, err := tlsfiles.NewClient(f, "")
	s.must(err)
	o := &redis.Options{Addr: s.redis, Dialer: secure.DialContext, MaxRetries: -1, DialerRetries: 1}
	if user != "" {
		o.Username, o.Password = user, password(user)
	}
	return redis.NewClient(o)
}

func (s *stage) asService(user string, f tlsfiles.Files) eventlog.Config {
	secure, err := tlsfiles.NewClient(f, "")
	s.must(err)
	cfg := eventlog.Config{Brokers: []string{s.kafka}, TLS: secure}
	if user != "" {
		cfg.SASL = eventlog.SASL{Mechanism: eventlog.SCRAM512, Username: user, Password: password(user)}
	}
	return cfg
}

// strangers have another authority, or no password.
func (s *stage) strangers(t *testing.T) {
	for name, r := range map[string]*redis.Client{"no password": s.client("", s.ours), "another authority": s.client(fleet.Routing, s.theirs), "no certificate": s.client(fleet.Routing, tlsfiles.Files{CA: s.ours.CA})} {
		if err := r.Ping(t.Context()).Err(); err == nil {
			t.Errorf("redis: %s is let in", name)
		}
		r.Close()
	}
	for name, cfg := range map[string]eventlog.Config{"no password": s.asService("", s.ours), "another authority": s.asService(fleet.Routing, s.theirs), "nobody": s.asService("nobody", s.ours)} {
		if err := eventlog.Reachable(cfg); err == nil {
			t.Errorf("kafka: %s is let in", name)
		}
	}
	theirs, err := tlsfiles.NewClient(s.theirs, "")
	s.must(err)
	ours, err := tlsfiles.NewClient(s.ours, "")
	s.must(err)
	for name, cfg := range map[string]fanout.Config{"no password": {TLS: ours}, "another authority": {TLS: theirs, Username: fleet.Routing, Password: password(fleet.Routing)}} {
		cfg.URL = "tls://" + s.nats
		c, err := fanout.Dial(cfg)
		if err == nil && c.Connected() {
			t.Errorf("nats: %s is let in", name)
		}
		if err == nil {
			c.Close()
		}
	}
}

// strayers are services that want what is another's.
func (s *stage) strayers(t *testing.T) {
	ctx := t.Context()
	r := s.client(fleet.Routing, s.ours)
	defer r.Close()
	foreign := "{acme}:agent-presence:1:agent:ann"
	for what, err := range map[string]error{
		"writes another's record":            r.HSet(ctx, foreign, "r", 1).Err(),
		"deletes another's record":           r.Del(ctx, foreign).Err(),
		"unlinks another's record":           r.Unlink(ctx, foreign).Err(),
		"writes another's mark":              r.HSet(ctx, "{acme}:provisioning:mark", "open", 0).Err(),
		"empties the server":                 r.FlushAll(ctx).Err(),
		"reconfigures the server":            r.ConfigSet(ctx, "maxmemory-policy", "allkeys-lru").Err(),
		"writes another's record, by script": script(ctx, r, "return redis.call('HSET', KEYS[1], 'r', '1')", foreign),
	} {
		if err == nil || !strings.Contains(err.Error(), "NOPERM") && !strings.Contains(err.Error(), "can't access") {
			t.Errorf("redis: call-routing %s: %v", what, err)
		}
	}
	if err := r.HMGet(ctx, foreign, "r").Err(); err != nil {
		t.Errorf("redis: call-routing can't read by what it guards: %v", err)
	}
	if err := r.HGet(ctx, "{acme}:switchboard:1:x", "r").Err(); err == nil || errors.Is(err, redis.Nil) {
		t.Error("redis: call-routing reads what is nobody's")
	}
	p, err := eventlog.NewProducer(s.asService(fleet.Routing, s.ours))
	s.must(err)
	defer p.Close()
	done := make(chan error, 1)
	p.Produce(eventlog.Message{Topic: topics.Requests, Key: []byte("x"), Value: []byte("x")}, func(err error) { done <- err })
	if err := <-done; err == nil {
		t.Error("kafka: call-routing writes to a topic of provisioning")
	}
}

// script is loaded and run by its hash, as the services do.
func script(ctx context.Context, r *redis.Client, text string, keys ...string) error {
	sha, err := r.ScriptLoad(ctx, text).Result()
	if err != nil {
		return err
	}
	return r.EvalSha(ctx, sha, keys).Err()
}
