package scim

import (
	"slices"
	"strings"
)

const patchSchema = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

// operation is one change of a PATCH.
type operation struct {
	op, path string
	value    any
}

const (
	opAdd     = "add"
	opReplace = "replace"
	opRemove  = "remove"
)

// mostOperations of one PATCH; a provider that has more sends several.
const mostOperations = 1000

// readPatch takes the operations from a body.
func readPatch(body object) ([]operation, error) {
	if err := speaks(body, patchSchema); err != nil {
		return nil, err
	}
	all, ok := get(body, "Operations").([]any)
	if !ok || len(all) == 0 {
		return nil, bad(invalidSyntax, "Operations is missing: a list of changes is expected")
	}
	if len(all) > mostOperations {
		return nil, bad(tooMany, "%d operations, at most %d are taken: send several requests", len(all), mostOperations)
	}
	operations := make([]operation, len(all))
	for i, one := range all {
		o, ok := one.(object)
		if !ok {
			return nil, bad(invalidSyntax, "operation %d is no object", i+1)
		}
		var err error
		if operations[i], err = readOperation(o, i+1); err != nil {
			return nil, err
		}
	}
	return operations, nil
}

func readOperation(o object, n int) (operation, error) {
	op, _ := get(o, "op").(string)
	path, isText := get(o, "path").(string)
	to := operation{op: strings.ToLower(op), path: strings.TrimSpace(path), value: get(o, "value")}
	switch {
	case to.op != opAdd && to.op != opReplace && to.op != opRemove:
		return to, bad(invalidSyntax, "operation %d: op %q is none of add, replace, remove", n, short(op))
	case !isText && get(o, "path") != nil:
		return to, bad(invalidPath, "operation %d: path is no text", n)
	case to.op == opRemove && to.path == "":
		return to, bad(noTarget, "operation %d: remove needs a path", n)
	case to.op != opRemove && !has(o, "value"):
		return to, bad(invalidValue, "operation %d: %s needs a value", n, to.op)
	}
	return to, nil
}

// patch makes the changes, all or none, in a copy of the resource.
func (t *resourceType) patch(standing object, operations []operation) (object, error) {
	o := clone(standing).(object)
	for _, op := range operations {
		if err := t.apply(o, op); err != nil {
			return nil, err
		}
	}
	if t == userType && !t.mention(operations, "displayName") {
		if name, _ := get(o, "name").(object); !empty(get(name, "formatted")) {
			set(o, "displayName", get(name, "formatted")) // the two are one, and only this one was changed
		}
	}
	return o, nil
}

// mention reports whether any operation is about an attribute.
func (t *resourceType) mention(operations []operation, name string) bool {
	return slices.ContainsFunc(operations, func(op operation) bool {
		if op.path != "" {
			to, err := t.parsePath(op.path)
			return err == nil && to.place.String() == name
		}
		all, _ := op.value.(object)
		for key := range all {
			if t.lookUp(key).String() == name {
				return true
			}
		}
		return false
	})
}

func (t *resourceType) apply(o object, op operation) error {
	if op.path == "" {
		return t.applyAll(o, op, "")
	}
	to, err := t.parsePath(op.path)
	if err != nil {
		return err
	}
	if to.attribute != nil && to.attribute.readOnly {
		return bad(mutability, "%s is the server's: leave it out", to.place)
	}
	return t.applyAt(o, op, to)
}

// applyAll makes a change of every attribute of its value. What only the server may write comes along with some providers,
// and is left out.
func (t *resourceType) applyAll(o object, op operation, prefix string) error {
	all, ok := op.value.(object)
	if !ok {
		return bad(invalidValue, "without a path the value of %s is an object of attributes", op.op)
	}
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names) // the same request does the same
	for _, name := range names {
		to, err := t.parsePath(prefix + name)
		if err != nil {
			return err
		}
		if to.attribute != nil && to.attribute.readOnly {
			continue
		}
		if err := t.applyAt(o, operation{op.op, to.text, all[name]}, to); err != nil {
			return err
		}
	}
	return nil
}

func (t *resourceType) applyAt(o object, op operation, to path) error {
	switch {
	case !to.known(): // RFC 7644, 3.3: what nobody knows here is ignored
		return nil
	case to.whole && op.op == opRemove:
		remove(o, to.extension)
		return nil
	case to.whole:
		return t.applyAll(o, op, to.extension+":")
	}
	holder := to.holder(o, op.op != opRemove)
	switch {
	case holder == nil:
		return nil
	case to.attribute.many && (to.values != nil || to.sub != nil):
		return applySome(holder, op, to)
	case to.attribute.many:
		return applyMany(holder, op, to.attribute)
	case to.sub != nil:
		return applySub(holder, op, to)
	}
	return applyOne(holder, op, to.attribute)
}

