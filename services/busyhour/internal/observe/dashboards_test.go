package observe

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

const boards = "../../../../charts/busyhour/dashboards"

func TestTheDashboardsAreWhatIsMade(t *testing.T) {
	made, err := Dashboards()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range made {
		path := filepath.Join(boards, name)
		if *update {
			if err := os.WriteFile(path, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		there, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(there, text) {
			t.Errorf("%s is not what the code makes (%v): run go test ./services/busyhour/internal/observe -update", name, err)
		}
	}
	there, err := filepath.Glob(filepath.Join(boards, "*.json"))
	if err != nil || len(there) != len(made) {
		t.Errorf("there are %d dashboards, and %d are made", len(there), len(made))
	}
}
