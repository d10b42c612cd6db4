//go:build safeguards

package safeguards

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The page is TypeScript: its tests run in a copy of its folder. It needs the page's dependencies, which `npm ci` there
// or scripts/page installs.
const pageFolder = "services/agent-presence/web"

// withoutOnPage runs the page's directed test as it is, and then without the safeguard.
func (s *safeguard) withoutOnPage(t *testing.T, root string) {
	folder := filepath.Join(root, pageFolder)
	dir := t.TempDir()
	copyPage(t, folder, dir)
	if out, err := s.onPage(t, dir); err != nil {
		t.Fatalf("%s fails with the safeguard in place: %v\n%s", s.test, err, tail(out))
	}
	inside, err := filepath.Rel(pageFolder, s.file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, inside), []byte(s.changed(t, root)))
	out, err := s.onPage(t, dir)
	switch {
	case err == nil:
		t.Errorf("%s %q stays green without it (%s without %q): it protects nothing any more, or the test has gone soft", s.pkg, s.test, s.file, s.old)
	case !bytes.Contains(out, []byte("AssertionError")):
		t.Errorf("%s %q ended without a verdict: %v\n%s", s.pkg, s.test, err, tail(out))
	}
}

// onPage runs one test of one file. vitest fails too if no test has the name.
func (s *safeguard) onPage(t *testing.T, dir string) ([]byte, error) {
	cmd := exec.CommandContext(t.Context(), "npx", "vitest", "run", s.pkg, "--testNamePattern", s.test, "--reporter", "verbose")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return out, err
}

func copyPage(t *testing.T, folder, dir string) {
	if _, err := os.Stat(filepath.Join(folder, "node_modules")); err != nil {
		t.Fatalf("the page's dependencies are not there; run `npm ci` in %s: %v", pageFolder, err)
	}
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside := strings.TrimPrefix(strings.TrimPrefix(path, folder), "/")
		switch {
		case inside == "node_modules" && !e.IsDir(): // linked
			return nil
		case inside == "node_modules", inside == "dist":
			return fs.SkipDir
		case e.IsDir():
			return os.MkdirAll(filepath.Join(dir, inside), 0o755)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, inside), b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(folder, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
}
