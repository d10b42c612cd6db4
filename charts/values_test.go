package charts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	goyaml "go.yaml.in/yaml/v3"
)

// schema is as much of values.schema.json as the README shows.
type schema struct {
	Ref         string             `json:"$ref"`
	Description string             `json:"description"`
	Properties  map[string]*schema `json:"properties"`
	Definitions map[string]*schema `json:"definitions"`
	Additional  any                `json:"additionalProperties"`
}

// row is one value that can be said.
type row struct{ key, def, description string }

// README has what is between the marks by this test.
const begin, end = "<!-- values: go test -update . -->\n", "<!-- end of values -->"

func TestReadmeHasEveryValue(t *testing.T) {
	table := "| value | default | what |\n|---|---|---|\n"
	for _, r := range rows(t) {
		table += fmt.Sprintf("| `%s` | %s | %s |\n", r.key, r.def, strings.ReplaceAll(r.description, "|", `\|`))
	}
	path := chartDir + "/README.md"
	readme, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := bytes.Cut(readme, []byte(begin))
	_, after, found := bytes.Cut(rest, []byte(end))
	if !found {
		t.Fatalf("%s has no place for the table: %q and %q", path, begin, end)
	}
	golden(t, path, fmt.Appendf(nil, "%s%s%s%s%s", before, begin, table, end, after))
}

// rows are the values in the order of values.yaml. Each must have a default there and a description in the schema.
func rows(t *testing.T) []row {
	t.Helper()
	top := &schema{}
	text, err := os.ReadFile(chartDir + "/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, top); err != nil {
		t.Fatal(err)
	}
	text, err = os.ReadFile(chartDir + "/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc goyaml.Node
	if err := goyaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	w := walker{t: t, definitions: top.Definitions}
	delete(top.Properties, "global") // Helm's own
	w.walk("", top, doc.Content[0])
	return slices.DeleteFunc(w.rows, repeated(w.rows))
}

// repeated values of the second and the third service are those with the default of the first.
func repeated(rows []row) func(row) bool {
	first := map[string]string{}
	for _, r := range rows {
		first[r.key] = r.def
	}
	return func(r row) bool {
		service, rest, _ := strings.Cut(r.key, ".")
		def, found := first["callRouting."+rest]
		return found && def == r.def && (service == "agentPresence" || service == "provisioning")
	}
}

type walker struct {
	t           *testing.T
	definitions map[string]*schema
	rows        []row
}

func (w *walker) walk(prefix string, s *schema, node *goyaml.Node) {
	if s.Additional != false {
		w.t.Errorf("%s: the schema lets unknown values pass", prefix)
	}
	said := map[string]bool{}
	for i := 0; i < len(node.Content); i += 2 {
		name, value := node.Content[i].Value, node.Content[i+1]
		said[name] = true
		w.one(prefix+name, s.Properties[name], value)
	}
	for name := range s.Properties {
		if !said[name] {
			w.t.Errorf("%s%s: it is in the schema and has no default in values.yaml", prefix, name)
		}
	}
}

func (w *walker) one(key string, s *schema, value *goyaml.Node) {
	if s == nil || s.Description == "" {
		w.t.Errorf("%s: no description in the schema", key)
		return
	}
	description := s.Description
	if s.Ref != "" {
		s = w.definitions[strings.TrimPrefix(s.Ref, "#/definitions/")]
	}
	if s.Properties == nil {
		w.rows = append(w.rows, row{key, inline(w.t, value), description})
		return
	}
	w.walk(key+".", s, value)
}

// inline is a default on one line.
func inline(t *testing.T, n *goyaml.Node) string {
	t.Helper()
	if n.Value == "" && len(n.Content) == 0 {
		return ""
	}
	flow(n)
	text, err := goyaml.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	return "`" + strings.ReplaceAll(strings.Join(strings.Fields(string(text)), " "), "|", `\|`) + "`"
}

func flow(n *goyaml.Node) {
	if len(n.Content) > 0 {
		n.Style = goyaml.FlowStyle
	}
	for _, c := range n.Content {
		flow(c)
	}
}
