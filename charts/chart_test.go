package charts

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write what is rendered to testdata, and the table of values to the README")

const chartDir = "busyhour"

// cases are the values files, by name.
func cases(t *testing.T) map[string]map[string]any {
	t.Helper()
	paths, err := filepath.Glob("testdata/values/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no values to render: %v", err)
	}
	found := map[string]map[string]any{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimSuffix(filepath.Base(path), ".yaml")] = values(t, string(text))
	}
	return found
}

func values(t *testing.T, text string) map[string]any {
	t.Helper()
	v := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// render gives what helm install would send, by template.
func render(v map[string]any) (map[string]string, error) {
	chart, err := loader.LoadDir(chartDir)
	if err != nil {
		return nil, err
	}
	release := common.ReleaseOptions{Name: "busyhour", Namespace: "calls", Revision: 1, IsInstall: true}
	top, err := util.ToRenderValues(chart, v, release, nil)
	if err != nil {
		return nil, err
	}
	return engine.Render(chart, top)
}

func TestManifests(t *testing.T) {
	for name, v := range cases(t) {
		t.Run(name, func(t *testing.T) {
			rendered, err := render(v)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata/manifests", name+".yaml"), together(rendered))
		})
	}
}

// together is all that is rendered, without empty lines.
func together(rendered map[string]string) []byte {
	var b bytes.Buffer
	for _, path := range slices.Sorted(maps.Keys(rendered)) {
		text := strings.TrimPrefix(strings.TrimSpace(rendered[path]), "---")
		if strings.TrimSpace(text) == "" || strings.HasSuffix(path, ".txt") {
			continue
		}
		fmt.Fprintf(&b, "---\n# %s\n", path)
		for line := range strings.Lines(text) {
			if line = strings.TrimRight(line, " \n"); line != "" {
				fmt.Fprintln(&b, line)
			}
		}
	}
	return b.Bytes()
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what is rendered; go test -update . and read the diff", path)
	}
}

func TestLintFindsNothing(t *testing.T) {
	for name, v := range cases(t) {
		for _, m := range lint.RunAll(chartDir, v, "calls").Messages {
			if m.Severity >= support.WarningSev {
				t.Errorf("%s: %s", name, m)
			}
		}
	}
}

func TestNotesSayHowToReachIt(t *testing.T) {
	for name, want := range map[string]string{
		"dev":     "whoever reaches it may do everything",
		"gateway": "https://desk.example.com",
		"secured": "https://127.0.0.1:8080",
	} {
		rendered, err := render(cases(t)[name])
		if err != nil {
			t.Fatal(err)
		}
		if notes := rendered["busyhour/templates/NOTES.txt"]; !strings.Contains(notes, want) {
			t.Errorf("%s: nothing of %q in\n%s", name, want, notes)
		}
	}
}
