package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/busyhour/busyhour/api/asyncapi"
)

func TestNothingChangedIsUnbroken(t *testing.T) {
	if broken, err := check("../..", "../.."); err != nil || len(broken) > 0 {
		t.Errorf("the contracts break themselves: %v %v", broken, err)
	}
}

func TestABrokenChangeIsNamed(t *testing.T) {
	older := string(asyncapi.Document)
	for name, c := range map[string]struct{ old, new, want string }{
		"partitions":   {"partitions: 12\n        topic: call-routing.contact-events.v1", "partitions: 6\n        topic: call-routing.contact-events.v1", "has 6 partitions, had 12"},
		"key":          {"x-key: contact id", "x-key: agent id", `the key is "agent id", was "contact id"`},
		"cleanup":      {"- compact", "- delete", "cleanup is [delete], was [compact]"},
		"retention":    {"retention.ms: 604800000", "retention.ms: 86400000", "is kept for 86400000 ms"},
		"type removed": {"      busyhour.routing.contact.held.v1:\n        $ref: '#/components/messages/busyhour.routing.contact.held.v1'\n", "", "carries no busyhour.routing.contact.held.v1 any more"},
		"topic gone":   {"  call-routing.contact-events.v1:\n", "  call-routing.contact-events.v2:\n", "channel call-routing.contact-events.v1 is gone"},
		"name":         {"address: call-routing.signals.v1", "address: signals", "has another name"},
		"payload":      {"x-dataschema: urn:busyhour:proto:busyhour.routing.v1.ContactEvent", "x-dataschema: urn:busyhour:proto:busyhour.routing.v1.Contact", "another payload is another type"},
		"close code":   {"- code: 4503", "- code: 4599", "close code 4503 is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			newer := strings.ReplaceAll(older, c.old, c.new)
			if newer == older {
				t.Fatalf("%q is not in the document", c.old)
			}
			if got := strings.Join(broken(t, older, newer), "\n"); !strings.Contains(got, c.want) {
				t.Errorf("said %q, want %q", got, c.want)
			}
		})
	}
}

func TestMoreIsUnbroken(t *testing.T) {
	older := string(asyncapi.Document)
	newer := strings.ReplaceAll(older, "partitions: 12", "partitions: 24")
	if got := broken(t, older, newer); len(got) > 0 {
		t.Errorf("more partitions: %v", got)
	}
}

func TestATypeMayGoAfterItsSunset(t *testing.T) {
	older := strings.Replace(string(asyncapi.Document), "x-since: \"0.1\"", "x-since: \"0.1\"\n      x-sunset: \"2020-01-01\"", 1)
	newer := strings.ReplaceAll(older, "      busyhour.routing.signal.v1:\n        $ref: '#/components/messages/busyhour.routing.signal.v1'\n", "")
	if got := broken(t, older, newer); newer == older || len(got) > 0 {
		t.Errorf("a type whose sunset is past: %v", got)
	}
}

func broken(t *testing.T, older, newer string) []string {
	t.Helper()
	was, err := parse([]byte(older))
	if err != nil {
		t.Fatal(err)
	}
	is, err := parse([]byte(newer))
	if err != nil {
		t.Fatal(err)
	}
	return compare(was, is, "2026-11-27")
}

// The protos are buf's to compare; this shows that it is asked to.
func TestARenumberedFieldIsNamed(t *testing.T) {
	if _, err := os.Stat("../../third_party/buf/validate/validate.proto"); err != nil {
		t.Skip("scripts/generate has not been run here: the imports of the protos are missing")
	}
	dir := t.TempDir()
	for _, part := range []string{"proto", "third_party", "buf.yaml"} {
		if out, err := exec.Command("cp", "-r", filepath.Join("../..", part), dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	file := filepath.Join(dir, "proto/busyhour/routing/v1/contact.proto")
	proto, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(proto), "string queue_id = 5;", "string queue_id = 55;", 1)
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("../../../scripts/buf", "breaking", dir, "--against", "../..").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "queue_id") {
		t.Errorf("buf said %v: %s", err, out)
	}
}
