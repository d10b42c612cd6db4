package internal

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// The packages that decide may not reach for a clock, a socket or a log, so that the live path and the recovery can
// share them and a test of them is a table.
func TestDecidingPackagesArePure(t *testing.T) {
	const own = "github.com/busyhour/busyhour/"
	allowed := []string{
		own + "api/gen/", own + "pkg/refusal", own + "services/provisioning/internal/directory",
		"google.golang.org/protobuf/proto", "google.golang.org/protobuf/encoding/protojson", "buf.build/go/protovalidate",
		"google.golang.org/protobuf/types/known/",
	}
	banned := map[string]string{
		"net": "open connections in connector or work", "net/http": "open connections in connector or work",
		"os": "read files in cmd", "context": "there is nothing to wait for here", "sync": "there is nobody to share with here",
		"log": "return it, and let flow log it", "math/rand": "hand the number in", "math/rand/v2": "hand the number in",
	}
	for _, p := range listed(t, "./directory", "./job") {
		for _, imported := range p.Imports {
			if instead, no := banned[imported]; no {
				t.Errorf("%s imports %s: %s", p.ImportPath, imported, instead)
			}
			if strings.Contains(imported, ".") && !anyPrefix(imported, allowed) {
				t.Errorf("%s imports %s, but may import the standard library, api/gen and pkg/refusal only", p.ImportPath, imported)
			}
		}
	}
}

type listing struct {
	ImportPath string
	Imports    []string
}

func listed(t *testing.T, patterns ...string) (all []listing) {
	out, err := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports"}, patterns...)...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listing
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func anyPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
