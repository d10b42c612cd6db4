package scimstub

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// memberValue is the one attribute that is looked for within a list.
const memberValue = "members.value"

// filter is attribute eq "value"; its zero value lets everything through.
type filter struct{ attribute, value string }

var equals = regexp.MustCompile(`(?is)^\s*([a-z0-9:._$-]+)\s+eq\s+(".*")\s*$`)

// parseFilter reads the one form that the stub knows.
func parseFilter(text string) (filter, error) {
	if text == "" {
		return filter{}, nil
	}
	m := equals.FindStringSubmatch(text)
	if m == nil {
		return filter{}, badRequest("invalidFilter", `%q is not of the form attribute eq "value"`, text)
	}
	f := filter{}
	if err := json.Unmarshal([]byte(m[2]), &f.value); err != nil {
		return f, badRequest("invalidFilter", "%s is no JSON text: %v", m[2], err)
	}
	known := append([]string{"id", memberValue}, indexed...)
	i := slices.IndexFunc(known, func(a string) bool { return strings.EqualFold(a, m[1]) })
	if i < 0 {
		return f, badRequest("invalidFilter", "%s: the stub filters by %s only", m[1], strings.Join(known, ", "))
	}
	f.attribute = known[i]
	return f, nil
}
