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

func TestErrorsNameTheKeysOfTheRightDownstream(t *testing.T) {
	var l struct {
		First  Config `key:"downstream"`
		Second Config `key:"downstream2"`
	}
	err := keys.Load("provisioning", &l, []string{
		"--downstream.url=https://a.example/{id}", "--downstream2.url=https://b.example/{id}", "--downstream2.name=c r m",
		"--downstream2.attempts=0", "--downstream2.oauth2.client_id=us",
	})
	for _, want := range []string{"downstream2.name:", "downstream2.attempts:", "downstream2.oauth2.token_url:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), "downstream.") {
		t.Errorf("%v names the first, and that is well", err)
	}
	if l.First.Name != "downstream" {
		t.Errorf("the first is called %q", l.First.Name)
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
