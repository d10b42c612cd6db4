package eventlog_test

import (
	"testing"

	"github.com/busyhour/busyhour/pkg/embedded"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/eventlog/eventlogtest"
)

func TestPromisesOnTheEmbeddedBroker(t *testing.T) {
	eventlogtest.Run(t, embeddedConfig(t))
}

func embeddedConfig(t testing.TB) eventlog.Config {
	t.Helper()
	k, err := embedded.StartKafka("", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return eventlog.Config{Brokers: []string{k.Addr}, ClientID: "test"}
}
