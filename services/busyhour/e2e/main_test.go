//go:build stack

package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/busyhour/busyhour/pkg/identity/identitytest"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
)

// tenants of the tests, behind the run's own prefix. One that is not here is not served.
var tenants = []string{"call", "waits", "declines", "lapses", "paths", "kill", "cut", "drain", "bulk", "bad", "page", "jobs", "load", "restart", "audit", "lost", "empty", "upgrade", "identity", "readers"}

// redisDB keeps us apart from whoever else uses the server: a test here empties it.
const redisDB = 9

// world is what all tests share.
type world struct {
	run     string // prefix of everything this run makes
	root    string // of the repository
	bin     string
	servers fleet.Servers
	fleet   *fleet.Fleet
	journal *journal
	// issuer's tokens are taken; whoever has none may do everything, as most tests do.
	issuer *identitytest.Provider
}

var w *world

func TestMain(m *testing.M) {
	code, err := testMain(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func testMain(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "busyhour-e2e-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	w = &world{run: "e2e-" + strings.ToLower(rand.Text()[:6]), bin: filepath.Join(dir, "bin")}
	if w.root, err = filepath.Abs("../../.."); err != nil {
		return 1, err
	}
	if w.servers, err = fleet.FromEnvironment(); err != nil {
		return 1, err
	}
	w.servers.RedisDB = redisDB
	if err := w.build(ctx); err != nil {
		return 1, err
	}
	if out, err := w.busyhour(ctx, "topics", "apply", "--replication-factor=1", "--kafka.brokers="+strings.Join(w.servers.Kafka, ",")); err != nil {
		return 1, fmt.Errorf("topics apply: %w\n%s", err, out)
	}
	w.issuer = identitytest.New()
	defer w.issuer.Close()
	auth := []string{"BUSYHOUR_AUTH_ISSUER=" + w.issuer.URL, "BUSYHOUR_AUTH_AUDIENCE=" + identitytest.Audience, "BUSYHOUR_AUTH_ANONYMOUS=true"}
	if w.fleet, err = fleet.New(fleet.Config{Bin: w.bin, Dir: filepath.Join(dir, "fleet"), Servers: w.servers, Tenants: w.tenants(), Copies: 2, Environment: auth}); err != nil {
		return 1, err
	}
	defer w.fleet.Kill()
	if err := w.fleet.Start(ctx); err != nil {
		return 1, err
	}
	if w.journal, err = openJournal(ctx, w); err != nil {
		return 1, err
	}
	code = m.Run()
	stopped := errors.Join(w.journal.close(), w.fleet.Stop())
	if code != 0 || stopped != nil {
		w.tails(os.Stderr, 40)
	}
	return code, stopped
}

// build the binaries, as the build script does but for the page, which it has built.
func (w *world) build(ctx context.Context) error {
	c := exec.CommandContext(ctx, "go", "build", "-o", w.bin+"/",
		"./services/call-routing/cmd/call-routing", "./services/agent-presence/cmd/agent-presence",
		"./services/provisioning/cmd/provisioning", "./services/busyhour/cmd/busyhour")
	c.Dir = w.root
	if err := os.MkdirAll(w.bin, 0o755); err != nil {
		return err
	}
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
}

// busyhour runs the command to its end.
func (w *world) busyhour(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, filepath.Join(w.bin, "busyhour"), args...).CombinedOutput()
	return string(out), err
}

func (w *world) tenant(name string) string { return w.run + "-" + name }

func (w *world) tenants() (all []string) {
	for _, name := range tenants {
		all = append(all, w.tenant(name))
	}
	return all
}

// tails prints the end of each process's log.
func (w *world) tails(to *os.File, lines int) {
	for _, p := range w.fleet.All() {
		fmt.Fprintf(to, "--- the end of the log of %s\n%s\n", p.Name, p.Tail(lines))
	}
}

// emptyRedis removes everything that Redis has of us.
func (w *world) emptyRedis(t *testing.T) {
	t.Helper()
	r := redis.NewClient(&redis.Options{Addr: w.servers.Redis[0], DB: w.servers.RedisDB})
	defer r.Close()
	if err := r.FlushDB(t.Context()).Err(); err != nil {
		t.Fatalf("empty Redis: %v", err)
	}
}

// within is the test's context, with a bound.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
