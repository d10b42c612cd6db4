package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// object is a resource, or a part of one, by the names of its attributes, as it is in JSON. Names are the same in capitals
// (RFC 7643, 2.1), so it is read and written through find, get, set and remove.
type object = map[string]any

// find is the name under which an attribute stands in o, or the name itself.
func find(o object, name string) string {
	if _, ok := o[name]; ok {
		return name
	}
	for have := range o {
		if strings.EqualFold(have, name) {
			return have
		}
	}
	return name
}

func get(o object, name string) any { return o[find(o, name)] }

func has(o object, name string) bool {
	_, ok := o[find(o, name)]
	return ok
}

func set(o object, name string, value any) { o[find(o, name)] = value }

func remove(o object, name string) { delete(o, find(o, name)) }

// list is a value of many: nil has none, and one that stands for itself is a list of one.
func list(value any) []any {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{value}
}

// empty values are not assigned (RFC 7643, 2.5).
func empty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case object:
		for _, sub := range v {
			if !empty(sub) {
				return false
			}
		}
		return true
	}
	return false
}

// Bounds of a body. What is deeper than that is meant for our stack, not for us.
const (
	longestBody = 1 << 20
	deepest     = 32
)

// decode reads a body that is one JSON object.
func decode(body []byte) (object, error) {
	if depth(body) > deepest {
		return nil, bad(invalidSyntax, "the body is nested deeper than %d levels: no resource is", deepest)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var o object
	if err := d.Decode(&o); err != nil || o == nil {
		return nil, bad(invalidSyntax, "the body is not a JSON object: %s", reason(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, bad(invalidSyntax, "the body goes on after its JSON object: send one object")
	}
	return o, unique(o)
}

func reason(err error) string {
	switch {
	case err == nil:
		return "it is null"
	case errors.Is(err, io.EOF):
		return "it is empty"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it breaks off"
	}
	return short(err.Error())
}

// depth is how many brackets are open at once, at most. It is counted before anything is built.
func depth(body []byte) (most int) {
	open, inText := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			open++
			most = max(most, open)
		case c == '}' || c == ']':
			open--
		}
	}
	return most
}

// unique refuses an attribute that is there twice, in other capitals: nobody could say which one is meant.
func unique(value any) error {
	switch v := value.(type) {
	case object:
		seen := make(map[string]bool, len(v))
		for name, sub := range v {
			folded := strings.ToLower(name)
			if seen[folded] {
				return bad(invalidSyntax, "attribute %q is there twice, in other capitals: leave one", short(name))
			}
			seen[folded] = true
			if err := unique(sub); err != nil {
				return err
			}
		}
	case []any:
		for _, sub := range v {
			if err := unique(sub); err != nil {
				return err
			}
		}
	}
	return nil
}

// clone copies a value down to its texts and numbers.
func clone(value any) any {
	switch v := value.(type) {
	case object:
		all := make(object, len(v))
		for name, sub := range v {
			all[name] = clone(sub)
		}
		return all
	case []any:
		all := make([]any, len(v))
		for i, sub := range v {
			all[i] = clone(sub)
		}
		return all
	}
	return value
}
