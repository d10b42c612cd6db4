//go:build stack

package rebuild

import (
	"crypto/rand"
	"os"
	"testing"
)

// compactedKafka is the Kafka that scripts/stack has started, with topics that nobody else has.
func compactedKafka(t *testing.T) string {
	t.Helper()
	kafka := os.Getenv("BUSYHOUR_KAFKA")
	if kafka == "" {
		t.Fatal("BUSYHOUR_KAFKA is not set: run scripts/stack up, then eval \"$(scripts/stack env)\"")
	}
	mine := "." + rand.Text()
	for _, name := range []*string{&events, &states, &epochs} {
		shared := *name
		*name += mine
		t.Cleanup(func() { *name = shared })
	}
	return kafka
}
