package routing

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestCoreStaysPure holds the deciding packages to what makes them testable as text and shared by the live path and the
// recovery: they import the standard library without its clocks, files and sockets, the contracts, and refusals.
func TestCoreStaysPure(t *testing.T) {
	const api, refusal, protobuf = "github.com/busyhour/busyhour/api/gen/", "github.com/busyhour/busyhour/pkg/refusal", "google.golang.org/protobuf/"
	banned := map[string]string{
		"os": "it touches the machine", "net": "it opens sockets", "sync": "a core has no goroutines", "context": "a core waits for nothing",
		"math/rand": "the same command must give the same answer", "math/rand/v2": "the same command must give the same answer",
	}
	for _, dir := range []string{"internal/contact", "internal/match", "internal/reap"} {
		files, _ := filepath.Glob(filepath.Join(dir, "*.go"))
		if len(files) == 0 {
			t.Fatalf("no files in %s", dir)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			if text, err := os.ReadFile(file); err != nil || strings.Contains(string(text), "time.Now(") {
				t.Errorf("%s reads a clock (%v): time comes with the command", file, err)
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range parsed.Imports {
				path, _ := strconv.Unquote(spec.Path.Value)
				switch standard := !strings.Contains(strings.Split(path, "/")[0], "."); {
				case standard && banned[path] != "":
					t.Errorf("%s imports %s: %s. Hand in what it knows as an argument", file, path, banned[path])
				case !standard && path != refusal && !strings.HasPrefix(path, api) && !strings.HasPrefix(path, protobuf):
					t.Errorf("%s imports %s: the deciding packages know only the contracts and refusals. Do it in internal/flow", file, path)
				}
			}
		}
	}
}
