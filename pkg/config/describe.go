package config

import (
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Describe writes every key with its default, its documentation and its names, as a YAML file that Load would read.
// Given a struct that was loaded, it writes the values in force. Secrets are masked.
func Describe(w io.Writer, name string, of any) error {
	fields, err := fieldsOf(of)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "# %s: every key. A flag (--a.b) wins over the environment, that over the file (--config), that over the default.\n", name)
	fmt.Fprintf(w, "# A variable with %s behind its name is the path of a file with the value, for secrets that are mounted.\n", fileSuffix)
	var at []string
	for _, f := range fields {
		path := strings.Split(f.key, ".")
		at = openSections(w, at, path)
		indent := strings.Repeat("  ", len(path)-1)
		fmt.Fprintf(w, "\n%s# %s\n%s# %s\n", indent, f.doc, indent, f.env())
		value, err := f.yaml()
		if err != nil {
			return fmt.Errorf("config: %s: %w", f.key, err)
		}
		fmt.Fprintf(w, "%s%s: %s\n", indent, path[len(path)-1], value)
	}
	return nil
}

// Usage writes one line per flag.
func Usage(w io.Writer, name string, of any) error {
	fields, err := fieldsOf(of)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "usage: %s [--config FILE] [flags]\n\n", name)
	for _, f := range fields {
		fmt.Fprintf(w, "  --%-28s %s (%s)\n", f.key, f.doc, f.shown())
	}
	return nil
}

// openSections writes the section headings that lead from where the writer stands to the path.
func openSections(w io.Writer, at, path []string) []string {
	sections := path[:len(path)-1]
	same := 0
	for same < len(at) && same < len(sections) && at[same] == sections[same] {
		same++
	}
	for i := same; i < len(sections); i++ {
		fmt.Fprintf(w, "\n%s%s:\n", strings.Repeat("  ", i), sections[i])
	}
	return sections
}

func (f field) yaml() (string, error) {
	var value any = f.shown()
	switch {
	case f.value.Kind() == reflect.Slice:
		value = split(withoutUsers(f.def))
	case f.value.Kind() != reflect.String && text(f.value) == nil && f.def != "":
		return f.def, nil // numbers, booleans and durations need no quotes
	}
	node := yaml.Node{}
	if err := node.Encode(value); err != nil {
		return "", err
	}
	node.Style = yaml.FlowStyle
	out, err := yaml.Marshal(&node)
	return strings.TrimSpace(string(out)), err
}

const mask = "********"

func (f field) shown() string {
	if f.secret && f.def != "" {
		return mask
	}
	return withoutUsers(f.def)
}

var users = regexp.MustCompile(`://[^\s/]*@`)

// withoutUsers masks who logs in by an address, and with which password.
func withoutUsers(text string) string { return users.ReplaceAllString(text, "://"+mask+"@") }
