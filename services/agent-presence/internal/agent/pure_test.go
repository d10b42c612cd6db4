package agent

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The core is played by scenarios, by recovery and by tests in virtual time; that works only while it is pure.
func TestImportsArePure(t *testing.T) {
	files, _ := filepath.Glob("*.go")
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range parsed.Imports {
			if path, _ := strconv.Unquote(imp.Path.Value); !pure(path) {
				t.Errorf("%s imports %s: what needs it belongs to internal/flow or internal/state", file, path)
			}
		}
	}
}

func pure(path string) bool {
	for _, allowed := range []string{
		"github.com/busyhour/busyhour/api/gen/", "github.com/busyhour/busyhour/pkg/refusal", "google.golang.org/protobuf/",
	} {
		if strings.HasPrefix(path, allowed) {
			return true
		}
	}
	switch path {
	case "os", "net", "net/http", "context", "sync", "math/rand", "math/rand/v2":
		return false
	}
	return !strings.Contains(path, ".") // the standard library
}
