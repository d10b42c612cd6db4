package eventlog_test

import (
	"testing"

	"go.uber.org/goleak"
)

// Nothing of ours outlives its Close or its Run.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}
