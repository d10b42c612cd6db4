//go:build !stack

package rebuild

import "testing"

func compactedKafka(t *testing.T) string { return embeddedKafka(t) }
