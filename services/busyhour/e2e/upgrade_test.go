//go:build stack

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// firstRelease is the version before, as long as no version has a tag.
const firstRelease = "a877181"

// Under load every pod is put back to the version before, one after the other, and then forth again: old and new pods read
// each other's records and answer each other's calls, in both directions, and nothing is lost.
func TestOldAndNewPodsServeTogether(t *testing.T) {
	ctx := within(t, 8*time.Minute)
	old := buildBefore(t, ctx)
	t.Cleanup(func() { restart(t) })
	placed := make(chan struct{})
	rolled := make(chan error, 1)
	go func() {
		select {
		case <-placed: // people are provisioned, and calls flow
			rolled <- errors.Join(roll(t, ctx, old), roll(t, ctx, w.bin))
		case <-ctx.Done():
			rolled <- ctx.Err()
		}
	}()

	cfg := simulate.DefaultLoad()
	cfg.Targets, cfg.Tenant, cfg.Agents, cfg.Span, cfg.Switches, cfg.Queues = w.fleet.Targets(), w.tenant("upgrade"), 50, 80*time.Second, 2, 2
	cfg.BHCC = 20_000
	var once sync.Once
	cfg.Placed = func(*simulate.Call) { once.Do(func() { close(placed) }) }
	report, err := simulate.Run(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-rolled; err != nil {
		t.Fatal(err)
	}
	if !report.Clean() {
		var text bytes.Buffer
		report.Write(&text)
		t.Errorf("the audit has %d findings\n%s", report.Audit.Found, text.String())
	}
}

// roll replaces every process by the binaries in bin, as a rolling update does: one at a time, the next when it is ready.
func roll(t *testing.T, ctx context.Context, bin string) error {
	for _, p := range w.fleet.All() {
		if err := p.Stop(); err != nil {
			return err
		}
		if err := p.StartAs(filepath.Join(bin, p.Service)); err != nil {
			return err
		}
		if err := p.Ready(ctx); err != nil {
			return fmt.Errorf("%s of %s: %w", p.Name, bin, err)
		}
		t.Logf("%s runs %s", p.Name, filepath.Base(bin))
	}
	return nil
}

// restart leaves the other tests a fleet that runs, of this version, however the test ended.
func restart(t *testing.T) {
	if !t.Failed() {
		return
	}
	for _, p := range w.fleet.All() {
		if err := errors.Join(p.Kill(), p.Start(), p.Ready(context.Background())); err != nil {
			t.Error(err)
		}
	}
}

// buildBefore builds the services as they were in the version before.
func buildBefore(t *testing.T, ctx context.Context) (bin string) {
	t.Helper()
	dir := t.TempDir()
	source, bin := filepath.Join(dir, "source"), filepath.Join(dir, "before")
	must(t, os.MkdirAll(source, 0o755))
	ref := versionBefore(t, ctx)
	archive := filepath.Join(dir, "source.tar")
	command(t, ctx, w.root, "git", "archive", "-o", archive, ref)
	command(t, ctx, source, "tar", "-xf", archive)
	args := []string{"build", "-o", bin + "/"}
	for _, s := range []string{fleet.Routing, fleet.Presence, fleet.Provisioning} {
		args = append(args, "./services/"+s+"/cmd/"+s)
	}
	command(t, ctx, source, "go", args...)
	t.Logf("the version before is %s", ref)
	return bin
}

// versionBefore is the newest tag before this commit.
func versionBefore(t *testing.T, ctx context.Context) string {
	t.Helper()
	git := exec.CommandContext(ctx, "git", "describe", "--tags", "--abbrev=0", "--match=v*", "HEAD^")
	git.Dir = w.root
	if tag, err := git.Output(); err == nil {
		return strings.TrimSpace(string(tag))
	}
	check := exec.CommandContext(ctx, "git", "cat-file", "-e", firstRelease+"^{commit}")
	check.Dir = w.root
	if check.Run() != nil {
		t.Skipf("this clone has neither a tag v* nor commit %s: fetch the whole history to test an upgrade", firstRelease)
	}
	return firstRelease
}

func command(t *testing.T, ctx context.Context, dir, name string, args ...string) {
	t.Helper()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
