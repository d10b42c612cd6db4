package scim

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// filter says which resources are meant (RFC 7644, 3.4.2.2), or which of many values.
type filter interface {
	match(o object) bool
}

type (
	both   struct{ left, right filter }
	either struct{ left, right filter }
	except struct{ inner filter }
	// some is a value path, phoneNumbers[type eq "work"]: one value must be all that.
	some struct {
		name  string
		at    reader
		inner filter
	}
	comparison struct {
		name      string // as the schema writes it; empty: nobody knows it
		at        reader
		attribute *attribute
		op        string
		want      any // text, bool, float64, or nil
	}
)

// reader gives all values of an attribute.
type reader func(o object) []any

func (f both) match(o object) bool   { return f.left.match(o) && f.right.match(o) }
func (f either) match(o object) bool { return f.left.match(o) || f.right.match(o) }
func (f except) match(o object) bool { return !f.inner.match(o) }

func (f some) match(o object) bool {
	return slices.ContainsFunc(f.at(o), func(value any) bool {
		sub, ok := value.(object)
		return ok && f.inner.match(sub)
	})
}

func (f comparison) match(o object) bool {
	values := slices.DeleteFunc(slices.Clone(f.at(o)), empty)
	switch {
	case f.op == "pr":
		return len(values) > 0
	case f.want == nil:
		return (len(values) == 0) == (f.op == "eq")
	case f.op == "ne":
		return !slices.ContainsFunc(values, func(v any) bool { return f.holds("eq", v) })
	}
	return slices.ContainsFunc(values, func(v any) bool { return f.holds(f.op, v) })
}

func (f comparison) holds(op string, have any) bool {
	switch want := f.want.(type) {
	case bool:
		return op == "eq" && have == want
	case float64:
		n, ok := number(have)
		return ok && ordered(op, compare(n, want))
	case string:
		return f.holdsText(op, have, want)
	}
	return false
}

func (f comparison) holdsText(op string, have any, want string) bool {
	if b, ok := have.(bool); ok { // some write active eq "True"
		return op == "eq" && strings.EqualFold(strconv.FormatBool(b), want)
	}
	text, ok := have.(string)
	if !ok {
		return false
	}
	if f.attribute != nil && f.attribute.kind == "dateTime" {
		a, errA := time.Parse(time.RFC3339Nano, text)
		b, errB := time.Parse(time.RFC3339Nano, want)
		if errA == nil && errB == nil && ordering(op) {
			return ordered(op, a.Compare(b))
		}
	}
	if f.attribute == nil || !f.attribute.exact {
		text, want = strings.ToLower(text), strings.ToLower(want)
	}
	switch op {
	case "co":
		return strings.Contains(text, want)
	case "sw":
		return strings.HasPrefix(text, want)
	case "ew":
		return strings.HasSuffix(text, want)
	}
	return ordered(op, strings.Compare(text, want))
}

func ordering(op string) bool { return slices.Contains([]string{"eq", "gt", "ge", "lt", "le"}, op) }

func ordered(op string, c int) bool {
	switch op {
	case "eq":
		return c == 0
	case "gt":
		return c > 0
	case "ge":
		return c >= 0
	case "lt":
		return c < 0
	case "le":
		return c <= 0
	}
	return false
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func number(value any) (float64, bool) {
	switch n := value.(type) {
	case float64:
		return n, true
	case uint32:
		return float64(n), true
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	}
	return 0, false
}

// equalities are attribute eq text, all of which must hold for the filter to.
func equalities(f filter) []comparison {
	switch f := f.(type) {
	case both:
		return append(equalities(f.left), equalities(f.right)...)
	case some:
		all := equalities(f.inner)
		for i := range all {
			all[i].name = f.name + "." + all[i].name
		}
		return all
	case comparison:
		if f.op == "eq" && f.want != nil {
			return []comparison{f}
		}
	}
	return nil
}

// scope finds the attributes that a filter names.
type scope func(name string) (canonical string, at reader, a *attribute)

// resource is the scope of filters on resources of a type.
func (t *resourceType) scope(name string) (string, reader, *attribute) {
	p := t.lookUp(name)
	if !p.known() {
		return "", func(object) []any { return nil }, nil
	}
	return p.String(), p.in, p.leaf()
}

// elements is reader of the values themselves, for a value path.
func (t *resourceType) elements(name string) (string, reader, *attribute) {
	p := t.lookUp(name)
	if p.attribute == nil || p.sub != nil {
		return "", func(object) []any { return nil }, nil
	}
	return p.String(), func(o object) []any {
		holder := p.holder(o, false)
		if holder == nil {
			return nil
		}
		return list(get(holder, p.attribute.name))
	}, p.attribute
}

// subScope is the scope of what stands in brackets behind an attribute.
func subScope(a *attribute) scope {
	return func(name string) (string, reader, *attribute) {
		var sub *attribute
		if a != nil {
			sub = named(a.sub, name)
		}
		if sub != nil {
			name = sub.name
		}
		return name, func(o object) []any { return list(get(o, name)) }, sub
	}
}
