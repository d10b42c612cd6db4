package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/busyhour/busyhour/pkg/authority"
	"github.com/busyhour/busyhour/pkg/config"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/embedded"
	"github.com/busyhour/busyhour/pkg/identity"
	"github.com/busyhour/busyhour/pkg/identity/identitytest"
	"github.com/busyhour/busyhour/pkg/telemetry"
	"github.com/busyhour/busyhour/pkg/tlsfiles"
)

type toyConfig struct {
	Common
	Greeting string `key:"greeting" default:"hello" doc:"What to say."`
}

func (c *toyConfig) Defaults() { c.Listen = "127.0.0.1:0" }

// toy is a service that answers with its greeting.
type toy struct {
	cfg     toyConfig
	b       *Backends
	running chan struct{}
	unready atomic.Bool
}

func (s *toy) Mount(e *edge.Server) {
	e.Allow(nil, edge.Rule{Route: "/", Roles: []string{edge.Anyone}})
	e.Allow(nil, edge.Rule{Route: "/private", Roles: []string{"worker"}})
	e.Handle("/private", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, identity.From(r.Context()).Subject) }))
	e.Handle("/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, s.cfg.Greeting, " from ", s.b.Pod) }))
}

func (s *toy) Run(ctx context.Context) error {
	close(s.running)
	<-ctx.Done()
	// The parts behind have ended, the backends are still there.
	return s.b.Redis.Ping(context.WithoutCancel(ctx)).Err()
}

func (s *toy) Ready() error {
	if s.unready.Load() {
		return errors.New("tenant demo: not verified")
	}
	return nil
}

func (s *toy) Operations() http.Handler { return http.NotFoundHandler() }

// servers starts a Kafka, a Redis and a NATS and gives the flags that lead there.
func servers(t *testing.T) []string {
	t.Helper()
	k, err := embedded.StartKafka("", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return append(serversBut(t), "--kafka.brokers", k.Addr)
}

// serversBut is servers without Kafka.
func serversBut(t *testing.T) []string {
	t.Helper()
	withoutVariables(t)
	r, err := embedded.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	n, err := embedded.StartNATS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return []string{"--redis.addresses", r.Addr, "--nats.url", n.URL}
}

// withoutVariables drops our own: to the tests BUSYHOUR_REDIS_CLUSTER is a list of nodes, to a service a switch.
func withoutVariables(t *testing.T) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "BUSYHOUR_") {
			t.Setenv(name, "") // which also sets it back
			os.Unsetenv(name)
		}
	}
}

