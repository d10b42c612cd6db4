//go:build model

package model

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/results.txt anew")

// TestEveryRun takes about a minute of one core, and up to 400 MB for each run that goes at once.
func TestEveryRun(t *testing.T) {
	runs := every()
	reports := make([]string, len(runs))
	t.Run("run", func(t *testing.T) {
		before := recorded(t)
		for i, r := range runs {
			t.Run(r.Name, func(t *testing.T) {
				t.Parallel()
				reports[i] = try(t, r)
				if !*update {
					same(t, r, reports[i], before[r.Name])
				}
			})
		}
	})
	if !*update {
		return
	}
	if slices.Contains(reports, "") {
		t.Fatal("-update writes what all runs gave: leave out -run, or name TestEveryRun alone")
	}
	if err := os.WriteFile(resultsFile, []byte(strings.Join(reports, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}
