package fleet

import (
	"maps"
	"os"
	"strings"
	"testing"
	"time"
)

func TestDottedKeysBecomeSections(t *testing.T) {
	got := nest(map[string]any{"listen": "a", "ops.listen": "b", "kafka.sasl.user": "c", "kafka.brokers": "d"})
	kafka := got["kafka"].(map[string]any)
	if got["listen"] != "a" || got["ops"].(map[string]any)["listen"] != "b" || kafka["brokers"] != "d" || kafka["sasl"].(map[string]any)["user"] != "c" {
		t.Errorf("%v", got)
	}
}

func TestSumsOfAMetricByLabel(t *testing.T) {
	text := `# HELP conflicts_total Tries.
conflicts_total{record="agent",service="a"} 2
conflicts_total{record="contact",service="a"} 3.5
conflicts_total{record="contact",service="b"} 1
conflicts_total_more{record="contact"} 100
plain 7
`
	if got, want := sums(text, "conflicts_total", "record"), map[string]float64{"agent": 2, "contact": 4.5}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := sums(text, "plain", ""); got[""] != 7 {
		t.Errorf("got %v, want 7", got)
	}
}

func TestCPUOfThisProcessRises(t *testing.T) {
	before, err := CPU(os.Getpid())
	if os.IsNotExist(err) {
		t.Skip("no /proc here")
	}
	for until := time.Now().Add(50 * time.Millisecond); time.Now().Before(until); {
	}
	after, err := CPU(os.Getpid())
	if err != nil || after <= before {
		t.Errorf("from %s to %s, %v", before, after, err)
	}
}

func TestServersThatAreNotSetAreNamed(t *testing.T) {
	for _, name := range []string{"BUSYHOUR_KAFKA", "BUSYHOUR_REDIS"} {
		t.Setenv(name, "")
	}
	t.Setenv("BUSYHOUR_NATS", "nats://127.0.0.1:4222")
	_, err := FromEnvironment()
	if err == nil || !strings.Contains(err.Error(), "BUSYHOUR_KAFKA") || strings.Contains(err.Error(), "BUSYHOUR_NATS") || !strings.Contains(err.Error(), "scripts/stack up") {
		t.Errorf("%v", err)
	}
	t.Setenv("BUSYHOUR_KAFKA", "a:1,b:2")
	t.Setenv("BUSYHOUR_REDIS", "c:3")
	if s, err := FromEnvironment(); err != nil || len(s.Kafka) != 2 || s.Redis[0] != "c:3" {
		t.Errorf("%+v, %v", s, err)
	}
}
