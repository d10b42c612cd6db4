//go:build stack

package eventlog_test

import (
	"os"
	"strings"
	"testing"

	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/eventlog/eventlogtest"
)

func TestPromisesOnKafka(t *testing.T) { eventlogtest.Run(t, stackConfig(t)) }

func stackConfig(t testing.TB) eventlog.Config {
	t.Helper()
	brokers := os.Getenv("BUSYHOUR_KAFKA")
	if brokers == "" {
		t.Fatal("BUSYHOUR_KAFKA is not set: run scripts/stack up, then eval \"$(scripts/stack env)\"")
	}
	return eventlog.Config{Brokers: strings.Split(brokers, ","), ClientID: "test"}
}

func BenchmarkOnKafka(b *testing.B) { benchmarks(b, stackConfig(b)) }
