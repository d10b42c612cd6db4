package model

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What DESIGN.md names is there: the runs, the files, and the code that the steps stand for.
func TestDesignNamesWhatThereIs(t *testing.T) {
	text, err := os.ReadFile("DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	sources := source(t)
	for _, quoted := range regexp.MustCompile("`([^` ]+)`").FindAllStringSubmatch(string(text), -1) {
		switch name := quoted[1]; {
		case regexp.MustCompile(`^(asis|mend|code|alt|off)-`).MatchString(name):
			named(t, strings.Split(name, "-")[0], name)
		case regexp.MustCompile(`^\w+\.(go|lua)$`).MatchString(name):
			if sources[name] == "" {
				t.Errorf("DESIGN.md names the file %s: there is none", name)
			}
		case regexp.MustCompile(`^\w+\.\w+$`).MatchString(name):
			_, name, _ = strings.Cut(name, ".")
			if !declared(sources, name) {
				t.Errorf("DESIGN.md names %s: no function, type or field of that name", quoted[1])
			}
		}
	}
	for _, r := range Runs("off") {
		if !strings.Contains(string(text), "`"+r.Name+"`") {
			t.Errorf("DESIGN.md does not say which code the clause of %s is", r.Name)
		}
	}
}

// source gives the files that the page is about, by name.
func source(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, folder := range []string{".", "..", "../../commit", "../../eventlog"} {
		for _, ending := range []string{"*.go", "*.lua"} {
			names, err := filepath.Glob(filepath.Join(folder, ending))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				text, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				files[filepath.Base(name)] += string(text)
			}
		}
	}
	return files
}

func declared(sources map[string]string, name string) bool {
	declaration := regexp.MustCompile(`(?m)^func (\([^)]*\) )?` + name + `\b|^type ` + name + `\b|^\t` + name + `\s+func\(`)
	for _, text := range sources {
		if declaration.MatchString(text) {
			return true
		}
	}
	return false
}
