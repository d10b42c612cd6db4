package connector

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	keys "github.com/busyhour/busyhour/pkg/config"
)

type loaded struct {
	Downstream Config `key:"downstream"`
}

func load(t *testing.T, args ...string) Config {
	t.Helper()
	var l loaded
	if err := keys.Load("provisioning", &l, args); err != nil {
		t.Fatal(err)
	}
	return l.Downstream
}

func TestWhatIsNotSet(t *testing.T) {
	c := load(t, "--downstream.url=https://crm.example/{id}")
	if c.DeleteMethod != "DELETE" || c.ContentType != "application/json" || c.IdempotencyHeader != "Idempotency-Key" || strings.Join(c.Success, ",") != "200-299" || c.Rate != 0 {
		t.Errorf("loaded %+v", c)
	}
}

func TestNoIdempotencyHeaderIsWantedByFlagOrFile(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "c.yaml"), "downstream:\n  idempotency_header: ''\n  success: 200-299,409\n  rate: 2.5\n")
	for _, arg := range []string{"--downstream.idempotency_header=", "--config=" + file} {
		if c := load(t, "--downstream.url=https://crm.example/{id}", arg); c.IdempotencyHeader != "" {
			t.Errorf("%s: %q", arg, c.IdempotencyHeader)
		}
	}
	if c := load(t, "--config="+file); c.Rate != 2.5 || strings.Join(c.Success, " ") != "200-299 409" {
		t.Errorf("loaded %+v", c)
	}
}

func TestEveryKeyIsInTheREADME(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var usage strings.Builder
	if err := keys.Usage(&usage, "provisioning", &loaded{}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(usage.String()) {
		key, isKey := strings.CutPrefix(strings.TrimSpace(line), "--")
		key, _, _ = strings.Cut(key, " ")
		last := key[strings.LastIndexByte(key, '.')+1:]
		if isKey && !strings.Contains(string(text), "| `"+key+"`") && !strings.Contains(string(text), ", `."+last+"` |") {
			t.Errorf("%s is in none of its tables", key)
		}
	}
}