// applyOne changes an attribute that has one value. Of an object what is not named stays.
func applyOne(holder object, op operation, a *attribute) error {
	if op.op == opRemove {
		remove(holder, a.name)
		return nil
	}
	if a.kind == "complex" {
		value, ok := op.value.(object)
		if !ok {
			return bad(invalidValue, "%s is an object", a.name)
		}
		set(holder, a.name, merged(get(holder, a.name), value))
		return nil
	}
	set(holder, a.name, clone(op.value))
	return nil
}

func merged(old any, value object) object {
	under, _ := old.(object)
	all := object{}
	for name, v := range under {
		all[name] = v
	}
	for name, v := range value {
		set(all, name, clone(v))
	}
	return all
}

func applySub(holder object, op operation, to path) error {
	o, _ := get(holder, to.attribute.name).(object)
	if op.op == opRemove {
		remove(o, to.sub.name)
		return nil
	}
	set(holder, to.attribute.name, merged(o, object{to.sub.name: op.value}))
	return nil
}

// applyMany changes the values of an attribute as a whole. remove with a value takes just those, as some providers write it.
func applyMany(holder object, op operation, a *attribute) error {
	old := list(get(holder, a.name))
	var wanted []any
	switch {
	case op.op == opRemove && op.value == nil:
		remove(holder, a.name)
		return nil
	case op.op == opRemove:
		gone := a.index(list(op.value))
		set(holder, a.name, slices.DeleteFunc(old, func(have any) bool {
			_, ok := gone[a.keyOf(have)]
			return ok
		}))
		return nil
	case op.op == opAdd:
		wanted = old
	}
	index := a.index(wanted)
	for _, v := range list(op.value) {
		if key := a.keyOf(v); key == "" {
			wanted = append(wanted, clone(v))
		} else if i, there := index[key]; there {
			wanted[i] = clone(v)
		} else {
			index[key] = len(wanted)
			wanted = append(wanted, clone(v))
		}
	}
	set(holder, a.name, wanted)
	return nil
}

// index finds values by their key; a group has thousands of members.
func (a *attribute) index(values []any) map[string]int {
	index := make(map[string]int, len(values))
	for i, v := range values {
		if key := a.keyOf(v); key != "" {
			index[key] = i
		}
	}
	return index
}

// keyOf tells one of many values from another; empty: nothing does.
func (a *attribute) keyOf(value any) string {
	exact := a.exact
	if a.key != "" {
		o, ok := value.(object)
		if !ok {
			return ""
		}
		value, exact = get(o, a.key), named(a.sub, a.key).exact
	}
	text, _ := value.(string)
	if !exact {
		text = strings.ToLower(text)
	}
	return text
}

// applySome changes those of many values that the filter chooses, or a sub-attribute of theirs.
func applySome(holder object, op operation, to path) error {
	values := list(get(holder, to.attribute.name))
	chosen := func(v any) bool {
		o, ok := v.(object)
		return ok && (to.values == nil || to.values.match(o))
	}
	if op.op == opRemove && to.sub == nil {
		set(holder, to.attribute.name, slices.DeleteFunc(values, chosen))
		return nil
	}
	found := false
	for i, v := range values {
		if chosen(v) {
			found = true
			var err error
			if values[i], err = changed(v.(object), op, to); err != nil {
				return err
			}
		}
	}
	switch {
	case found || op.op == opRemove:
		return nil
	case op.op == opReplace && to.values != nil:
		return bad(noTarget, "%q: there is no such value to replace; add it", short(to.text))
	}
	one, err := changed(fromFilter(to.values), operation{opAdd, op.path, op.value}, to)
	set(holder, to.attribute.name, append(values, one))
	return err
}

// changed is one of many values after the change.
func changed(o object, op operation, to path) (object, error) {
	value, isObject := op.value.(object)
	switch {
	case to.sub != nil && op.op == opRemove:
		remove(o, to.sub.name)
		return o, nil
	case to.sub != nil:
		return merged(o, object{to.sub.name: op.value}), nil
	case !isObject:
		return nil, bad(invalidValue, "%q: the value is an object", short(to.text))
	case op.op == opReplace:
		return clone(value).(object), nil
	}
	return merged(o, value), nil
}

// fromFilter is a value that the filter chooses, as far as it says how that looks.
func fromFilter(f filter) object {
	o := object{}
	for _, c := range equalities(f) {
		if c.name != "" {
			set(o, c.name, c.want)
		}
	}
	return o
}

// speaks refuses a body that is said to be something else. One that says nothing is taken for what is expected.
func speaks(body object, schema string) error {
	schemas := list(get(body, "schemas"))
	if len(schemas) == 0 || slices.ContainsFunc(schemas, func(s any) bool { return sameText(s, schema) }) {
		return nil
	}
	return bad(invalidSyntax, "schemas does not have %s", schema)
}

func sameText(value any, text string) bool {
	have, ok := value.(string)
	return ok && strings.EqualFold(have, text)
}
