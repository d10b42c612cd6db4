package rules

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"go.yaml.in/yaml/v3"
)

const root = "../.."

// ruleFile is a rule file of Prometheus.
type ruleFile struct {
	Groups []struct {
		Name  string  `yaml:"name"`
		Rules []alert `yaml:"rules"`
	} `yaml:"groups"`
}

type alert struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         duration          `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// alerts are those of all files, by name.
func alerts(t *testing.T) map[string]alert {
	all := map[string]alert{}
	for _, path := range matching(t, "charts/busyhour/alerts/*.yaml") {
		var f ruleFile
		strict(t, path, &f)
		for _, g := range f.Groups {
			for _, a := range g.Rules {
				if _, twice := all[a.Alert]; twice {
					t.Errorf("%s: there are two %s", path, a.Alert)
				}
				all[a.Alert] = a
			}
		}
	}
	return all
}

// dashboard is as much of Grafana's model as is checked.
type dashboard struct {
	UID, Title, Description string
	Templating              struct{ List []variable }
	Panels                  []panel
}

type variable struct {
	Name, Type string
	Query      any
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               map[string]string
	GridPos                  struct{ H, W, X, Y int }
	FieldConfig              struct{ Defaults struct{ Unit string } }
	Targets                  []struct {
		Expr, LegendFormat string
		Datasource         map[string]string
	}
}

func dashboards(t *testing.T) map[string]dashboard {
	all := map[string]dashboard{}
	for _, path := range matching(t, "charts/busyhour/dashboards/*.json") {
		var d dashboard
		if err := json.Unmarshal(read(t, path), &d); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all[filepath.Base(path)] = d
	}
	return all
}

var listed = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([a-z]+) \\|")

// metrics are those that docs/metrics.md lists, with their types.
func metrics(t *testing.T) map[string]string {
	all := map[string]string{}
	for _, m := range listed.FindAllSubmatch(read(t, filepath.Join(root, "docs/metrics.md")), -1) {
		all[string(m[1])] = string(m[2])
	}
	if len(all) == 0 {
		t.Fatal("docs/metrics.md lists nothing")
	}
	return all
}

func matching(t *testing.T, pattern string) []string {
	paths, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil || len(paths) == 0 {
		t.Fatalf("nothing matches %s (%v)", pattern, err)
	}
	return paths
}

func read(t *testing.T, path string) []byte {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// strict reads YAML that has nothing unknown in it.
func strict(t *testing.T, path string, into any) {
	d := yaml.NewDecoder(bytes.NewReader(read(t, path)))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
