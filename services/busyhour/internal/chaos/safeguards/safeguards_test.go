//go:build safeguards

package safeguards

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/busyhour/busyhour/pkg/rebuild/model"
)

// limit of one directed test; the slowest waits for a thing that does not come.
const limit = 45 * time.Second

// TestWithoutEachSafeguardItsTestFails takes them out one at a time.
func TestWithoutEachSafeguardItsTestFails(t *testing.T) {
	root := repository(t)
	sound := &sound{root: root, binaries: map[string]func() (string, error){}}
	for _, s := range safeguards {
		if !s.onThePage() {
			sound.add(t, s.pkg)
		}
	}
	for _, s := range safeguards {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if s.onThePage() {
				s.withoutOnPage(t, root)
				return
			}
			binary, err := sound.binaries[s.pkg]()
			if err != nil {
				t.Fatalf("%s does not compile as it is: %v", s.pkg, err)
			}
			if out, err := run(t.Context(), root, s, binary); err != nil {
				t.Fatalf("%s fails with the safeguard in place: %v\n%s", s.test, err, tail(out))
			}
			s.without(t, root)
		})
	}
}

// TestEveryBreakOfTheModelHasASafeguard: what the model shows to break without a clause must break here, too.
func TestEveryBreakOfTheModelHasASafeguard(t *testing.T) {
	named := map[string]bool{}
	for _, s := range safeguards {
		for _, run := range s.model {
			named[run] = true
		}
	}
	known := map[string]bool{}
	for _, family := range []string{"asis", "off"} {
		for _, run := range model.Runs(family) {
			known[run.Name] = true
			if run.Breaks != "" && !named[run.Name] {
				t.Errorf("%s breaks in the model, and the table has no safeguard for it", run.Name)
			}
		}
	}
	for run := range named {
		if !known[run] {
			t.Errorf("the table names %s, and the model has no such run", run)
		}
	}
}

// without compiles the package without the safeguard, and runs its test.
func (s *safeguard) without(t *testing.T, root string) {
	overlay := s.overlay(t, root)
	binary := filepath.Join(t.TempDir(), "test")
	if out, err := compile(t.Context(), root, s.pkg, binary, "-overlay="+overlay); err != nil {
		t.Fatalf("%s with %q instead of %q does not compile; write another text into the table: %v\n%s", s.file, s.new, s.old, err, tail(out))
	}
	out, err := run(t.Context(), root, *s, binary)
	switch {
	case err == nil:
		t.Errorf("%s %s stays green without it (%s without %q): it protects nothing any more, or the test has gone soft", s.pkg, s.test, s.file, s.old)
	case !bytes.Contains(out, []byte("--- FAIL: ")):
		t.Errorf("%s %s ended without a verdict: %v\n%s", s.pkg, s.test, err, tail(out))
	}
}

func (s *safeguard) onThePage() bool { return strings.HasPrefix(s.file, pageFolder) }

// changed is the file without the safeguard.
func (s *safeguard) changed(t *testing.T, root string) string {
	whole, err := os.ReadFile(filepath.Join(root, s.file))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(whole), s.old); n != 1 {
		t.Fatalf("%s has the text %q %d times, and must have it once: the safeguard was reworded, or is gone. Write into the table what stands there now", s.file, s.old, n)
	}
	return strings.Replace(string(whole), s.old, s.new, 1)
}

// overlay writes the changed file, and the list that has the go command take it.
func (s *safeguard) overlay(t *testing.T, root string) string {
	changed := filepath.Join(t.TempDir(), filepath.Base(s.file))
	write(t, changed, []byte(s.changed(t, root)))
	list, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, s.file): changed}})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(t.TempDir(), "overlay.json")
	write(t, overlay, list)
	return overlay
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// sound holds the test binaries of the code as it is.
type sound struct {
	root     string
	binaries map[string]func() (string, error)
}

func (s *sound) add(t *testing.T, pkg string) {
	if s.binaries[pkg] != nil {
		return
	}
	binary := filepath.Join(t.TempDir(), "sound")
	s.binaries[pkg] = sync.OnceValues(func() (string, error) {
		out, err := compile(context.Background(), s.root, pkg, binary)
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, tail(out))
		}
		return binary, err
	})
}

func compile(ctx context.Context, root, pkg, binary string, more ...string) ([]byte, error) {
	args := append([]string{"test", "-c", "-vet=off", "-ldflags=-s -w", "-o", binary}, more...)
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Dir = root
	return cmd.CombinedOutput()
}

// run runs the directed test. That no test has the name is an error too, and no verdict.
func run(ctx context.Context, root string, s safeguard, binary string) ([]byte, error) {
	pattern := "^" + strings.ReplaceAll(s.test, "/", "$/^") + "$"
	cmd := exec.CommandContext(ctx, binary, "-test.run", pattern, "-test.v", "-test.timeout", limit.String())
	cmd.Dir = filepath.Join(root, s.pkg)
	out, err := cmd.CombinedOutput()
	if err == nil && bytes.Contains(out, []byte("no tests to run")) {
		err = errors.New("no test has that name")
	}
	return out, err
}

func tail(out []byte) []byte {
	const enough = 2000
	return out[max(0, len(out)-enough):]
}

// repository is its root, where go.work is.
func repository(t *testing.T) string {
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOWORK").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(strings.TrimSpace(string(out)))
}
