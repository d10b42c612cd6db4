package connector

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// difference of one attribute between what stands there and what should. nil: it is not there, or should not be.
type difference struct {
	path       string
	is, should any
}

// words for a person.
func (d difference) words() string {
	is, should := "missing", "should not be there"
	if d.is != nil {
		is = inWords(d.is)
	}
	if d.should != nil {
		should = "should be " + inWords(d.should)
	}
	return d.path + " is " + is + ", " + should
}

func inWords(value any) string {
	text, err := asJSON(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return printable(text)
}

func inAllWords(all []difference) (words []string) {
	for _, d := range all {
		words = append(words, d.words())
	}
	return words
}

// differ notes a difference, if there is one.
func differ(all []difference, path string, is, should any) []difference {
	if reflect.DeepEqual(is, should) {
		return all
	}
	return append(all, difference{path, is, should})
}

// lacks is what there is of the wanted attributes in another way, or not at all. What is there besides is others'.
func lacks(path string, is, should any) (all []difference) {
	switch wanted := should.(type) {
	case map[string]any:
		there, ok := is.(map[string]any)
		if !ok {
			break
		}
		for _, name := range slices.Sorted(maps.Keys(wanted)) {
			all = append(all, lacks(within(path, name), there[name], wanted[name])...)
		}
		return all
	case []any:
		there, ok := is.([]any)
		if !ok || len(there) != len(wanted) {
			break
		}
		for i := range wanted {
			all = append(all, lacks(fmt.Sprintf("%s[%d]", path, i), there[i], wanted[i])...)
		}
		return all
	case json.Number:
		if there, ok := is.(json.Number); ok && sameNumber(there, wanted) {
			return nil
		}
	}
	return differ(nil, path, is, should)
}

func within(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// sameNumber, however it is written.
func sameNumber(a, b json.Number) bool {
	x, errX := strconv.ParseFloat(a.String(), 64)
	y, errY := strconv.ParseFloat(b.String(), 64)
	return a == b || errX == nil && errY == nil && x == y
}
