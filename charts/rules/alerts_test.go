package rules

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEveryAlertSaysWhatItMeansAndWhatToDo(t *testing.T) {
	runbook := string(read(t, filepath.Join(root, "docs/runbooks.md")))
	for name, a := range alerts(t) {
		if !strings.HasPrefix(name, "Busyhour") {
			t.Errorf("%s: alerts of ours begin with Busyhour", name)
		}
		if s := a.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: severity %q is neither critical nor warning", name, s)
		}
		for _, key := range []string{"summary", "description", "runbook_url"} {
			if a.Annotations[key] == "" {
				t.Errorf("%s: no %s", name, key)
			}
		}
		if want := "docs/runbooks.md#" + strings.ToLower(name); a.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url is %s, not %s", name, a.Annotations["runbook_url"], want)
		}
		if !strings.Contains(runbook, "\n### "+name+"\n") {
			t.Errorf("docs/runbooks.md has no heading %s", name)
		}
	}
}

var heading = regexp.MustCompile(`(?m)^### (Busyhour\w+)$`)

func TestEveryRunbookIsOfAnAlert(t *testing.T) {
	known := alerts(t)
	for _, m := range heading.FindAllStringSubmatch(string(read(t, filepath.Join(root, "docs/runbooks.md"))), -1) {
		if _, ok := known[m[1]]; !ok {
			t.Errorf("docs/runbooks.md tells of %s, which there is not", m[1])
		}
	}
}

// An alert names who it is about; what it names must be in what its expression gives.
func TestWhatAnAlertNamesIsInItsLabels(t *testing.T) {
	label := regexp.MustCompile(`\$labels\.(\w+)`)
	for name, a := range alerts(t) {
		for _, text := range a.Annotations {
			for _, m := range label.FindAllStringSubmatch(text, -1) {
				if !slices.Contains(strings.FieldsFunc(a.Expr, func(r rune) bool { return !(r == '_' || 'a' <= r && r <= 'z') }), m[1]) {
					t.Errorf("%s names the label %s, which its expression does not keep", name, m[1])
				}
			}
		}
	}
}
