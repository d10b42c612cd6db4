package scimstub

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// patch is a list of operations (RFC 7644, 3.5.2): all of them, or none.
type patch struct {
	Operations []operation `json:"Operations"`
}

type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

func readPatch(r *http.Request) (patch, error) {
	var p patch
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
		return p, badRequest("invalidSyntax", "the body is no PatchOp: %v", err)
	}
	if len(p.Operations) == 0 {
		return p, badRequest("invalidValue", "Operations is empty")
	}
	return p, nil
}

func (p patch) apply(a attributes) (attributes, error) {
	a = clone(a).(attributes)
	for _, o := range p.Operations {
		if err := o.apply(a); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// clone is as deep as it goes: what is stored is never changed.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		c := maps.Clone(v)
		for k := range c {
			c[k] = clone(c[k])
		}
		return c
	case []any:
		c := slices.Clone(v)
		for i := range c {
			c[i] = clone(c[i])
		}
		return c
	}
	return v
}

// places is attribute, attribute.sub, attribute[sub eq "value"] or attribute[sub eq "value"].sub, the attribute perhaps
// behind the URN of its schema.
var places = regexp.MustCompile(`^(?:(urn:.+):)?([A-Za-z$][\w$-]*)(?:\[(.+)\])?(?:\.([\w$-]+))?$`)

func (o operation) apply(a attributes) error {
	op := strings.ToLower(o.Op)
	if op != "add" && op != "replace" && op != "remove" {
		return badRequest("invalidSyntax", "op %q: there are add, replace and remove", o.Op)
	}
	if o.Path == "" {
		return o.everything(op, a)
	}
	if o.extension(a) {
		follows(op, a, o.Path)
		change(op, a, o.Path, o.Value)
		return nil
	}
	m := places.FindStringSubmatch(o.Path)
	if m == nil {
		return badRequest("invalidPath", "path %q cannot be read", o.Path)
	}
	if schema := m[1]; schema != "" && schema != userType.schema && schema != groupType.schema {
		follows(op, a, schema)
		a = within(a, schema)
	}
	if m[3] != "" {
		return o.some(op, a, m[2], m[3], m[4])
	}
	if m[4] != "" {
		a, m[2] = within(a, named(a, m[2])), m[4]
	}
	change(op, a, named(a, m[2]), o.Value)
	return nil
}

// follows lets the schemas follow from the attributes: who adds one of a schema adds the schema (RFC 7644, 3.5.2).
func follows(op string, a attributes, schema string) {
	list, _ := a["schemas"].([]any)
	if op != "remove" && list != nil && !slices.Contains(list, any(schema)) {
		a["schemas"] = append(list, schema)
	}
}

// extension says whether the path is a whole schema, rather than an attribute of one.
func (o operation) extension(a attributes) bool {
	_, object := o.Value.(map[string]any)
	return strings.HasPrefix(o.Path, "urn:") && (object || a[o.Path] != nil)
}

// everything is an operation without a path: its value names the attributes.
func (o operation) everything(op string, a attributes) error {
	values, ok := o.Value.(map[string]any)
	if !ok || op == "remove" {
		return badRequest("noTarget", "%s without a path wants an object of attributes", op)
	}
	for name, value := range values {
		if err := (operation{Op: op, Path: name, Value: value}).apply(a); err != nil {
			return err
		}
	}
	return nil
}

// some changes those entries of a list that the filter within the path lets through.
func (o operation) some(op string, a attributes, attribute, condition, sub string) error {
	m := equals.FindStringSubmatch(condition)
	if m == nil {
		return badRequest("invalidFilter", `%q is not of the form attribute eq "value"`, condition)
	}
	var want any
	if err := json.Unmarshal([]byte(m[2]), &want); err != nil {
		return badRequest("invalidFilter", "%s is no JSON text: %v", m[2], err)
	}
	attribute = named(a, attribute)
	list, _ := a[attribute].([]any)
	matches := func(entry any) bool {
		e, _ := entry.(map[string]any)
		return e != nil && e[named(e, m[1])] == want
	}
	if op == "remove" && sub == "" {
		a[attribute] = slices.DeleteFunc(list, matches)
		return nil
	}
	if !slices.ContainsFunc(list, matches) {
		return badRequest("noTarget", "no entry of %s has %s", attribute, condition)
	}
	for i, entry := range list {
		switch {
		case !matches(entry):
		case sub == "":
			list[i] = o.Value
		default:
			change(op, entry.(map[string]any), sub, o.Value)
		}
	}
	return nil
}

// change of one attribute. What is added to a list comes to what is there.
func change(op string, a attributes, name string, value any) {
	old, many := a[name].([]any)
	more, several := value.([]any)
	switch {
	case op == "remove":
		delete(a, name)
	case op == "add" && many && several:
		a[name] = append(old, more...)
	case op == "add" && many:
		a[name] = append(old, value)
	default:
		a[name] = value
	}
}

// named is the attribute as it stands there: names are the same in capitals.
func named(a attributes, name string) string {
	for k := range a {
		if strings.EqualFold(k, name) {
			return k
		}
	}
	return name
}

// within is the object under a name, made if there is none.
func within(a attributes, name string) attributes {
	inner, ok := a[name].(map[string]any)
	if !ok {
		inner = attributes{}
		a[name] = inner
	}
	return inner
}