// free finds a port that nobody has.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// begun starts the toy's process with these arguments; run is what its binary does, with others.
func begun(t *testing.T, args []string) (svc *toy, run func(context.Context, []string) error, cancel context.CancelFunc, ended chan error) {
	svc = &toy{running: make(chan struct{})}
	run = Service("toy", func(_ context.Context, cfg toyConfig, b *Backends) (*toy, error) {
		svc.cfg, svc.b = cfg, b
		return svc, nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended = make(chan error, 1)
	go func() { ended <- run(ctx, args) }()
	return svc, run, cancel, ended
}

// runs waits until it does.
func (s *toy) runs(t *testing.T, ended <-chan error) {
	t.Helper()
	select {
	case <-s.running:
	case err := <-ended:
		t.Fatalf("it ended before it ran: %v", err)
	}
}

func TestAServiceFromFlagsToTheLastFarewell(t *testing.T) {
	listen, ops := free(t), free(t)
	args := append(servers(t), "--listen", listen, "--ops.listen", ops, "--pprof.listen", "127.0.0.1:0", "--pod=p1", "--greeting=good day", "--log.level=error")
	svc, run, cancel, ended := begun(t, args)
	svc.runs(t, ended)

	if got := get(t, "http://"+listen); got != "good day from p1" {
		t.Errorf("got %q", got)
	}
	health := func() error { return run(t.Context(), append([]string{"health"}, args...)) }
	if err := health(); err != nil {
		t.Error(err)
	}
	svc.unready.Store(true)
	if err := health(); err == nil || err.Error() != "not ready: tenant demo: not verified" {
		t.Errorf("unready: %v", err)
	}
	if got := get(t, "http://"+ops+"/metrics"); !strings.Contains(got, "go_goroutines") || !strings.Contains(got, "busyhour_edge_connections") {
		t.Error("metrics are missing")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := health(); err == nil {
		t.Error("it is still there")
	}
}

// All ports speak TLS and want a certificate; an orchestrator has none, and asks for /readyz only.
func TestAServiceOverTLS(t *testing.T) {
	dir, listen, ops := t.TempDir(), free(t), free(t)
	ca, cert, key := certificates(t, dir, "toy.example")
	args := append(servers(t), "--listen", listen, "--ops.listen", ops, "--ops.tls", "--log.level=error",
		"--tls.cert", cert, "--tls.key", key, "--tls.client-ca", ca)
	svc, run, cancel, ended := begun(t, args)
	svc.runs(t, ended)
	health := append([]string{"health"}, args...)
	if err := run(t.Context(), health); err != nil {
		t.Error(err)
	}
	_, otherCert, otherKey := certificates(t, t.TempDir(), "toy.example")
	if err := run(t.Context(), append(health, "--tls.cert", otherCert, "--tls.key", otherKey)); err == nil {
		t.Error("another process was taken for this one")
	}
	ask := func(f tlsfiles.Files, address, path string) (int, error) {
		c, err := tlsfiles.NewClient(f, "toy.example")
		if err != nil {
			t.Fatal(err)
		}
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+path, nil)
		res, err := c.Secure(&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
		if err != nil {
			return 0, err
		}
		res.Body.Close()
		return res.StatusCode, nil
	}
	known, nameless := tlsfiles.Files{CA: ca, Cert: cert, Key: key}, tlsfiles.Files{CA: ca}
	for _, c := range []struct {
		who           tlsfiles.Files
		address, path string
		want          int
	}{
		{known, listen, "/", 200},
		{nameless, listen, "/", 0},
		{known, ops, "/metrics", 200},
		{nameless, ops, "/metrics", 401},
		{nameless, ops, "/statusz", 401},
		{nameless, ops, "/readyz", 200},
		{nameless, ops, "/healthz", 200},
	} {
		if got, err := ask(c.who, c.address, c.path); got != c.want {
			t.Errorf("%+v: %d, %v", c, got, err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// certificates are those of a new authority.
func certificates(t *testing.T, dir string, hosts ...string) (ca, cert, key string) {
	t.Helper()
	a, err := authority.New("test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := a.Issue("toy", hosts...)
	if err != nil {
		t.Fatal(err)
	}
	ca, cert, key = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := errors.Join(pair.Write(cert, key), os.WriteFile(ca, a.PEM, 0o600)); err != nil {
		t.Fatal(err)
	}
	return ca, cert, key
}

// Kafka is away when the process starts: it stays, says so, and starts when Kafka is there.
func TestAProcessWaitsForKafkaAndSaysSo(t *testing.T) {
	kafka, err := embedded.StartKafka(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	kafka.Stop()
	ops := free(t)
	args := append(serversBut(t), "--ops.listen", ops, "--kafka.brokers", kafka.Addr, "--log.level=error")
	svc, run, cancel, ended := begun(t, args)
	why := func() string {
		err := run(t.Context(), append([]string{"health"}, args...))
		return fmt.Sprint(err)
	}
	for !strings.Contains(why(), "kafka at") {
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v", err)
		case <-time.After(time.Millisecond): // between two questions
		}
	}
	if err := kafka.Start(); err != nil {
		t.Fatal(err)
	}
	<-svc.running
	if got := why(); got != "<nil>" {
		t.Error(got)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return string(body)
}

func TestAServiceThatCannotBeBuiltClosesWhatWasOpened(t *testing.T) {
	args := append(servers(t), "--log.level=error")
	var kept *Backends
	run := Service("toy", func(_ context.Context, _ toyConfig, b *Backends) (*toy, error) {
		kept = b
		return nil, errors.New("no such downstream")
	})
	if err := run(t.Context(), args); err == nil || err.Error() != "toy: start: no such downstream" {
		t.Errorf("got %v", err)
	}
	if err := kept.Redis.Ping(t.Context()).Err(); err == nil {
		t.Error("redis is still open")
	}
}

func TestARedisThatDoesNotAnswerIsWaitedForUntilTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := Connect(ctx, "toy", Common{Redis: RedisConfig{Addresses: []string{free(t)}}, Log: telemetry.LogConfig{Level: "error", Format: "json"}, Pod: "p"})
	if err == nil || !strings.Contains(err.Error(), "redis at") {
		t.Errorf("got %v", err)
	}
}

func TestHelpAndConfigPrintEveryKey(t *testing.T) {
	run := Service("toy", func(context.Context, toyConfig, *Backends) (*toy, error) { panic("not asked for") })
	help := printed(t, func() {
		if err := run(t.Context(), []string{"--help"}); !errors.Is(err, config.ErrHelp) {
			t.Error(err)
		}
	})
	described := printed(t, func() {
		if err := run(t.Context(), []string{"config"}); err != nil {
			t.Error(err)
		}
	})
	for _, want := range []string{"greeting", "127.0.0.1:0", "Where to serve /healthz"} {
		if !strings.Contains(help, want) || !strings.Contains(described, want) {
			t.Errorf("%q is missing", want)
		}
	}
}

// printed is what f writes to standard output.
func printed(t *testing.T, f func()) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = file
	defer func() { os.Stdout = stdout }()
	f()
	file.Close()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAServiceAsksWhoCalls(t *testing.T) {
	provider := identitytest.New()
	t.Cleanup(provider.Close)
	listen := free(t)
	args := append(servers(t), "--listen", listen, "--ops.listen", free(t), "--log.level=error", "--auth.issuer", provider.URL, "--auth.audience", identitytest.Audience)
	svc, _, cancel, ended := begun(t, args)
	svc.runs(t, ended)
	as := func(token string) string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listen+"/private", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		if res.StatusCode != http.StatusOK {
			return res.Status
		}
		return string(body)
	}
	if got := as(""); got != "401 Unauthorized" {
		t.Errorf("nobody: %s", got)
	}
	token := provider.Token(identitytest.Claims{"sub": "u-1", "roles": "worker"})
	got := as(token)
	for ; strings.HasPrefix(got, "503"); got = as(token) { // until the issuer has answered
		<-time.After(time.Millisecond)
	}
	if got != "u-1" {
		t.Errorf("a worker: %s", got)
	}
	if got := as(provider.Token(identitytest.Claims{"roles": "guest"})); got != "403 Forbidden" {
		t.Errorf("a guest: %s", got)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAPortThatIsOpenToTheNetworkIsNotOpenToEverybody(t *testing.T) {
	guarded := identity.Config{Issuer: "https://login.example.com", Audience: "busyhour"}
	for _, c := range []struct {
		listen string
		auth   identity.Config
		starts bool
	}{
		{":8080", identity.Config{}, false}, {"0.0.0.0:8080", identity.Config{}, false}, {"10.0.0.7:8080", identity.Config{}, false},
		{"desk.example.com:8080", identity.Config{}, false},
		{"127.0.0.1:8080", identity.Config{}, true}, {"[::1]:0", identity.Config{}, true}, {"localhost:8080", identity.Config{}, true},
		{":8080", guarded, true}, {":8080", identity.Config{Anonymous: true}, true},
	} {
		err := (&Common{Listen: c.listen, Auth: c.auth}).closed()
		if (err == nil) != c.starts {
			t.Errorf("%s, %+v: %v", c.listen, c.auth, err)
		}
		if err != nil && !strings.Contains(err.Error(), "auth.anonymous=true") {
			t.Errorf("it does not say what to do: %v", err)
		}
	}
}
