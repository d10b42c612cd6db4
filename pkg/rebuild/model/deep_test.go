//go:build deep

package model

import (
	"flag"
	"testing"
)

var deepLimit = flag.Int("states", 30_000_000, "limit of states of each deep run, looked at level by level; 200 bytes of memory each")

// TestDeepRuns searches wider bounds as far as the limit of states: for nights. A run that is cut says only how far it
// was clean.
func TestDeepRuns(t *testing.T) {
	for _, r := range Runs("deep") {
		t.Run(r.Name, func(t *testing.T) {
			result := r.Search(*deepLimit)
			t.Logf("%d states, %d steps deep, all of them: %t", result.States, result.Depth, !result.Cut)
			result.Cut = false
			if err := judge(r, result); err != nil {
				t.Error(err)
			}
		})
	}
}
